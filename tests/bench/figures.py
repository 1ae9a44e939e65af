"""What a benchmark prints: one line a figure, beside its aim and its peer, and the machine it was measured on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value. `peer` is what stands beside it (0: nothing does), `ratio` the value by the peer; where both
    were measured in turn, the median of the pairs. `aim` is text; `met` is None where none is set."""

    part: str
    """Letter of the benchmark it belongs to."""
    name: str
    value: float
    unit: str
    aim: str = ""
    met: bool | None = None
    peer: float = 0.0
    peer_name: str = ""
    ratio: float = 0.0
    remark: str = ""


def machine() -> str:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"


def as_json(figures: list[Figure]) -> str:
    return json.dumps({"machine": machine(), "figures": [asdict(figure) for figure in figures]}, indent=1)


def as_table(figures: list[Figure]) -> str:
    """A Markdown table, as docs/reference/benchmarks.md shows it."""
    head = ("", "figure", "measured", "peer", "ratio", "aim", "met", "remark")
    rows = [head, tuple("---" for _ in head), *map(_cells, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    return "\n".join([*lines, "", f"Machine: {machine()}"])


def _cells(figure: Figure) -> tuple[str, ...]:
    peer = f"{_number(figure.peer)} ({figure.peer_name})" if figure.peer_name else ""
    ratio = f"{figure.ratio:.2f}" if figure.ratio else ""
    met = "" if figure.met is None else ("yes" if figure.met else "no")
    measured = f"{_number(figure.value)} {figure.unit}"
    return figure.part, figure.name, measured, peer, ratio, figure.aim, met, figure.remark


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
