"""A run as a trace that Perfetto and Chrome open: the JSON of the Trace Event Format (`traceEvents`, times in us).

A node is a process: its figures are counters, what happened to it are instants. The phases are slices of a process of
their own. A long run has a million entries: they are written some at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from controller.experiment.record import Phase
from controller.web.messages import Told

COUNTED = (
    "free_pages", "reserve_used_pages", "in_flight", "ring_free_slots", "junk_held_bytes", "progress_pages",
    "progress_age_ns", "early_drops", "rcvbuf_drops", "no_buffer_drops", "rx_alloc_failures",
)  # fmt: skip
"""Fields of a sample that become counters: what the report draws."""
RUN = "run"
AT_A_TIME = 2000
"""Entries: some hundred kilobytes (own)."""
Entry = dict[str, Any]


def trace(
    phases: Sequence[Phase], columns: Mapping[str, Mapping[str, Sequence[Any]]], events: Sequence[Told]
) -> Iterator[bytes]:
    """The whole trace, piece by piece; all times count from the beginning of the run."""
    names = [RUN, *sorted({*columns, *(event.node for event in events)})]
    numbers = {name: number for number, name in enumerate(names, 1)}
    parts = (_names(numbers), _phases(phases), _counters(columns, numbers), _instants(events, numbers))
    entries, comma = chain(*parts), b""
    yield b'{"displayTimeUnit":"ns","traceEvents":['
    while some := list(islice(entries, AT_A_TIME)):
        yield comma + msgspec.json.encode(some)[1:-1]
        comma = b","
    yield b"]}"


def _names(numbers: Mapping[str, int]) -> Iterator[Entry]:
    for name, number in numbers.items():
        yield {"ph": "M", "name": "process_name", "pid": number, "args": {"name": name}}


def _phases(phases: Sequence[Phase]) -> Iterator[Entry]:
    for phase in phases:
        length_ns = phase.end_ns - phase.start_ns
        yield {"ph": "X", "name": phase.name, "pid": 1, "tid": 1, "ts": phase.start_ns / 1e3, "dur": length_ns / 1e3}


def _counters(columns: Mapping[str, Mapping[str, Sequence[Any]]], numbers: Mapping[str, int]) -> Iterator[Entry]:
    for node, fields in columns.items():
        for name in (name for name in COUNTED if name in fields):
            for t_ns, value in zip(fields["t_ns"], fields[name], strict=True):
                yield {"ph": "C", "name": name, "pid": numbers[node], "ts": t_ns / 1e3, "args": {"value": value}}


def _instants(events: Sequence[Told], numbers: Mapping[str, int]) -> Iterator[Entry]:
    for event in events:
        told = {"ph": "i", "s": "p", "name": event.kind, "pid": numbers[event.node], "tid": 1, "ts": event.t_ns / 1e3}
        yield told | {"args": {"text": event.text}}
