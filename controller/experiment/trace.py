"""What the samples of one node say about its progress: rates, standstills, silences. Pure arithmetic on the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.experiment.record import Phase, Result
from nodes.messages import Sample
from nodes.units import SECOND_NS

STALL_NS = 2 * SECOND_NS
"""Progress that pauses for less is not a standstill: a card whose ring ran dry may rightly wait for its driver's watchdog,
which rings every 2 s (physics.md section 4: e1000, e1000e)."""
SILENCE_NS = 2 * SECOND_NS
"""A node that sends no sample for longer could have done anything meanwhile (own: 20 samples)."""


@dataclass(frozen=True)
class Stall:
    """The application touched no page from `start_ns` (its last progress) to `end_ns`."""

    start_ns: int
    end_ns: int
    open: bool
    """True: the record ends before progress does not come back; `end_ns` is then the last sample's time."""

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns


def within(samples: Sequence[Sample], start_ns: int, end_ns: int) -> list[Sample]:
    """The samples of a span of time, both ends included."""
    return [sample for sample in samples if start_ns <= sample.t_ns <= end_ns]


def stalls(samples: Sequence[Sample]) -> list[Stall]:
    """Every standstill of STALL_NS or longer."""
    found: list[Stall] = []
    since_ns = samples[0].t_ns if samples else 0
    for before, sample in pairwise(samples):
        if has_moved(before, sample):
            found.append(Stall(since_ns, sample.t_ns, open=False))
            since_ns = sample.t_ns
    if samples:
        found.append(Stall(since_ns, samples[-1].t_ns, open=True))
    return [stall for stall in found if stall.length_ns >= STALL_NS]


def has_moved(before: Sample, after: Sample) -> bool:
    """Whether a machine touched a page between two samples: also in its first pass over the working set, which counts as
    no progress and which only ages show."""
    return after.progress_pages != before.progress_pages or after.progress_age_ns < before.progress_age_ns


def by_node(samples: Iterable[Sample], nodes: Iterable[str]) -> dict[str, list[Sample]]:
    """The samples of each of `nodes`; who sent none has an empty list."""
    series: dict[str, list[Sample]] = {name: [] for name in nodes}
    for sample in samples:
        if sample.node in series:
            series[sample.node].append(sample)
    return series


def since_progress(samples: Sequence[Sample], nodes: Iterable[str]) -> dict[str, list[Sample]]:
    """Of each of `nodes` the end of its record, from the sample that first showed its last progress: all that its present
    standstill is known by, whatever happened before. Looks no further back than that."""
    ends: dict[str, list[Sample]] = {name: [] for name in nodes}
    standing = set(ends)
    for sample in reversed(samples):
        if sample.node not in standing:
            continue
        end = ends[sample.node]
        if end and has_moved(sample, end[-1]):
            standing.remove(sample.node)
            if not standing:
                break
        else:
            end.append(sample)
    return {name: end[::-1] for name, end in ends.items()}


def silence(samples: Sequence[Sample], start_ns: int, end_ns: int) -> tuple[int, int]:
    """The longest time without a sample in a span, and when it began, both ns."""
    times = [start_ns, *(sample.t_ns for sample in within(samples, start_ns, end_ns)), end_ns]
    return max((after - before, before) for before, after in pairwise(times))


def growth(samples: Sequence[Sample], field: str, start_ns: int, end_ns: int) -> int:
    """How much a counter grew in a span."""
    span = within(samples, start_ns, end_ns)
    return int(getattr(span[-1], field) - getattr(span[0], field)) if span else 0


def rate_per_s(samples: Sequence[Sample], spans: Sequence[tuple[int, int]]) -> float | None:
    """Pages of progress per second over all `spans` together; None when they hold no time with samples at both ends."""
    pages = time_ns = 0
    for start_ns, end_ns in spans:
        span = within(samples, start_ns, end_ns)
        if len(span) >= 2:
            pages += span[-1].progress_pages - span[0].progress_pages
            time_ns += span[-1].t_ns - span[0].t_ns
    return pages * SECOND_NS / time_ns if time_ns else None


def without(start_ns: int, end_ns: int, holes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A span of time less the `holes` in it."""
    spans = [(start_ns, end_ns)]
    for hole_start, hole_end in holes:
        spans = [
            part
            for start, end in spans
            for part in ((start, min(end, hole_start)), (max(start, hole_end), end))
            if part[0] < part[1]
        ]
    return spans


def phase(phases: Sequence[Phase], name: str) -> Phase | None:
    """The phase of that name, if the run got so far."""
    return next((item for item in phases if item.name == name), None)


def start_ns(result: Result, samples: Sequence[Sample]) -> int:
    """When the run began: the first instant that anything is known of."""
    known = [phase.start_ns for phase in result.phases] + [sample.t_ns for sample in samples]
    if result.started_ns:
        known.append(result.started_ns)
    return min(known, default=0)
