from __future__ import annotations

from pathlib import Path

from controller.experiment.scenario import Scenario, load, parse
from controller.studies.advice import advice, candidates, saving_policy, saving_reserve
from controller.studies.trials import try_out
from nodes.units import PAGE_BYTES

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = parse(
    """
name: drowning
nodes: {initiator: {memory: 16 MiB, min_free: 256 KiB, nic: e1000e, working_set: 24 MiB}}
policy: none
floods: [{kind: udp, rate: 20 kpps, size: 1400 B, sockets: 4, rcvbuf: 4 MiB, reader: stalled}]
phases: {warmup: 8 s, flood: 5 s, heal: 1 s}
expect: [{verdict: healthy}]
""",
    "drowning.yaml",
)


def test_stock_kernels_policies_that_flag_the_socket_are_tried_first_and_oracles_never() -> None:
    names = [scenario.policy.name for scenario in candidates(SCENARIO)]
    assert names[:2] == ["memalloc", "mainline"]
    assert "ideal" not in names and "none" not in names


def test_the_first_policy_that_saves_it_is_named() -> None:
    assert saving_policy(SCENARIO, lambda scenario: scenario.policy.name in ("mainline", "iface")) == "mainline"
    assert saving_policy(SCENARIO, lambda scenario: False) == ""


def test_the_reserve_is_near_the_smallest_that_saves_it_and_never_below() -> None:
    for least in (65, 100, 128, 500, 777, 1024):
        found = saving_reserve(SCENARIO, lambda scenario, least=least: scenario.nodes.initiator.min_free_pages >= least)
        pages = int(found.removesuffix(" KiB")) * 1024 // PAGE_BYTES
        assert least <= pages <= least * 1.15, least


def test_more_than_a_quarter_of_memory_is_no_advice() -> None:
    assert saving_reserve(SCENARIO, lambda scenario: scenario.nodes.initiator.min_free_pages > 1024) == ""


def test_nothing_is_said_when_nothing_saves_it() -> None:
    assert list(advice(SCENARIO, lambda scenario: False)) == []


def test_each_answer_is_words_that_run_takes() -> None:
    assert list(advice(SCENARIO, lambda scenario: True)) == [
        "--policy memalloc", "--set 'nodes.initiator.min_free=288 KiB'"
    ]  # fmt: skip


def test_what_is_advised_really_saves_classic() -> None:
    classic = load(ROOT / "scenarios" / "classic.yaml").with_policy("none")

    def survives(scenario: Scenario) -> bool:
        return try_out(scenario).survived

    assert not survives(classic)
    found = saving_policy(classic, survives)
    assert found.startswith("memalloc") and survives(classic.with_policy(found))
