"""Which fields of a sample count, and from when."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from nodes.messages import COUNTERS, Sample, counted_since

OF_THE_MOMENT = {
    "t_ns", "node", "run", "tier", "policy", "state", "free_pages", "min_pages", "low_pages", "high_pages",
    "reserve_used_pages", "dirty_pages", "writeback_pages", "in_flight", "ring_free_slots", "junk_held_bytes",
    "progress_age_ns", "rss_bytes", "boost_pages", "pcp_pages",
}  # fmt: skip


def test_every_field_counts_or_is_of_its_moment() -> None:
    assert OF_THE_MOMENT | set(COUNTERS) == set(Sample.__struct_fields__)
    assert not OF_THE_MOMENT & set(COUNTERS)


@given(st.lists(st.integers(0, 10**12), min_size=len(COUNTERS), max_size=len(COUNTERS)), st.integers(0, 10**6))
def test_counting_from_a_sample_leaves_what_came_after_it(before: list[int], more: int) -> None:
    first = Sample(t_ns=1, node="n", run="r", free_pages=300, **dict(zip(COUNTERS, before, strict=True)))
    grown = {name: value + more for name, value in zip(COUNTERS, before, strict=True)}
    later = counted_since(first, msgspec.structs.replace(first, t_ns=2, free_pages=200, **grown))
    assert later == Sample(t_ns=2, node="n", run="r", free_pages=200, **dict.fromkeys(COUNTERS, more))
