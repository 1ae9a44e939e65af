"""Cells, their majority, the axes they lie on, and the boundary between those that live and those that do not."""

from __future__ import annotations

import pytest
from sweptgrids import more_reserve_helps, plan, rows

from controller.experiment.scenario.axes import axis
from controller.studies.sweep.grid import Cell, Segment, grid, scale
from controller.studies.sweep.model import Swept, SweptVerdict


def cell(*verdicts: SweptVerdict, seeds: int = 3) -> Cell:
    return Cell(0, 0, 0, tuple(Swept(point=i, verdict=v, reason="") for i, v in enumerate(verdicts)), seeds)


@pytest.mark.parametrize(
    ("verdicts", "survives", "verdict", "second", "told"),
    [
        (("healthy", "healthy", "healthy"), True, "healthy", "", "all 3 healthy"),
        (("healthy", "healthy", "deadlocked"), True, "healthy", "deadlocked", "2 of 3 healthy, 1 deadlocked"),
        (("healthy", "slow", "deadlocked"), True, "slow", "deadlocked", "1 of 3 deadlocked, 1 slow, 1 healthy"),
        (("healthy", "deadlocked"), False, "deadlocked", "healthy", "1 of 2 deadlocked, 1 healthy"),
        (("starved", "starved", "healthy"), False, "starved", "healthy", "2 of 3 starved, 1 healthy"),
        (("inconclusive", "invalid", "healthy"), None, "inconclusive", "healthy", None),
        (("inconclusive", "healthy", "healthy"), True, "healthy", "inconclusive", None),
        ((), None, "", "", "not computed yet"),
    ],
)
def test_a_cell_is_what_most_of_its_seeds_are(
    verdicts: tuple[SweptVerdict, ...], survives: bool | None, verdict: str, second: str, told: str | None
) -> None:
    found = cell(*verdicts)
    assert (found.survives, found.verdict, found.second) == (survives, verdict, second)
    assert told is None or found.told() == told


def test_scales_are_logarithmic_where_the_values_are() -> None:
    reserve = scale(axis("nodes.initiator.min_free=1M..4M:log3"))
    assert (reserve.kind, reserve.centres) == ("log", (256.0, 512.0, 1024.0))
    assert reserve.edges == pytest.approx((256 / 2**0.5, 256 * 2**0.5, 512 * 2**0.5, 1024 * 2**0.5))
    assert scale(axis("floods.0.rate=1k,10k,100k")).kind == "log"
    steps = scale(axis("floods.0.rate=1k..9k:lin5"))
    assert (steps.kind, steps.edges[0], steps.edges[-1]) == ("linear", 0.0, 10_000.0)
    words = scale(axis("policy=none,memalloc"))
    assert (words.kind, words.edges, words.labels) == ("index", (-0.5, 0.5, 1.5), ["none", "memalloc"])


def test_the_last_quantity_lies_across_and_the_first_up_with_a_panel_a_policy() -> None:
    asked = plan("policy=none,memalloc", "nodes.initiator.min_free=1M..4M:log3", "floods.0.rate=1k,9k")
    found = grid(asked, rows(asked, more_reserve_helps))
    assert (found.across.axis.key, found.up.axis.key) == ("floods.0.rate", "nodes.initiator.min_free")
    assert found.titles == ("none", "memalloc")
    assert [len(found.cells), len(found.cells[0]), len(found.cells[0][0])] == [2, 3, 2]
    for one in found.all():
        labels = asked.point(one.rows[0].point).changes
        where = found.where(one)
        assert where == {key: labels[key] for key in where} and labels["policy"] == found.titles[one.panel]


@pytest.mark.parametrize(
    ("axes", "across", "up", "panels"),
    [
        (("policy=none,memalloc", "floods.0.rate=1k,9k"), "floods.0.rate", "policy", 1),
        (("floods.0.rate=1k,9k",), "floods.0.rate", "", 1),
        (("policy=none,memalloc",), "policy", "", 1),
        (("nodes.initiator.nic=e1000,e1000e", "policy=none,memalloc"), "policy", "nodes.initiator.nic", 1),
        (("nodes.initiator.min_free=1M,2M", "phases.flood=1s,2s", "floods.0.rate=1k,9k"), "floods.0.rate", "nodes.initiator.min_free", 2),  # noqa: E501
    ],
)  # fmt: skip
def test_other_numbers_of_axes_have_their_places(axes: tuple[str, ...], across: str, up: str, panels: int) -> None:
    asked = plan(*axes)
    found = grid(asked, rows(asked, lambda *_: "healthy"))
    assert (found.across.axis.key, found.up.axis.key, len(found.titles)) == (across, up, panels)
    assert sum(len(one.rows) for one in found.all()) == asked.points


def test_the_boundary_lies_between_survivors_and_others_alone() -> None:
    asked = plan("floods.0.rate=1k,2k,3k", "nodes.initiator.cpus=1,2")
    fates: dict[tuple[str, str], SweptVerdict] = {
        ("1 kpps", "1"): "healthy", ("1 kpps", "2"): "slow",
        ("2 kpps", "1"): "deadlocked", ("2 kpps", "2"): "healthy",
        ("3 kpps", "1"): "invalid", ("3 kpps", "2"): "inconclusive",
    }  # fmt: skip
    made = rows(asked, lambda labels, *_: fates[labels["floods.0.rate"], labels["nodes.initiator.cpus"]])
    found = grid(asked, made)
    assert found.up.axis.key == "floods.0.rate"
    assert found.boundary() == [Segment(0, 0.5, 1500, 1.5, 1500), Segment(0, 1.5, 1500, 1.5, 2500)]


def test_a_part_of_a_sweep_is_drawn_with_holes() -> None:
    asked = plan("floods.0.rate=1k,9k", seeds=2)
    found = grid(asked, {2: Swept(point=2, verdict="healthy", reason="")})
    empty, half = found.all()
    assert (empty.verdict, empty.survives, empty.share) == ("", None, 0.0)
    assert (half.verdict, len(half.rows), half.seeds) == ("healthy", 1, 2) and not found.boundary()
