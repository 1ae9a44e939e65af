"""The points of a sweep cut into pieces for workers: those that share a warmup together, none too large to lose."""

from __future__ import annotations

from collections.abc import Iterable

from controller.studies.sweep.model import Chunk, Plan

CHUNK_POINTS_MIN, CHUNK_POINTS_MAX = 4, 16
"""Enough to profit from a common warmup; no more than a kill may cost a worker (own)."""
CHUNKS_PER_WORKER = 4
"""So many, where there are points enough, so that no worker waits long for the last one (own)."""


def chunks(plan: Plan, missing: Iterable[int], *, workers: int) -> list[Chunk]:
    """`missing` points of `plan` in chunks for `workers`: points with a common warmup are neighbours, and stay in one chunk
    as far as its size allows."""
    order = sorted(missing, key=lambda index: (plan.warmup_of(index), index))
    even = len(order) // (CHUNKS_PER_WORKER * max(1, workers))
    size = min(CHUNK_POINTS_MAX, max(CHUNK_POINTS_MIN, even))
    found: list[list[int]] = []
    for group in _groups(plan, order, size):
        if found and len(found[-1]) + len(group) <= size:
            found[-1] += group
        else:
            found.append(group)
    return [tuple(plan.point(index) for index in sorted(indexes)) for indexes in found]


def _groups(plan: Plan, order: list[int], size: int) -> list[list[int]]:
    """Runs of equal warmup, cut at `size`."""
    found: list[list[int]] = []
    last: tuple[int, ...] | None = None
    for index in order:
        warmup = plan.warmup_of(index)
        if warmup != last or len(found[-1]) == size:
            found.append([])
        found[-1].append(index)
        last = warmup
    return found
