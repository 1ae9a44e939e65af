"""A matrix while its trials go on: a bar on a terminal, a line a trial elsewhere, JSON Lines when asked; and its table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.cli.console import console, print_json, say
from controller.cli.summary import style_of
from controller.studies.kernels.pace import Pace, lasting
from nodes.units import SECOND_NS

if TYPE_CHECKING:
    from controller.studies.kernels.model import Asked, Cell, Key, Trial

Matrix = tuple["Asked", Sequence["Cell"]]


class MatrixView(Protocol):
    """Hears of every trial."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def begins(self, key: Key) -> None: ...
    def heard(self, message: dict[str, Any]) -> None:
        """The run's own next word."""

    def ended(self, trial: Trial) -> None: ...
    def passed(self, key: Key) -> None:
        """Left out: its place cannot be tried."""

    def hindered(self, key: Key, error: str) -> None:
        """It could not begin."""

    def close(self) -> None: ...


@dataclass
class Queue:
    """A matrix that is being carried out."""

    folder: str
    done: int
    """Trials that are there, or were passed."""
    keys: list[Key]
    """Those still to be carried out; the present one is no longer among them."""
    pace: Pace

    def left(self, *more: Key) -> str:
        """How long `keys`, and `more`, will take."""
        seconds = self.left_s(*more)
        return "unknown" if seconds is None else f"about {lasting(seconds)}"

    def left_s(self, *more: Key) -> float | None:
        return self.pace.left_s([*more, *self.keys])

    def expectation(self) -> str:
        """What is to be expected of all that is left, before it begins."""
        if not self.keys:
            return "nothing is left to do"
        if self.pace.left_s(self.keys) is None:
            return "how long it will take is known after the first trial"
        how = "by the trials measured here" if self.pace.measured(self.keys) else "by the scenario's phases, unmeasured"
        ends = datetime.now() + timedelta(seconds=self.left_s() or 0)
        return f"{len(self.keys)} to carry out, {self.left()} ({how}), until {ends:%H:%M on %d %B}"


def view_for(queue: Queue, *, json: bool) -> MatrixView:
    """The view that suits."""
    if json or not sys.stderr.isatty():
        return Lines(queue, json=json)
    return Bar(queue)


class Bar:
    """Rich's bar on stderr's terminal, with what the present run does; a line for each that ended."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        columns = (
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            TextColumn("left: {task.fields[left]}"),
        )  # fmt: skip
        self._bar = Progress(*columns, console=console(stderr=True))
        total = queue.done + len(queue.keys)
        self._task = self._bar.add_task("", total=total, completed=queue.done, left=queue.left())
        self._place = ""

    def __enter__(self) -> Self:
        self._bar.start()
        self._bar.console.print(escape(self._queue.expectation()))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begins(self, key: Key) -> None:
        self._place = f"{key.place.told} #{key.repeat + 1}"
        total = self._queue.done + 1 + len(self._queue.keys)  # more than at first, where some proved nothing
        self._bar.update(self._task, description=escape(self._place), total=total)

    def heard(self, message: dict[str, Any]) -> None:
        if phase := phase_of(message):
            self._bar.update(self._task, description=escape(f"{self._place}: {phase}"))

    def ended(self, trial: Trial) -> None:
        self._bar.console.print(escape(ended_text(trial)), style=style_of(trial.verdict))
        self._queue.pace.add(trial)
        self._advance()

    def passed(self, key: Key) -> None:
        self._advance()

    def _advance(self) -> None:
        self._queue.done += 1
        self._bar.update(self._task, completed=self._queue.done, left=self._queue.left())

    def hindered(self, key: Key, error: str) -> None:
        self._bar.console.print(escape(f"{key.place.told}: could not begin: {error}"))

    def close(self) -> None:
        self._bar.stop()


class Lines:
    """A line, or an object a line, for each phase and each end."""

    def __init__(self, queue: Queue, *, json: bool) -> None:
        self._queue, self._json = queue, json
        self._phase = ""

    def __enter__(self) -> Self:
        queue, trials = self._queue, self._queue.done + len(self._queue.keys)
        if self._json:
            started = {"kind": "started", "folder": queue.folder, "trials": trials, "done": queue.done}
            print_json(started | {"expected_s": queue.left_s()})
        else:
            before = f", {queue.done} of them carried out before" if queue.done else ""
            say(f"{trials} trials into {queue.folder}{before}")
            say(queue.expectation())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begins(self, key: Key) -> None:
        self._phase = ""
        if not self._json:
            done = self._queue.done + 1
            left = f"{self._queue.left(key)} left"
            say(f"{done}/{done + len(self._queue.keys)}  {key.place.told} #{key.repeat + 1} ... ({left})")

    def heard(self, message: dict[str, Any]) -> None:
        phase = phase_of(message).partition(",")[0]
        if phase and phase != self._phase:
            self._phase = phase
            if self._json:
                print_json({"kind": "phase", "phase": phase})

    def ended(self, trial: Trial) -> None:
        self._queue.done += 1
        self._queue.pace.add(trial)
        if self._json:
            print_json({"kind": "trial", "trial": trial, "left_s": self._queue.left_s()})
        else:
            say(ended_text(trial))

    def passed(self, key: Key) -> None:
        self._queue.done += 1

    def hindered(self, key: Key, error: str) -> None:
        if self._json:
            print_json({"kind": "hindered", "key": key, "error": error})
        else:
            say(f"{key.place.told}: could not begin: {error}")

    def close(self) -> None:
        """Lines stand as they are."""


def phase_of(message: dict[str, Any]) -> str:
    """`flood, 12 s` from a run's message of progress; empty for another."""
    progress = message.get("progress") or {}
    if message.get("kind") != "progress" or not progress.get("phase"):
        return ""
    return f"{progress['phase']}, {progress.get('elapsed_ns', 0) / SECOND_NS:.0f} s"


def ended_text(trial: Trial) -> str:
    """A trial as one line."""
    return f"{trial.key.place.told} #{trial.key.repeat + 1}: {trial.verdict.upper()}: {trial.sentence}"


def told(folder: Path, matrices: Sequence[Matrix], written: Sequence[Path], *, json: bool) -> None:
    """The table, the hangs, and what was written."""
    if json:
        found = [_cell_json(asked, cell) for asked, cells in matrices for cell in cells]
        print_json({"kind": "result", "folder": str(folder), "cells": found, "files": [str(path) for path in written]})
        return
    for asked, cells in matrices:
        console().print(_table(asked, cells))
        for line in _hang_lines(cells):
            console().print(line, soft_wrap=True)
    for path in written:
        print(f"    {path}")


def _table(asked: Asked, cells: Sequence[Cell]) -> Table:
    """A row for each scenario, kernel and card; a column for each policy."""
    from controller.studies.kernels.model import kernel_text

    table = Table("scenario", "kernel", "card", *asked.policies, box=None, pad_edge=False, title=f"{asked.tier} tier")
    rows: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        place = (cell.place.scenario, kernel_text(cell.place.kernel), cell.place.nic)
        rows.setdefault(place, []).append(_cell_text(cell))
    for place, texts in rows.items():
        table.add_row(*map(escape, place), *texts)
    return table


def _cell_text(cell: Cell) -> str:
    lines = [
        f"[{style_of(cell.verdict) if cell.verdict else 'dim'}]{escape(cell.told())}[/]",
        *map(escape, cell.figures()),
    ]
    return "\n".join([*lines, *map(escape, cell.reasons())])


def _hang_lines(cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        for hang in cell.hangs():
            yield f"[bold]{escape(cell.place.told)}[/]: {escape(hang.sentence)} ({hang.count} of {len(cell.counted)})"


def _cell_json(asked: Asked, cell: Cell) -> dict[str, Any]:
    lived = cell.lived and {"hits": cell.lived.hits, "of": cell.lived.of, "interval": cell.lived.interval}
    return {
        "tier": asked.tier, "place": cell.place, "told": cell.told(), "verdict": cell.verdict, "counts": cell.counts,
        "lived": lived, "void": cell.void, "asked": cell.asked, "cannot": cell.cannot, "trials": cell.trials,
    }  # fmt: skip
