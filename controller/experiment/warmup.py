"""Whether a warmup has done its work: memory is short at every machine, and its progress is as fast as a moment ago. Pure.

Only such a rate can the flood's be compared with. How long that takes hangs on what else the computer does, so a fixed time
is too short on a busy one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.experiment.finding import WARMUP_PRESSED_NS
from controller.experiment.trace import STALL_NS, rate_per_s
from nodes.messages import SAMPLE_INTERVAL_NS, Sample
from nodes.units import SECOND_NS, format_ns

SPAN_NS = 2 * SECOND_NS
"""Two spans of time side by side are compared: twenty samples each (own), fewer in a warmup of less than 8 s."""
STEADY_RATIO = 0.5
"""The slower of the two has at least this share of the other's progress (own): reclaim works in bursts."""
LONGER_RATIO = 2
"""A warmup may go on for so many times its planned length (own) ..."""
LONGER_NS_MAX = 60 * SECOND_NS
"""... and for no longer than this (own)."""


def longest_ns(planned_ns: int) -> int:
    """How long a warmup of `planned_ns` may last at most."""
    return planned_ns + min(LONGER_RATIO * planned_ns, LONGER_NS_MAX)


def lacking(series: Mapping[str, Sequence[Sample]], planned_ns: int, began_ns: int, now_ns: int) -> str:
    """Of a warmup of `planned_ns` that began at `began_ns` (Unix ns): what is still missing at the first initiator of
    `series` that is not ready, in one sentence; empty when all are. One that stands still will not become readier."""
    span_ns = min(SPAN_NS, planned_ns // 4)
    each = ((name, _lacking(samples, span_ns, began_ns, now_ns)) for name, samples in series.items())
    return next((f"{name} {told}" for name, told in each if told), "")


def _lacking(samples: Sequence[Sample], span_ns: int, began_ns: int, now_ns: int) -> str:
    seen = [sample for sample in samples if sample.t_ns >= began_ns]
    if not seen or seen[-1].swap_out_pages <= seen[0].swap_out_pages:
        return "has not swapped out a page yet"
    if seen[-1].progress_age_ns >= STALL_NS:
        return ""
    if not seen[-1].progress_pages:
        return "has not touched its whole working set yet"
    began_at = seen[0].swap_out_pages
    pressed_ns = next(s.t_ns for s in seen if s.progress_pages and s.swap_out_pages > began_at)
    needed_ns = max(2 * span_ns, WARMUP_PRESSED_NS + 2 * SAMPLE_INTERVAL_NS)
    if now_ns - pressed_ns < needed_ns:
        return f"has made progress under pressure for less than {format_ns(needed_ns)}"
    before, after = (rate_per_s(seen, [(end_ns - span_ns, end_ns)]) or 0.0 for end_ns in (now_ns - span_ns, now_ns))
    steady = min(before, after) >= STEADY_RATIO * max(before, after)
    return "" if steady else f"is not steady yet: {before:.0f}, then {after:.0f} pages/s"
