"""Samples in columns: for each node one list of values a field, written as JSON piece by piece.

A run of 64 machines over two minutes is two and a half million numbers. As records they would take twice the memory and keep
an interpreter busy in long stretches; here they are eight bytes each, and no step takes more than some milliseconds, so that
a daemon answers its broker meanwhile (figures: docs/adr/0014).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import Any

import msgspec

from nodes.messages import Sample

LEFT_OUT = frozenset({"node", "run", "tier"})
"""The same for every row of a column: the key, or the run's own."""
_KINDS = {field.name: field.type for field in msgspec.structs.fields(Sample)}
FIELDS = tuple(name for name in _KINDS if name not in LEFT_OUT)
"""Of a sample, each a column; `t_ns` is the first and counts from the beginning of the run."""
_INTEGER = "q"

Column = MutableSequence[Any]
"""An array of integers, or a list of words."""


class Columns:
    """Columns of several nodes, as rows come in."""

    def __init__(self, zero_ns: int, node: str = "") -> None:
        """`zero_ns` is taken from every time; with `node` only its rows are kept."""
        self._zero_ns, self._node = zero_ns, node
        self.nodes: dict[str, dict[str, Column]] = {}

    def add(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows of one or several nodes, in the order of time."""
        who = names.index("node")
        of_node: dict[str, list[Sequence[Any]]] = {}
        for row in rows:
            of_node.setdefault(row[who], []).append(row)
        for node, own in of_node.items():
            if self._node in ("", node):
                self._extend(self.nodes.setdefault(node, _empty(names)), names, own)

    def _extend(self, columns: dict[str, Column], names: Sequence[str], rows: list[Sequence[Any]]) -> None:
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            if name == "t_ns":
                columns[name].extend([t_ns - self._zero_ns for t_ns in values])
            elif name in columns:
                columns[name].extend(values)

    def json(self) -> Iterator[bytes]:
        """`{node: {field: [values]}}`, a node at a time."""
        yield b"{"
        for number, (name, columns) in enumerate(sorted(self.nodes.items())):
            plain = {field: list(values) for field, values in columns.items()}
            yield (b"," if number else b"") + msgspec.json.encode(name) + b":" + msgspec.json.encode(plain)
        yield b"}"


def _empty(names: Sequence[str]) -> dict[str, Column]:
    return {name: [] if _KINDS[name] in (str, "str") else array(_INTEGER) for name in FIELDS if name in names}


def of_samples(samples: Iterable[Sample], zero_ns: int) -> Columns:
    """Of records."""
    columns, names = Columns(zero_ns), tuple(_KINDS)
    columns.add(names, map(msgspec.structs.astuple, samples))
    return columns
