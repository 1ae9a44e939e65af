"""The instant at which junk began, from what nodes counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.service.flood_onset import onset_ns
from nodes.messages import Sample


def samples(*values: int, field: str = "junk_packets", node: str = "initiator-1", run: str = "r") -> list[Sample]:
    """One sample each 100 ns from 100, with `field` as in `values`."""
    base = Sample(t_ns=0, node=node, run=run)
    changes: list[dict[str, Any]] = [{"t_ns": 100 * at, field: value} for at, value in enumerate(values, 1)]
    return [msgspec.structs.replace(base, **change) for change in changes]


@pytest.mark.parametrize("field", ["junk_packets", "early_drops", "rcvbuf_drops", "no_buffer_drops"])
def test_it_is_the_last_sample_before_junk_grew(field: str) -> None:
    assert onset_ns(samples(7, 7, 7, 9, 12, field=field), 0, 900) == 300


def test_of_several_nodes_the_first_counts() -> None:
    assert onset_ns([*samples(0, 0, 0, 5), *samples(0, 0, 5, 9, node="initiator-2")], 0, 900) == 200


def test_it_is_not_after_the_notice_nor_before_the_time_when_none_flowed() -> None:
    assert onset_ns(samples(1, 1, 1, 9), 0, 350) == 350
    assert onset_ns(samples(0, 9, 9, 9, 12), 200, 900) == 400


def test_nothing_seen_leaves_the_notice() -> None:
    assert onset_ns([], 0, 900) == 900
    assert onset_ns(samples(4, 4, 4), 0, 900) == 900


def test_dropped_block_packets_are_no_junk() -> None:
    lost = [
        msgspec.structs.replace(sample, block_drops=sample.t_ns)
        for sample in samples(100, 200, 300, field="no_buffer_drops")
    ]
    assert onset_ns(lost, 0, 900) == 900


def test_counters_that_began_anew_are_not_compared() -> None:
    first, second = samples(0, run="a"), samples(0, 8, run="b")[1:]
    assert onset_ns([*first, *second], 0, 900) == 900
