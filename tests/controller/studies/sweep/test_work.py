"""What a worker makes of a chunk: rows with figures, invalid corners, and points at which netreserve itself failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

import pytest
from msgspec import structs
from sweptgrids import by_reserve, classic, plan

from controller.experiment.scenario import Scenario
from controller.studies.sweep.model import Broken, Swept
from controller.studies.sweep.work import Simulated, carry_out
from nodes.errors import InconclusiveError, UsageError

ASKED = plan("nodes.initiator.min_free=1M,4M", seeds=2)
CHUNK = tuple(ASKED.point(index) for index in range(4))


def test_rows_have_the_figures_of_the_worst_initiator() -> None:
    found = carry_out(classic(), CHUNK, by_reserve)
    assert [row.verdict for row in found if isinstance(row, Swept)] == ["deadlocked", "healthy", "healthy", "healthy"]
    assert isinstance(found[0], Swept)
    assert (found[0].reason, found[0].hang_ns, found[0].free_least_pages) == ("by rule", 2, 98)


def test_an_invalid_corner_is_a_row_with_the_sentence() -> None:
    asked = plan("nodes.initiator.min_free=4M,63M,64M")
    found = carry_out(classic(), tuple(asked.point(i) for i in range(3)), by_reserve)
    verdicts = [row.verdict for row in found if isinstance(row, Swept)]
    assert verdicts[0] != "invalid" and verdicts[1:] == ["invalid", "invalid"]
    assert isinstance(found[2], Swept) and "is not below memory 64 MiB" in found[2].reason
    assert "\n" not in found[2].reason


@pytest.mark.parametrize(
    ("error", "verdict", "told"),
    [
        (UsageError("cannot be"), "invalid", "cannot be"),
        (InconclusiveError("not pressed"), "inconclusive", "not pressed"),
        (ZeroDivisionError("division by zero"), "", "unexpected ZeroDivisionError: division by zero"),
    ],
)
def test_one_bad_point_does_not_stop_the_others(error: Exception, verdict: str, told: str) -> None:
    def failing(scenarios: Sequence[Scenario]) -> Iterator[Simulated]:
        for scenario in scenarios:
            if scenario.seed == 8:
                raise error
            yield from by_reserve([scenario])

    found = carry_out(classic(), CHUNK, failing)
    assert [row.point for row in found] == [0, 1, 2, 3]
    bad = found[1]
    if isinstance(bad, Broken):
        assert not verdict and bad.message == told
    else:
        assert (bad.verdict, bad.reason) == (verdict, told)
    assert isinstance(found[2], Swept) and found[2].verdict == "healthy"
    assert found[3] == structs.replace(bad, point=3), "the second that fails is told of too"


def test_the_overhead_of_a_point_is_small() -> None:
    """Aim: 2 ms. The bound is loose, for machines that do other things too."""
    asked = plan("floods.0.rate=1k..200k:log100")
    chunk = tuple(asked.point(index) for index in range(100))
    began_s = perf_counter()
    assert len(carry_out(classic(), chunk, by_reserve)) == 100
    assert perf_counter() - began_s < 1.5
