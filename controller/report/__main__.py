"""Draws one run: `python -m controller.report`, with a `controller.store.drawing.Task` as MessagePack on stdin. What takes
long and is the same for every run is done before the task has come."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from controller import report
from controller.report import charts
from controller.store.drawing import Task
from controller.store.whole import write_whole
from nodes.errors import UsageError

SCALE = 1.5
"""Pixels per point of picture.png: 1300 pixels wide, and a third of a second sooner there than at 2 (own)."""


def draw(task: Task) -> None:
    """Writes report.html, junit.xml and, where something was measured, picture.png."""
    folder = Path(task.folder)
    report.write(folder, task.result, task.samples, task.events)
    write_whole(folder / "junit.xml", report.junit(task.result))
    try:
        picture = report.picture(task.result, task.samples, task.events, scale=SCALE)
    except UsageError:  # no sample of any initiator
        return
    write_whole(folder / "picture.png", picture)


def main() -> None:
    """The process."""
    charts.bundle()
    charts.warm()
    if given := sys.stdin.buffer.read():
        draw(msgspec.msgpack.decode(given, type=Task))


if __name__ == "__main__":
    main()
