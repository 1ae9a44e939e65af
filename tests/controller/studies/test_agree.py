"""Rows of several tiers side by side, and when they agree."""

from __future__ import annotations

import pytest

from controller.experiment.record import NodeVerdict, Phase, Result, Setting
from controller.studies.agree import TierEnding, cells, kernels_line, markdown, matched_lines, pairs, row_of
from nodes.eventkinds import Wait
from nodes.messages import Sample
from nodes.units import SECOND_NS


def row(tier: str, verdict: str, policy: str = "none") -> TierEnding:
    return TierEnding(scenario="s", digest="d", policy=policy, tier=tier, verdict=verdict)


@pytest.mark.parametrize(
    ("sim", "container", "agreement"),
    [
        ("deadlocked", "deadlocked", "same"),
        ("deadlocked", "starved", "same kind"),
        ("healthy", "slow", "same kind"),
        ("healthy", "deadlocked", "differs"),
        ("oom", "deadlocked", "differs"),
        ("healthy", "inconclusive", "-"),
        ("inconclusive", "inconclusive", "-"),
    ],
)
def test_verdicts_agree_when_they_are_of_one_kind(sim: str, container: str, agreement: str) -> None:
    (pair,) = pairs([row("sim", sim), row("container", container)], ("sim", "container"))
    assert pair.agreement == agreement


def test_one_tier_alone_agrees_with_nobody() -> None:
    (pair,) = pairs(
        [row("sim", "healthy"), TierEnding(scenario="s", digest="d", policy="none", tier="container", error="no")],
        ("sim", "container"),
    )
    assert pair.agreement == "-"


def test_the_newest_row_counts_and_policies_stay_apart() -> None:
    old, new, other = row("sim", "healthy"), row("sim", "oom"), row("sim", "slow", "memalloc")
    first, second = pairs([old, other, new], ("sim",))
    assert [first.rows[0].verdict, second.rows[0].verdict] == ["oom", "slow"]


def test_a_row_has_the_figures_of_the_worst_initiator() -> None:
    edge = Wait(waiter="kswapd", resource="r", need=1, have=0, who_frees="x", why="")
    well = NodeVerdict(node="initiator-1", verdict="healthy", reason="")
    hung = NodeVerdict(
        node="initiator-2", verdict="deadlocked", reason="", warmup_pages_per_s=100.0, flood_pages_per_s=20.0,
        stalled_since_ns=12 * SECOND_NS, cycle=(edge,),
    )  # fmt: skip
    flood = Phase(name="flood", start_ns=10 * SECOND_NS, end_ns=20 * SECOND_NS)
    result = Result(run="r", scenario="s", tier="sim", verdict="deadlocked", nodes=(well, hung), phases=(flood,))
    samples = [Sample(t_ns=1, node="initiator-2", run="r", early_drops=1200)]
    found = row_of(result, samples, policy="none", digest="d")
    assert (found.flood_ratio, found.hang_s, found.cycle, found.measured) == (0.2, 2.0, ("kswapd",), None)
    assert cells(found) == ("deadlocked", "20 % of its rate, stands since 2.0 s, lost: 1,200 early drop")


def test_the_page_tells_what_could_not_be_run_and_why_they_differ() -> None:
    lacking = TierEnding(scenario="s", digest="d", policy="none", tier="container", error="no links.storage")
    table = list(pairs([row("sim", "healthy"), lacking], ("sim", "container")))
    text = list(markdown(table, ("sim", "container"), {("s", "none"): "because"}))
    assert text[2] == "| s | none | healthy | cannot: no links.storage | -: because |"


def test_of_a_run_that_proves_nothing_the_reason_is_told() -> None:
    void = TierEnding(
        scenario="s", digest="d", policy="none", tier="sim", verdict="inconclusive", sentence="why", hang_s=1.0
    )
    assert cells(void) == ("inconclusive", "why")


def test_a_kernels_row_has_its_release() -> None:
    settings = (Setting(node="i", name="kernel", in_force="6.12.1"),)
    found = row_of(Result(run="r", scenario="s", tier="kernel", settings=settings), policy="none", digest="d")
    table = list(pairs([found, row("sim", "healthy")], ("sim", "kernel")))
    assert found.kernel == "6.12.1" and kernels_line(table) == "Kernels: 6.12.1."
    assert kernels_line(pairs([row("kernel", "healthy")], ("kernel",))) == ""


def test_what_was_matched_to_a_kernel_is_told_once_a_pair() -> None:
    changes = ("memory 65 MiB (free)", "min_free 4 MiB (read back)")
    rows = [
        row("kernel", "healthy"),
        *(
            TierEnding(scenario="s", digest="d", policy="none", tier=t, matched="r", changes=changes)
            for t in ("sim", "container")
        ),
        row("kernel", "healthy", "memalloc"),
    ]
    table = list(pairs(rows, ("sim", "container", "kernel")))
    line = "s under none: memory 65 MiB (free); min_free 4 MiB (read back)"
    assert list(matched_lines(table)) == [line]
    assert list(markdown(table, ("sim",), {}))[-2:] == ["", f"* {line}"]
