"""Synthetic traces for tests of the verdict: a run is a few stretches of time with rates of progress and counters."""

from __future__ import annotations

from typing import Any

from controller.experiment.record import Phase
from nodes.eventkinds import detail_of
from nodes.messages import SAMPLE_INTERVAL_NS, Event, Sample
from nodes.units import SECOND_NS

START_NS = 1_700_000_000 * SECOND_NS
NODE = "initiator-1"
COUNTERS = ("swap_out_pages", "verified_pages", "block_drops", "pump_drops", "rx_packets", "corrupt_pages")
GAUGES = {"free_pages": 350, "min_pages": 256, "low_pages": 320, "high_pages": 384, "in_flight": 32}

Stretch = tuple[float, float, dict[str, Any]]
"""Seconds, pages of progress per second, and counters per second or gauges by name."""


def stretch(seconds: float, pages_per_s: float, **fields: Any) -> Stretch:
    """A stretch of time. Counters are rates per second, other fields stand as they are; `silent=True`: no samples."""
    return seconds, pages_per_s, fields


WARMUP = stretch(5, 1000, swap_out_pages=1000, verified_pages=500, rx_packets=2000)


def trace(*stretches: Stretch, node: str = NODE) -> list[Sample]:
    """Samples at 10 Hz over `stretches`, one after the other, from START_NS."""
    samples: list[Sample] = []
    totals: dict[str, float] = dict.fromkeys(("progress_pages", *COUNTERS), 0.0)
    t_ns = START_NS
    for seconds, pages_per_s, fields in stretches:
        rates = {"progress_pages": pages_per_s} | {name: fields[name] for name in COUNTERS if name in fields}
        gauges = GAUGES | {name: value for name, value in fields.items() if name not in (*COUNTERS, "silent")}
        for _ in range(round(seconds * SECOND_NS / SAMPLE_INTERVAL_NS)):
            t_ns += SAMPLE_INTERVAL_NS
            for name, rate in rates.items():
                totals[name] += rate * SAMPLE_INTERVAL_NS / SECOND_NS
            if not fields.get("silent"):
                counted = {name: round(total) for name, total in totals.items()}
                samples.append(Sample(t_ns=t_ns, node=node, run="r", **counted, **gauges))
    return samples


def phases(warmup: float = 5, flood: float = 20, heal: float = 15) -> tuple[Phase, ...]:
    """The three phases, in seconds; one of length 0 and those after it were never reached."""
    found: list[Phase] = []
    start_ns = START_NS
    for name, seconds in (("warmup", warmup), ("flood", flood), ("heal", heal)):
        if not seconds:
            break
        found.append(Phase(name=name, start_ns=start_ns, end_ns=start_ns + round(seconds * SECOND_NS)))
        start_ns = found[-1].end_ns
    return tuple(found)


def at(seconds: float) -> int:
    """Unix ns of a second of the run."""
    return START_NS + round(seconds * SECOND_NS)


def event(seconds: float, kind: str, /, node: str = NODE, **detail: Any) -> Event:
    """An event at a second of the run."""
    return Event(t_ns=at(seconds), node=node, run="r", detail=detail_of(kind, detail))


CYCLE = [
    {
        "waiter": "kswapd",
        "resource": "writes answered",
        "need": 1,
        "have": 0,
        "who_frees": "storage reply",
        "why": "kswapd frees a page only when one of 64 writes under way is answered",
        "source": "physics.md section 1 steps 2-7, 12",
    },
    {
        "waiter": "storage reply",
        "resource": "receive buffers",
        "need": 1,
        "have": 0,
        "who_frees": "ring refill",
        "why": "none of 256 ring slots has a buffer, so the reply cannot land",
        "source": "physics.md section 1 step 8",
    },
    {
        "waiter": "ring refill",
        "resource": "free pages",
        "need": 97,
        "have": 88,
        "who_frees": "kswapd",
        "why": "the driver may fill a slot only when at least 97 pages are free",
        "source": "physics.md sections 2 and 4",
    },
]
"""As the machine records it in `waits` and `stall` events."""
