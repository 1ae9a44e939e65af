"""A study of many runs while it is computed: a bar with the time left on a terminal, else lines, or JSON Lines."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from controller.cli.console import console, print_json, say
from nodes.units import SECOND_NS, format_ns

EVERY_S = 5.0
"""Between two lines."""
JSON_EVERY_S = 0.5


class Run(Protocol):
    """What a run came to: a `Swept`, a `Trial`."""

    @property
    def verdict(self) -> str: ...


class SweepView(Protocol):
    """Hears of every chunk."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def computed(self, rows: Sequence[Run]) -> None: ...
    def close(self) -> None: ...


def view_for(points: int, done: int, folder: Path, *, json: bool) -> SweepView:
    """The view that suits stdout, for `points`, of which `done` were computed before."""
    if json:
        return LineView(points, done, str(folder), _json, JSON_EVERY_S)
    return BarView(points, done) if sys.stderr.isatty() else LineView(points, done, str(folder), _text, EVERY_S)


class BarView:
    """Rich's bar on stderr's terminal."""

    def __init__(self, points: int, done: int) -> None:
        self._counts: Counter[str] = Counter()
        columns = (
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TextColumn("left:"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )  # fmt: skip
        self._bar = Progress(*columns, console=console(stderr=True), speed_estimate_period=120)
        self._task = self._bar.add_task("", total=points, completed=done)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def computed(self, rows: Sequence[Run]) -> None:
        """Counts them."""
        self._counts.update(row.verdict for row in rows)
        told = ", ".join(f"{count} {name}" for name, count in self._counts.most_common(3))
        self._bar.update(self._task, advance=len(rows), description=told)

    def close(self) -> None:
        self._bar.stop()


class LineView:
    """A line at the start, every few seconds, and at the end."""

    def __init__(
        self,
        points: int,
        done: int,
        folder: str,
        tell: Callable[[str, dict[str, object]], None],
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._points, self._before, self._done, self._folder = points, done, done, folder
        self._say, self._every_s, self._clock = tell, every_s, clock
        self._began_s = self._told_s = clock()

    def __enter__(self) -> Self:
        self._say("started", {"folder": self._folder, "points": self._points, "computed": self._before})
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def computed(self, rows: Sequence[Run]) -> None:
        """Counts them; tells when it is time or everything is done."""
        self._done += len(rows)
        now_s = self._clock()
        if now_s - self._told_s >= self._every_s or self._done >= self._points:
            self._told_s = now_s
            progress: dict[str, object] = {
                "points": self._points,
                "computed": self._done,
                "left_s": self._left_s(now_s),
            }
            self._say("progress", progress)

    def close(self) -> None:
        """Nothing is left to do: lines stand as they are."""

    def _left_s(self, now_s: float) -> float | None:
        """At the rate so far; None before there is one."""
        fresh = self._done - self._before
        return round((self._points - self._done) * (now_s - self._began_s) / fresh, 1) if fresh else None


def _json(kind: str, told: dict[str, object]) -> None:
    print_json({"kind": kind, **told})


def _text(kind: str, told: dict[str, object]) -> None:
    if kind == "started":
        before = f", {told['computed']} of them computed before" if told["computed"] else ""
        say(f"computing {told['points']} points into {told['folder']}{before}")
    else:
        left = told["left_s"]
        more = f", {format_ns(left * SECOND_NS)} left" if isinstance(left, float) and left else ""
        say(f"{told['computed']} of {told['points']} points{more}")
