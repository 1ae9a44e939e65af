"""What a place's trials come to."""

from __future__ import annotations

import pytest

from controller.studies.kernels.model import (
    Asked,
    Cell,
    Key,
    Place,
    Subject,
    Trial,
    asked_of,
    rows_tried,
    unknown_kernels,
)
from nodes.eventkinds import Wait

PLACE = Place("s", "trixie", "e1000e", "none")


def trial(verdict: str, repeat: int = 0, place: Place = PLACE, **fields: object) -> Trial:
    return Trial(key=Key(place, repeat, "d", "kernel"), verdict=verdict, **fields)  # type: ignore[arg-type]


def cell(*verdicts: str, asked: int = 3, **fields: object) -> Cell:
    return Cell(place=PLACE, asked=asked, trials=tuple(trial(v, i, **fields) for i, v in enumerate(verdicts)))


def edge(waiter: str, frees: str, resource: str = "r", have: int = 0) -> Wait:
    return Wait(waiter=waiter, resource=resource, need=1, have=have, who_frees=frees, why="w")


ASKED = Asked(
    subjects=(Subject(name="s", digest="d"),), kernels=("trixie", ""), nics=("e1000e", "rtl8139"), policies=("none",),
    repeat=2,
)  # fmt: skip


def test_every_place_is_tried_once_before_any_is_tried_twice() -> None:
    keys = list(ASKED.order())
    assert len(keys) == 8 and [key.repeat for key in keys] == [0] * 4 + [1] * 4
    assert keys[0].place == PLACE and keys[2].place.kernel == ""


@pytest.mark.parametrize(
    ("verdicts", "verdict", "told"),
    [
        (("deadlocked",) * 3, "deadlocked", "deadlocked 3/3"),
        (("healthy", "deadlocked", "healthy"), "healthy", "healthy 2/3, deadlocked 1/3"),
        (("healthy", "deadlocked"), "deadlocked", "deadlocked 1/2, healthy 1/2"),
        (("inconclusive", "inconclusive", "slow"), "slow", "slow 1/1, 2 void"),
        (("inconclusive",), "inconclusive", "inconclusive 1/1"),
        ((), "", "not tried yet: the same command goes on to it"),
    ],
)
def test_the_most_frequent_verdict_speaks_and_among_equals_the_worst(
    verdicts: tuple[str, ...], verdict: str, told: str
) -> None:
    found = cell(*verdicts)
    assert (found.verdict, found.told()) == (verdict, told)


def test_a_cell_of_several_releases_names_them() -> None:
    old, new = "6.12.117+deb13-amd64", "6.12.120+deb13-amd64"
    trials = (
        trial("healthy", 0, kernel=old),
        trial("healthy", 1, kernel=new),
        trial("inconclusive", 2, kernel="6.12.130+deb13-amd64"),
        trial("healthy", 3, kernel=old),
    )
    assert Cell(place=PLACE, asked=4, trials=trials).figures()[1:] == [f"releases {old}, {new}"]
    assert cell("healthy", "healthy", kernel=old).figures() == ["lived 2/2 (34–100 %)"]


def test_a_place_that_is_refused_without_a_run_cannot_be_tried() -> None:
    found = cell("cannot", sentence="no such policy")
    assert found.complete and found.decided and found.told() == "cannot: no such policy"


def test_a_guest_that_did_not_start_once_may_start_the_next_time() -> None:
    assert not cell("cannot", run="r").complete
    twice = cell("cannot", "cannot", run="r", sentence="no driver")
    assert twice.complete and twice.decided and twice.told() == "cannot: no driver"
    later = cell("cannot", "cannot", "healthy", run="r")
    assert not later.complete and not later.decided and not later.cannot and later.verdict == "healthy"


def test_a_trial_that_proves_nothing_is_told_not_counted_and_made_up_for() -> None:
    found = cell("healthy", "inconclusive", "healthy", sentence="no pressure")
    assert not found.complete and not found.decided and found.reasons() == ["no pressure"]
    assert (found.void, found.told(), found.share) == (1, "healthy 2/2, 1 void", 1.0)
    assert cell("healthy", "inconclusive", "healthy", "slow").decided
    assert not cell("healthy").complete


def test_a_place_is_given_up_when_half_of_twice_the_trials_prove_nothing() -> None:
    found = cell(*["inconclusive"] * 4, "healthy", "slow")
    assert found.complete and not found.decided and found.told() == "slow 1/2, healthy 1/2, 4 void"


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (("deadlocked",) * 5, "lived 0/5 (0–43 %)"),
        (("slow", "healthy", "oom", "inconclusive"), "lived 2/3 (21–94 %)"),
        (("inconclusive",), None),
        ((), None),
    ],
)
def test_how_many_lived_has_its_interval(verdicts: tuple[str, ...], told: str | None) -> None:
    found = cell(*verdicts)
    assert found.figures()[:1] == ([told] if told else [])
    assert (found.lived is None) == (told is None)


def test_what_is_missing_is_what_its_places_lack_for_the_trials_asked() -> None:
    asked = Asked(subjects=ASKED.subjects, kernels=("trixie",), nics=("e1000e", "igb"), policies=("none",), repeat=2)
    igb = Place("s", "trixie", "igb", "none")
    there = {t.key: t for t in (trial("healthy", 0), trial("inconclusive", 1), trial("healthy", 2, igb))}
    assert [(key.place.nic, key.repeat) for key in asked.missing(there)] == [("igb", 0), ("e1000e", 2)]
    full = there | {t.key: t for t in (trial("slow", 2), trial("slow", 0, igb))}
    assert asked.missing(full) == [] and all(cell.decided for cell in asked.cells(full))
    void = {t.key: t for t in (trial("inconclusive", repeat) for repeat in range(4))}
    assert [key.place.nic for key in asked.missing(void)] == ["igb", "igb"], "enough of that place"


def test_more_trials_than_are_asked_are_left_out() -> None:
    trials = [trial(verdict, repeat) for repeat, verdict in enumerate(["slow", "inconclusive", "healthy", "healthy"])]
    asked = Asked(subjects=ASKED.subjects, kernels=("trixie",), nics=("e1000e",), policies=("none",), repeat=2)
    assert [each.told() for each in asked.cells({t.key: t for t in trials})] == ["slow 1/2, healthy 1/2, 1 void"]


def test_figures_are_ranges_over_the_trials_that_say_something() -> None:
    trials = (
        trial("deadlocked", 0, hang_s=0.44, drops={"early_drops": 1200}),
        trial("deadlocked", 1, hang_s=0.86, drops={"early_drops": 454}),
        trial("healthy", 2, recovery_s=2.0, drops={"early_drops": 601}),
        trial("inconclusive", 3, drops={"block_drops": 9}),
    )
    told = Cell(place=PLACE, asked=4, trials=trials).figures()
    assert told == ["lived 1/3 (6–79 %)", "stands since 0.4–0.9 s", "back after 2.0 s", "early drop 454–1,200"]


def test_hangs_of_one_shape_are_one_wherever_their_telling_begins() -> None:
    round_trip, turned = (edge("a", "b"), edge("b", "a", "q")), (edge("b", "a", "q", have=5), edge("a", "b"))
    trials = (
        trial("deadlocked", 0, edges=round_trip, folder="1"),
        trial("starved", 1, edges=turned, folder="2", found=("seen",)),
        trial("deadlocked", 2, edges=(edge("x", "x"),), folder="3"),
        trial("healthy", 3, edges=round_trip),
    )
    first, second = Cell(place=PLACE, asked=4, trials=trials).hangs()
    assert (first.count, first.folders, first.found) == (2, ("1", "2"), ("seen",)) and second.count == 1
    assert first.sentence == "a waits for r, which b must give; b waits for q, which a must give; and so round again"


def test_a_hang_without_a_cycle_is_told_by_what_the_autopsy_saw() -> None:
    (seen,) = cell("deadlocked", found=("kswapd waits.",)).hangs()
    (blind,) = cell("deadlocked").hangs()
    assert (seen.sentence, blind.sentence) == ("kswapd waits.", "no cycle was named")


def test_one_that_died_is_told_by_its_end_beside_those_that_hung() -> None:
    hung, died = cell("deadlocked", "oom", "deadlocked").hangs()
    assert (hung.count, hung.sentence, died.count) == (2, "no cycle was named", 1)
    assert died.sentence == "Something was killed to get memory back."


def test_a_folder_shows_all_that_it_holds_the_newest_text_of_each_scenario() -> None:
    other = Place("s", "bookworm", "rtl8139", "memalloc")
    old = Trial(key=Key(Place("s", "sid", "igb", "none"), 7, "old", "kernel"), verdict="healthy")
    model = Trial(key=Key(PLACE, 0, "d", "sim"), verdict="healthy")
    kernel, sim = asked_of([old, trial("healthy"), trial("slow", 0, other), trial("slow", 1, other), model])
    assert (kernel.kernels, kernel.policies, kernel.repeat) == (("trixie", "bookworm"), ("none", "memalloc"), 2)
    assert (sim.tier, sim.nics) == ("sim", ("e1000e",))


def test_a_look_leaves_out_the_rows_that_nobody_asked_for() -> None:
    there = [trial("healthy"), trial("slow", place=Place("s", "sid", "igb", "memalloc"))]
    (asked,) = asked_of(there)
    rows = rows_tried(asked.cells({each.key: each for each in there}))
    assert [(cell.place.kernel, cell.place.nic, cell.told().partition(":")[0]) for cell in rows] == [
        ("trixie", "e1000e", "healthy 1/1"),
        ("trixie", "e1000e", "not tried yet"),
        ("sid", "igb", "not tried yet"),
        ("sid", "igb", "slow 1/1"),
    ]


def test_a_name_that_no_kernel_has_is_known_by_what_all_its_runs_say() -> None:
    words = "there is no kernel trixie in /vm: there are trixie-amd64"
    twice = cell("cannot", "cannot", sentence=words, setting="kernel", run="r")
    refused = cell("cannot", sentence="policy nta is not in any kernel")
    assert unknown_kernels([twice, refused]) == {"trixie": words}
    assert unknown_kernels([twice, cell("healthy", run="r")]) == {}
    assert unknown_kernels([cell("cannot", sentence=words, run="r")]) == {}
    assert unknown_kernels([refused]) == unknown_kernels([cell()]) == {}
