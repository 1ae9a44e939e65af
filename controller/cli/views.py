"""A run as it goes, in three forms: a live table on a terminal, plain lines elsewhere, JSON Lines when asked."""

from __future__ import annotations

import sys
from typing import Protocol

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.api import Progress, ProgressRow, RunStarted
from controller.cli.console import console, print_json
from nodes.units import SECOND_NS, format_ns

PLAIN_INTERVAL_NS = 5 * SECOND_NS
"""One line per node so often where there is no terminal."""
OLD_NS = 2 * SECOND_NS
"""From this age on, the last progress is shown as a warning: a driver watchdog's time (physics.md section 4)."""
BAR_WIDTH = 40


class View(Protocol):
    """What a run's messages are shown on; used as a context manager around the run."""

    def __enter__(self) -> View: ...

    def __exit__(self, *error: object) -> None: ...

    def started(self, run: RunStarted) -> None:
        """The controller accepted the run."""

    def progress(self, progress: Progress) -> None:
        """The next message of the run."""

    def remark(self, text: str) -> None:
        """Something the person should know meanwhile."""


def view_for(*, json: bool) -> View:
    """The form that fits where stdout goes."""
    if json:
        return Lines()
    return LiveTable() if sys.stdout.isatty() else Plain()


class Plain:
    """Phase changes at once, nodes every 5 s of the run."""

    def __init__(self) -> None:
        self._phase = ""
        self._message = ""
        self._due_ns = 0

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def started(self, run: RunStarted) -> None:
        print(f"run {run.run}: about {format_ns(run.expected_ns)}", flush=True)

    def progress(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase = progress.phase
            left = "" if progress.result else f", {time_left(progress)}"
            self._print(progress, f"phase {progress.phase}{left}")
        if progress.message and progress.message != self._message:
            self._print(progress, progress.message)
        self._message = progress.message
        if progress.elapsed_ns >= self._due_ns and progress.rows:
            self._due_ns = progress.elapsed_ns - progress.elapsed_ns % PLAIN_INTERVAL_NS + PLAIN_INTERVAL_NS
            for row in progress.rows:
                self._print(progress, plain_row(row))

    def remark(self, text: str) -> None:
        print(text, flush=True)

    def _print(self, progress: Progress, text: str) -> None:
        print(f"{progress.elapsed_ns / SECOND_NS:7.1f} s  {text}", flush=True)


class Lines:
    """Every message as one object a line: `{"kind": "started" | "progress" | "remark", ...}`."""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def started(self, run: RunStarted) -> None:
        print_json({"kind": "started", "run": run.run, "folder": run.folder, "expected_ns": run.expected_ns})

    def progress(self, progress: Progress) -> None:
        if progress.result is None:  # the result is a line of its own, written at the end
            print_json({"kind": "progress", "progress": progress})

    def remark(self, text: str) -> None:
        print_json({"kind": "remark", "text": text})


class LiveTable:
    """One row per node and a bar with the time left, redrawn in place."""

    def __init__(self) -> None:
        self._live = Live(Text("asking the controller ..."), console=console(), refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def started(self, run: RunStarted) -> None:
        self.remark(f"run {run.run}: about {format_ns(run.expected_ns)}; Ctrl-C stops it and keeps what it showed")

    def progress(self, progress: Progress) -> None:
        self._live.update(render(progress), refresh=True)

    def remark(self, text: str) -> None:
        self._live.console.print(text, markup=False)


def render(progress: Progress) -> Group:
    """The live view of one message."""
    parts: list[Table | Text] = [_bar(progress), _table(progress.rows)]
    if progress.message:
        parts.append(Text(progress.message, style="yellow"))
    return Group(*parts)


def time_left(progress: Progress) -> str:
    """`12 s left`, or by how much a run whose heal phase was extended is over its plan."""
    left_ns = progress.expected_ns - progress.elapsed_ns
    return f"{left_ns / SECOND_NS:.0f} s left" if left_ns >= 0 else f"{-left_ns / SECOND_NS:.0f} s over the plan"


def plain_row(row: ProgressRow) -> str:
    """A node as one line. A target has no memory of its own to watch: its state says all."""
    if not row.min_pages:
        return f"{row.node}  {row.state}"
    swap = f"swap {row.swap_pages_per_s:.0f} pages/s"
    return (
        f"{row.node}  {row.state}  {row.policy or '-'}  free {row.free_pages} of min {row.min_pages} pages  "
        f"in flight {row.in_flight}  last progress {age(row.progress_age_ns)} ago  drops {row.drops}  {swap}"
    )


def age(age_ns: int) -> str:
    """An age in seconds, to a tenth."""
    return f"{age_ns / SECOND_NS:.1f} s"


def _bar(progress: Progress) -> Table:
    line = Table.grid(padding=(0, 1))
    done = min(progress.elapsed_ns, progress.expected_ns)
    line.add_row(
        Text(progress.scenario, style="bold"), Text(progress.phase, style="bold cyan"),
        ProgressBar(total=max(progress.expected_ns, 1), completed=done, width=BAR_WIDTH), Text(time_left(progress)),
    )  # fmt: skip
    return line


def _table(rows: tuple[ProgressRow, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("node", no_wrap=True)
    table.add_column("state", min_width=10)
    table.add_column("policy")
    for name in ("free/min pages", "in flight", "last progress", "drops", "swap pages/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: ProgressRow) -> tuple[Text, ...]:
    if not row.min_pages:
        return Text(row.node), Text(row.state), *(Text("-") for _ in range(6))
    low, old = row.free_pages < row.min_pages, row.progress_age_ns >= OLD_NS
    return (
        Text(row.node), Text(row.state, style="red" if row.state in ("stuck", "dead") else ""), Text(row.policy or "-"),
        Text(f"{row.free_pages}/{row.min_pages}", style="red" if low else ""), Text(str(row.in_flight)),
        Text(age(row.progress_age_ns), style="red" if old else ""), Text(str(row.drops)),
        Text(f"{row.swap_pages_per_s:.0f}"),
    )  # fmt: skip
