"""Reports are drawn in a process of their own: drawing keeps an interpreter busy for seconds, in which a daemon must answer
its broker and a simulation can go on; and what it costs in memory is given back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from controller.record import Result
from controller.store.folder import RunFolder
from nodes.messages import Event, Sample

DRAWER = (sys.executable, "-m", "controller.report")


class Task(Struct, frozen=True, kw_only=True):
    """What there is to draw, and the run folder that it goes to."""

    folder: str
    result: Result
    samples: list[Sample]
    events: list[Event]


class Drawing:
    """One drawing process. It begins to load its libraries at once, so that a run may go on meanwhile; `draw` gives it the
    run, `wait` waits for report.html, picture.png and junit.xml. Nothing is raised: a result stands without them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            DRAWER,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C on a terminal is for the run
        )

    def draw(self, folder: Path, result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> None:
        """Begins to draw, at once or when its libraries are there. Call it once."""
        task = Task(folder=str(folder), result=result, samples=list(samples), events=list(events))
        threading.Thread(target=self._tell, args=(msgspec.msgpack.encode(task),), daemon=True).start()

    def wait(self) -> str:
        """Why there is no report (one line); empty when there is."""
        assert self._process.stderr is not None
        told = self._process.stderr.read().decode(errors="replace").strip()
        self._process.stderr.close()
        code = self._process.wait()
        return "" if code == 0 else (told.splitlines() or [f"the drawing process ended with code {code}"])[-1]

    def drop(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._tell(b"")
        self.wait()

    def _tell(self, task: bytes) -> None:
        """All that it is ever told. One that died cannot hear it: `wait` tells of what."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(task)


async def write_report(folder: RunFolder, result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> None:
    """All of it, for a daemon. What goes wrong is told on stderr."""
    if problem := await asyncio.to_thread(_drawn, folder.path, result, samples, events):
        print(f"netreserve: no report for {result.run}: {problem}", file=sys.stderr)


def _drawn(folder: Path, result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> str:
    try:
        drawing = Drawing()
    except OSError as error:
        return f"no process for it: {error.strerror}"
    drawing.draw(folder, result, samples, events)
    return drawing.wait()
