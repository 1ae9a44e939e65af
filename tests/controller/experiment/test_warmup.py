from __future__ import annotations

from controller.experiment.warmup import LONGER_NS_MAX, SPAN_NS, lacking, longest_ns
from nodes.messages import Sample
from nodes.units import MS_NS, SECOND_NS

INTERVAL_NS = 100 * MS_NS


def series(
    seconds: int, *, swaps_from_s: float = 0.0, rates: tuple[int, ...] = (1000,), age_ns: int = 0
) -> dict[str, list[Sample]]:
    """Ten samples a second; progress begins when swapping does, at each of `rates` for one second, the last for ever."""
    found, progress = [], 0.0
    for step in range(seconds * 10 + 1):
        at_s = step / 10
        if pressed := at_s > swaps_from_s:
            progress += rates[min(int(at_s - swaps_from_s), len(rates) - 1)] / 10
        found.append(
            Sample(
                t_ns=step * INTERVAL_NS, node="initiator-1", tier="container", run="r", progress_pages=round(progress),
                swap_out_pages=step if pressed else 0, progress_age_ns=age_ns,
            )
        )  # fmt: skip
    return {"initiator-1": found}


def told(seconds: int, **more: object) -> str:
    return lacking(series(seconds, **more), 20 * SECOND_NS, 0, seconds * SECOND_NS)  # type: ignore[arg-type]


def test_a_machine_that_swaps_steadily_is_ready() -> None:
    assert told(6) == ""


def test_one_that_has_not_begun_to_swap_is_waited_for() -> None:
    assert told(6, swaps_from_s=10) == "initiator-1 has not swapped out a page yet"
    assert lacking({"initiator-1": []}, SECOND_NS, 0, SECOND_NS) == "initiator-1 has not swapped out a page yet"


def test_one_that_has_just_begun_is_waited_for() -> None:
    assert "for less than 4 s" in told(6, swaps_from_s=3)


def test_a_short_warmup_asks_for_less() -> None:
    assert lacking(series(6, swaps_from_s=3), 4 * SECOND_NS, 0, 6 * SECOND_NS) == ""


def test_one_whose_rate_still_changes_is_waited_for() -> None:
    rising = (100, 200, 400, 800, 1600, 3200)
    assert "is not steady yet: " in told(6, rates=rising)
    assert told(12, rates=rising) == ""


def test_one_that_stands_still_will_not_become_readier() -> None:
    assert told(6, rates=(1000, 1000, 0), age_ns=3 * SECOND_NS) == ""


def test_one_machine_that_is_not_ready_is_enough() -> None:
    late = {"initiator-2": series(6, swaps_from_s=10)["initiator-1"]}
    assert lacking(series(6) | late, SECOND_NS, 0, 6 * SECOND_NS).startswith("initiator-2 ")


def test_it_is_bounded() -> None:
    assert longest_ns(5 * SECOND_NS) == 15 * SECOND_NS
    assert longest_ns(60 * SECOND_NS) == 60 * SECOND_NS + LONGER_NS_MAX
    assert longest_ns(2 * SECOND_NS) > 2 * SPAN_NS
