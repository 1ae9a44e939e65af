"""Delta debugging: the fewest of some differences that still show what all of them together show.

The algorithm `ddmin` of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions
on Software Engineering 28 (2002): first the chunks alone, then all but one chunk, then finer chunks. What it returns is
1-minimal: leaving out any single one changes the outcome (as far as the test was allowed to look).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def ddmin(items: Sequence[T], shows: Callable[[Sequence[T]], bool]) -> list[T]:
    """The fewest of `items`, in their order, for which `shows` is true. It must be true for all of them; it is asked for
    none of them first."""
    kept = list(items)
    if not kept or shows([]):
        return []
    chunks = 2
    while len(kept) >= 2:
        parts = _split(kept, chunks)
        rests = [[item for item in kept if item not in part] for part in parts] if chunks > 2 else []
        smaller = next((part for part in (*parts, *rests) if shows(part)), None)
        if smaller is None and chunks >= len(kept):
            break
        if smaller is None:
            chunks = min(2 * chunks, len(kept))
        else:
            chunks = 2 if smaller in parts else max(chunks - 1, 2)
            kept = smaller
    return kept


def _split(items: list[T], chunks: int) -> list[list[T]]:
    """`items` in so many parts of nearly equal length, none of them empty."""
    ends = [round(len(items) * index / chunks) for index in range(chunks + 1)]
    return [items[a:b] for a, b in pairwise(ends) if a < b]
