"""What the timeline shows of one initiator: rows of gauges and rates, bands of phases, markers of events. Pure.

Times are seconds since the start of the run. Rows are thinned to ROWS_MAX: gauges keep the worst of each group (the
least free memory, the most of anything else), rates the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.experiment.record import Phase, Record
from controller.experiment.telling import tell
from controller.experiment.trace import start_ns
from nodes.eventkinds import FaultSet, Recovered, Stalled
from nodes.messages import Event, Sample
from nodes.units import SECOND_NS

Datum = dict[str, float | str | None]

ROWS_MAX = 600
"""Of one initiator: one and a half per pixel at most (own)."""
KERNEL_GROUP = 5
"""Samples of a real kernel to a row at least: it tells its figures four times a second (nodes.kernel), and is sampled ten
times; a rate between two samples would be nothing or double."""
GAP_S = 1.0
"""No sample for so long is drawn as a gap, not as a line (ten sample intervals, own)."""
MARKERS_MAX = 40

RATES = {
    "early": "early_drops",
    "rcvbuf": "rcvbuf_drops",
    "no_buffer": "no_buffer_drops",
    "refill": "rx_alloc_failures",
    "swap_out": "swap_out_pages",
    "swap_in": "swap_in_pages",
    "progress": "progress_pages",
}
"""Field of a datum: the counter it is the rate of, per second."""

_TINTS = {"warmup": "#8a93a6", "flood": "#e2574c", "heal": "#3f9f6b", "rescue": "#c98a1b"}
_OTHER_TINT = "#8a93a6"
_LABELS = {
    "flood_start": "flood on",
    "flood_stop": "flood off",
    "policy": "policy",
    "shape": "link",
    "fault": "fault",
    "stall": "stall",
    "recovered": "recovered",
    "oom": "out of memory",
    "panic": "panic",
    "corrupt": "corrupt pages",
    "io_error": "I/O error",
    "reconnect": "swap link",
    "harness": "harness",
    "rescue": "rescue",
}
"""Kinds that are marked; phases are bands, and the rest stands in the list of events alone."""


@dataclass(frozen=True)
class Timeline:
    """What the charts of one node draw: its samples as `rows`, phases as `bands`, events as `markers`, whose labels take
    `marker_rows` lines. Times are seconds from the start of the run."""

    node: str
    rows: list[Datum]
    bands: list[Datum]
    markers: list[Datum]
    span_s: float
    marker_rows: int


def build(node: str, record: Record, *, width_px: int = 740) -> Timeline:
    """The timeline of `node`; `width_px` is the least width it will be drawn at, for labels that must not meet."""
    result = record.result
    zero = start_ns(result, record.samples)
    rows = _rows([sample for sample in record.samples if sample.node == node], zero)
    bands = [_band(phase, zero) for phase in result.phases]
    ends = [row["t"] for row in rows] + [band["end"] for band in bands]
    span_s = max((float(end) for end in ends if end is not None), default=0.0)
    others = {verdict.node for verdict in result.nodes} - {node}
    markers = _markers([event for event in record.events if event.node not in others], zero)
    return Timeline(node, rows, bands, markers, span_s, _stagger(markers, span_s, width_px))


def rate(before: Sample, after: Sample, counter: str) -> float:
    """Growth per second of `counter`; a node that began anew counts from 0."""
    seconds = (after.t_ns - before.t_ns) / SECOND_NS
    old, new = getattr(before, counter), getattr(after, counter)
    return float(new - old if new >= old else new) / seconds if seconds > 0 else 0.0


def _rows(samples: list[Sample], zero_ns: int) -> list[Datum]:
    groups = _groups(sorted(samples, key=lambda sample: sample.t_ns))
    rows: list[Datum] = []
    last: Sample | None = None
    for group in groups:
        if last and (group[-1].t_ns - last.t_ns) / SECOND_NS > max(GAP_S, 2 * _length_s(group)):
            rows.append({"t": _seconds(last.t_ns + 1, zero_ns)})
        rows.append(_row(last or group[0], group, zero_ns))
        last = group[-1]
    return rows


def _groups(samples: list[Sample]) -> list[list[Sample]]:
    least = KERNEL_GROUP if samples and samples[0].tier == "kernel" else 1
    size = max(-(-len(samples) // ROWS_MAX), least)
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def _length_s(group: list[Sample]) -> float:
    return (group[-1].t_ns - group[0].t_ns) / SECOND_NS


def _row(before: Sample, group: list[Sample], zero_ns: int) -> Datum:
    last = group[-1]
    row: Datum = {
        "t": _seconds(last.t_ns, zero_ns),
        "free": min(s.free_pages for s in group),
        "min": last.min_pages,
        "low": last.low_pages,
        "high": last.high_pages,
        "refill_floor": last.min_pages * 3 / 8,
        "reserve": max(s.reserve_used_pages for s in group),
        "junk_mib": round(max(s.junk_held_bytes for s in group) / (1 << 20), 2),
        "in_flight": max(s.in_flight for s in group),
        "state": last.state,
        "policy": last.policy,
        "stood_s": round(last.progress_age_ns / SECOND_NS, 1),
    }
    if before is last:  # the very first: nothing to compare with
        return row
    return row | {name: round(rate(before, last, counter), 1) for name, counter in RATES.items()}


def _seconds(t_ns: int, zero_ns: int) -> float:
    return round((t_ns - zero_ns) / SECOND_NS, 3)


def _band(phase: Phase, zero_ns: int) -> Datum:
    tint = _TINTS.get(phase.name, _OTHER_TINT)
    return {
        "phase": phase.name,
        "start": _seconds(phase.start_ns, zero_ns),
        "end": _seconds(phase.end_ns, zero_ns),
        "tint": tint,
    }


def _markers(events: Sequence[Event], zero_ns: int) -> list[Datum]:
    markers: list[Datum] = []
    stalled = False
    for event in sorted(events, key=lambda event: event.t_ns):
        again = isinstance(event.detail, Stalled) and stalled  # it is told again and again while it lasts
        stalled = isinstance(event.detail, Stalled) or (stalled and not isinstance(event.detail, Recovered))
        if event.kind not in _LABELS or again:
            continue
        label = _label(event)
        if not markers or markers[-1]["label"] != label:  # the controller and the node may both tell of it
            markers.append({"t": max(0.0, _seconds(event.t_ns, zero_ns)), "label": label, "detail": tell(event.detail)})
    return markers[:MARKERS_MAX]


def _label(event: Event) -> str:
    told, word = event.detail.brief, _LABELS[event.kind]
    text = told if isinstance(event.detail, FaultSet) else f"{word}: {told}" if told else word
    return text if len(text) <= 28 else text[:27] + "…"


def _stagger(markers: list[Datum], span_s: float, width_px: int) -> int:
    """Gives each marker the first `row` where its label has room; returns how many rows that takes."""
    ends: list[float] = []
    for marker in markers:
        width = len(str(marker["label"])) * 6.0 + 16
        x = float(marker["t"] or 0) / (span_s or 1) * width_px
        flip = x + width > width_px
        left, right = (x - width, x) if flip else (x, x + width)
        row = next((i for i, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [right]
        marker |= {"row": row, "side": "right" if flip else "left"}
    return len(ends)
