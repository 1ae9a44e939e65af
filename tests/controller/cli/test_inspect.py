"""`netreserve inspect`: its codes, its table, its script, and the scenario that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from machines import MACHINES, unpack

from controller.cli.main import carry_out


def file(name: str) -> str:
    return str(MACHINES / name / "machine.txt")


@pytest.mark.parametrize(
    ("name", "code"), [("plain-local", 0), ("diskless-nbd-client", 1), ("container-without-rights", 3)]
)
def test_its_codes(name: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["inspect", file(name)]) == code
    said = capsys.readouterr()
    assert said.out.startswith(("NOTHING GRAVE SEEN", "AT RISK", "NOT KNOWN"))
    assert "what to do" in said.out and not said.err


def test_a_copied_root_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpack("zvol-swap", tmp_path)
    assert carry_out(["inspect", "--root", str(tmp_path), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["answer"]["headline"].startswith("AT RISK: swap on a ZFS volume")
    assert printed["foretold"] == []


def test_an_empty_root_is_no_clean_bill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["inspect", "--root", str(tmp_path)]) == 3
    out = capsys.readouterr().out
    assert "NOT KNOWN" in out and "not read: /proc/swaps (missing)" in out


def test_a_scenario_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    assert carry_out(["inspect", file("plain-local"), "--scenario", str(path)]) == 0
    assert carry_out(["validate", str(path)]) == 0
    before = path.read_text()
    assert carry_out(["inspect", file("zvol-swap"), "--scenario", str(path)]) == 2
    assert path.read_text() == before
    assert "is there already" in capsys.readouterr().err


def test_the_collector_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["inspect", "--collector"]) == 0
    assert capsys.readouterr().out.startswith("#!/bin/sh\n")


def test_what_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--root", str(tmp_path / "none")], [file("plain-local"), "--root", str(tmp_path)], [str(tmp_path)]):
        assert carry_out(["inspect", *words]) == 2
        said = capsys.readouterr()
        assert not said.out and said.err.count("\n") == 1
