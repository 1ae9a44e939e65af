"""Draws one run: `python -m controller.report`, with a `controller.store.drawing.Task` as MessagePack on stdin. What takes
long and is the same for every run is done before the task has come."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from controller import report
from controller.experiment.record import Record
from controller.report import charts
from controller.store.drawing import Task
from controller.store.whole import write_whole
from nodes.errors import UsageError

SCALE = 1.5
"""Pixels per point of picture.png: 1300 pixels wide, and a third of a second sooner there than at 2 (own)."""


def draw(folder: Path, record: Record) -> None:
    """Writes report.html, junit.xml and, where something was measured, picture.png."""
    report.write(folder, record)
    write_whole(folder / "junit.xml", report.junit(record.result))
    try:
        picture = report.picture(record, scale=SCALE)
    except UsageError:  # no sample of any initiator
        return
    write_whole(folder / "picture.png", picture)


def main() -> None:
    """The process."""
    charts.bundle()
    charts.warm()
    if given := sys.stdin.buffer.read():
        folder, record = msgspec.msgpack.decode(given, type=Task)
        draw(Path(folder), record)


if __name__ == "__main__":
    main()
