"""Reports are drawn in a process of their own: drawing keeps an interpreter busy for seconds, in which a daemon must answer
its broker and a simulation can go on; and what it costs in memory is given back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from controller.experiment.record import Record
from controller.store.folder import RunFolder

DRAWER = (sys.executable, "-m", "controller.report")
DEADLINE_S = 120.0
"""A report takes 2 to 4 s to draw on an idle core (own); what takes so much longer hangs."""


Task = tuple[str, Record]
"""The run folder, and what there is to draw into it: what the drawing process is told."""


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
        self._talk: threading.Thread | None = None
        self._problem = ""

    def draw(self, folder: Path, record: Record) -> None:
        """Begins to draw, at once or when its libraries are there. Call it once."""
        task: Task = (str(folder), record)
        self._begin(msgspec.msgpack.encode(task))

    def wait(self) -> str:
        """Why there is no report (one line); empty when there is. One that is not drawn within DEADLINE_S is given up."""
        self._begin(b"").join()
        return self._problem

    def drop(self) -> None:
        """Ends it, whatever it does. May be called at any time, and more than once."""
        self._process.kill()
        self.wait()

    def _begin(self, task: bytes) -> threading.Thread:
        """Tells it all that it is ever told; nothing when it was told already."""
        if self._talk is None:
            self._talk = threading.Thread(target=self._converse, args=(task,), daemon=True)
            self._talk.start()
        return self._talk

    def _converse(self, task: bytes) -> None:
        try:
            _, told = self._process.communicate(task, DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            self._problem = f"it was not drawn within {DEADLINE_S:g} s"
            return
        if code := self._process.returncode:
            lines = told.decode(errors="replace").strip().splitlines()
            self._problem = (lines or [f"the drawing process ended with code {code}"])[-1]


async def write_report(folder: RunFolder, record: Record) -> None:
    """All of it, for a daemon. What goes wrong is told on stderr."""
    try:
        drawing = await asyncio.to_thread(Drawing)
    except OSError as error:
        problem = f"no process for it: {error.strerror}"
    else:
        problem = await _drawn(drawing, folder.path, record)
    if problem:
        print(f"netreserve: no report for {record.result.run}: {problem}", file=sys.stderr)


async def _drawn(drawing: Drawing, folder: Path, record: Record) -> str:
    try:
        drawing.draw(folder, record)
        return await asyncio.to_thread(drawing.wait)
    except asyncio.CancelledError:
        drawing.drop()  # else the thread that waits for it keeps the daemon from ending
        raise
