"""Goal: the drawing process writes what a run folder needs, and a failure there is one line, never a hanging run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import syntheticruns
from msgspec import structs

from controller.report.page import render
from controller.store import drawing
from controller.store.drawing import Drawing, write_report
from controller.store.folder import RunFolder

RUN = syntheticruns.deadlock()


def test_report_picture_and_junit_are_written(tmp_path: Path) -> None:
    drawn = Drawing()
    drawn.draw(tmp_path, RUN)
    assert drawn.wait() == ""
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "picture.png", "junit.xml"}
    here = render(tmp_path, RUN)
    assert (tmp_path / "report.html").read_text() == here, "of all that it was given, events too"


def test_a_run_that_measured_nothing_has_no_picture(tmp_path: Path) -> None:
    run = syntheticruns.inconclusive()
    drawn = Drawing()
    drawn.draw(tmp_path, structs.replace(run, samples=[], events=[]))
    assert drawn.wait() == ""
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "junit.xml"}


async def test_what_goes_wrong_is_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await write_report(RunFolder(tmp_path, "absent"), RUN)
    err = capsys.readouterr().err
    assert err.startswith(f"netreserve: no report for {RUN.result.run}: FileNotFoundError") and err.count("\n") == 1


def test_a_process_that_dies_tells_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import sys; sys.exit('no paint')"))
    drawn = Drawing()
    drawn.draw(tmp_path, RUN)
    assert drawn.wait() == "no paint"
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import sys; sys.exit(3)"))
    assert Drawing().wait() == "the drawing process ended with code 3"


def test_one_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    Drawing().drop()
    assert not list(tmp_path.iterdir())


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import threading; threading.Event().wait()"))
    monkeypatch.setattr(drawing, "DEADLINE_S", 0.2)
    drawn = Drawing()
    drawn.draw(tmp_path, RUN)
    assert drawn.wait() == "it was not drawn within 0.2 s"


def test_one_that_draws_already_may_be_dropped_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import threading; threading.Event().wait()"))
    drawn = Drawing()
    drawn.draw(tmp_path, RUN)
    drawn.drop()
    drawn.drop()
    assert drawn.wait() == "the drawing process ended with code -9"
