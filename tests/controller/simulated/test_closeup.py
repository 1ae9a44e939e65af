"""A close-up shows the very run that was recorded, only finer."""

from __future__ import annotations

import pytest
from msgspec import structs
from smallworlds import small

from controller.simulated.closeup import STEPS_MAX, closeup
from controller.simulated.simulate import simulate
from nodes.errors import UsageError
from nodes.messages import Sample
from nodes.units import MS_NS, SECOND_NS

SINCE_LAST = {"reserve_used_pages": 0}
"""Of a sample: the deepest draw since the one before, which in a close-up is nearer."""


def of_machines(samples: list[Sample], from_ns: int, to_ns: int) -> list[Sample]:
    return [structs.replace(s, **SINCE_LAST) for s in samples if s.state != "serving" and from_ns <= s.t_ns <= to_ns]


@pytest.mark.parametrize("changes", [{"policy": "none"}, {"policy": "memalloc"}, {"floods.0.reader": "app"}])
def test_it_passes_through_every_sample_of_the_record(changes: dict[str, str]) -> None:
    scenario = small(changes)
    whole = simulate(scenario, brief=True)
    flood = whole.result.phases[1]
    start_ns, end_ns = flood.start_ns, flood.start_ns + SECOND_NS
    seen = closeup(scenario, start_ns, end_ns, MS_NS)
    wanted = of_machines(whole.samples, start_ns, end_ns)
    assert len(wanted) > 5
    assert [s for s in of_machines(seen.samples, 0, end_ns) if s.t_ns % (100 * MS_NS) == 0] == wanted
    assert len(seen.samples) == 1001


def test_the_circle_is_seen_to_close_once_and_for_all() -> None:
    scenario = small({"policy": "none"})
    start_ns = simulate(scenario, brief=True).result.phases[1].start_ns
    seen = closeup(scenario, start_ns, start_ns + SECOND_NS, MS_NS)
    assert not seen.waits[0].cycle
    last = seen.waits[-1]
    assert {edge.waiter for edge in last.cycle} >= {"kswapd", "storage reply", "ring refill"}
    assert all(a.waits != b.waits for a, b in zip(seen.waits, seen.waits[1:], strict=False))


def test_it_ends_where_the_planned_run_ends() -> None:
    scenario = small({"policy": "none"})
    end_ns = simulate(scenario, brief=True).result.phases[-1].end_ns
    seen = closeup(scenario, 0, 2 * end_ns, end_ns // 100)
    assert seen.samples[0].t_ns == 0
    assert seen.samples[-1].t_ns <= end_ns


@pytest.mark.parametrize("span", [(5, 5, 1), (-1, 5, 1), (0, 5, 0), (0, STEPS_MAX * 3, 1)])
def test_a_span_that_cannot_be_is_refused(span: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        closeup(small({"policy": "none"}), *span)
