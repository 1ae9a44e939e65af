"""When junk really began: Locust says that it floods up to seconds after its first packet, the nodes' counters show it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from nodes.messages import Sample


def onset_ns(samples: Iterable[Sample], since_ns: int, noticed_ns: int) -> int:
    """Unix time of the last sample before any node's junk grew, between `since_ns` (when none flowed) and `noticed_ns`,
    which it is when nothing grew. So nothing that the junk did comes before it."""
    series: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        if since_ns <= sample.t_ns <= noticed_ns:
            series.setdefault((sample.node, sample.run), []).append(sample)
    grown = (a.t_ns for node in series.values() for a, b in pairwise(node) if _junk(b) > _junk(a))
    return min(grown, default=noticed_ns)


def _junk(sample: Sample) -> int:
    """Junk packets taken in or dropped; block packets may be dropped without any flood."""
    dropped = sample.early_drops + sample.rcvbuf_drops + sample.no_buffer_drops - sample.block_drops
    return sample.junk_packets + dropped
