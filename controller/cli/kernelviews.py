"""A matrix while its trials go on: a bar on a terminal, a line a trial elsewhere, JSON Lines when asked; and its table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from controller.cli.console import console, print_json, say
from controller.cli.summary import style_of
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


def view_for(trials: int, missing: int, folder: str, *, json: bool) -> MatrixView:
    """The view that suits, for a matrix of `trials`, of which `missing` are to be carried out."""
    if json:
        return Lines(trials, missing, folder, json=True)
    return Bar(trials, missing) if sys.stderr.isatty() else Lines(trials, missing, folder, json=False)


class Bar:
    """Rich's bar on stderr's terminal, with what the present run does; a line for each that ended."""

    def __init__(self, trials: int, missing: int) -> None:
        columns = (
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TextColumn("left:"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )  # fmt: skip
        self._bar = Progress(*columns, console=console(stderr=True), speed_estimate_period=3600)
        self._task = self._bar.add_task("", total=trials, completed=trials - missing)
        self._place = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begins(self, key: Key) -> None:
        self._place = f"{key.place.told} #{key.repeat + 1}"
        self._bar.update(self._task, description=escape(self._place))

    def heard(self, message: dict[str, Any]) -> None:
        if phase := phase_of(message):
            self._bar.update(self._task, description=escape(f"{self._place}: {phase}"))

    def ended(self, trial: Trial) -> None:
        self._bar.console.print(escape(ended_text(trial)), style=style_of(trial.verdict))
        self._bar.update(self._task, advance=1)

    def passed(self, key: Key) -> None:
        self._bar.update(self._task, advance=1)

    def hindered(self, key: Key, error: str) -> None:
        self._bar.console.print(escape(f"{key.place.told}: could not begin: {error}"))

    def close(self) -> None:
        self._bar.stop()


class Lines:
    """A line, or an object a line, for each phase and each end."""

    def __init__(self, trials: int, missing: int, folder: str, *, json: bool) -> None:
        self._trials, self._done, self._folder, self._json = trials, trials - missing, folder, json
        self._phase = ""

    def __enter__(self) -> Self:
        if self._json:
            print_json({"kind": "started", "folder": self._folder, "trials": self._trials, "done": self._done})
        else:
            before = f", {self._done} of them carried out before" if self._done else ""
            say(f"{self._trials} trials into {self._folder}{before}")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begins(self, key: Key) -> None:
        self._phase = ""
        if not self._json:
            say(f"{self._done + 1}/{self._trials}  {key.place.told} #{key.repeat + 1} ...")

    def heard(self, message: dict[str, Any]) -> None:
        phase = phase_of(message).partition(",")[0]
        if phase and phase != self._phase:
            self._phase = phase
            if self._json:
                print_json({"kind": "phase", "phase": phase})

    def ended(self, trial: Trial) -> None:
        self._done += 1
        if self._json:
            print_json({"kind": "trial", "trial": trial})
        else:
            say(ended_text(trial))

    def passed(self, key: Key) -> None:
        self._done += 1

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
            yield f"[bold]{escape(cell.place.told)}[/]: {escape(hang.sentence)} ({hang.count} of {len(cell.trials)})"


def _cell_json(asked: Asked, cell: Cell) -> dict[str, Any]:
    return {
        "tier": asked.tier, "place": cell.place, "told": cell.told(), "verdict": cell.verdict, "counts": cell.counts,
        "asked": cell.asked, "cannot": cell.cannot, "trials": cell.trials,
    }  # fmt: skip
