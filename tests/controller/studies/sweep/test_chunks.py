"""Every point is in one chunk, and those of one warmup are together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from sweptgrids import plan

from controller.studies.sweep.chunks import CHUNK_POINTS_MAX, chunks

ASKED = plan("policy=none,memalloc", "nodes.initiator.min_free=1M..8M:log5", "floods.0.rate=1k..200k:log7", seeds=3)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, ASKED.points - 1)), st.integers(1, 64))
def test_each_missing_point_is_computed_once(missing: set[int], workers: int) -> None:
    pieces = chunks(ASKED, missing, workers=workers)
    assert sorted(point.index for piece in pieces for point in piece) == sorted(missing)
    assert all(1 <= len(piece) <= CHUNK_POINTS_MAX for piece in pieces)


def test_a_warmup_is_not_torn_apart_without_need() -> None:
    pieces = chunks(ASKED, range(ASKED.points), workers=1)
    homes: dict[tuple[int, ...], set[int]] = {}
    for number, piece in enumerate(pieces):
        for point in piece:
            homes.setdefault(ASKED.warmup_of(point.index), set()).add(number)
    assert all(len(found) == 1 for found in homes.values())
    assert len(pieces) >= 10
