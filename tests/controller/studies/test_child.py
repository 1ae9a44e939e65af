"""Runs in a process of their own: what they said, what becomes of them when we are interrupted."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from scriptedchild import WAIT, calls, starter

from controller.studies import child

DEADLINE_S = 20.0


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text("{name: s, policy: none, nodes: {initiator: {nic: e1000e}}}")
    return file


def script(monkeypatch: pytest.MonkeyPatch, folder: Path, told: str) -> Path:
    monkeypatch.setattr(child, "STARTER", starter(folder / "child", {"*": told}))
    return folder / "child"


def test_a_run_is_heard_and_its_result_read(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = script(monkeypatch, tmp_path, "deadlocked")
    heard: list[child.Message] = []
    ended = child.run([str(scenario), "--seed", "7"], heard.append)
    assert ended.result is not None and (ended.code, ended.result.verdict, ended.error) == (1, "deadlocked", "")
    assert ended.folder == folder / "runs" / "run-1"
    assert [message["kind"] for message in heard] == ["progress"]
    assert calls(folder) == ["sim/e1000e/none/7"]


def test_what_it_refuses_is_told_in_its_words(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, tmp_path, "exit 3: no Docker engine")
    assert child.run([str(scenario)]) == child.Ended(code=3, error="no Docker engine")


def test_one_that_dies_silently_has_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STARTER", ("/bin/sh", "-c", "exit 9"))
    assert child.run([]).error == "it ended with code 9 and said nothing"


def test_an_interrupted_child_interrupts_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STARTER", ("/bin/sh", "-c", "exit 130"))
    with pytest.raises(KeyboardInterrupt):
        child.run([])


def test_our_interrupt_is_passed_on_and_waited_for(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = script(monkeypatch, tmp_path, WAIT)

    def interrupt() -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not (folder / "waiting").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        child.run([str(scenario)])
    thread.join()
    assert (folder / "interrupted").exists()
