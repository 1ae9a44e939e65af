"""docs/reference/cli.md and exit-codes.md say what is so: every verb and option is there, and every example works."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from clirunner import ROOT
from scriptedcontroller import RUN, ScriptedController, deadlocked
from sweptgrids import begin

from controller.api import Progress
from controller.cli.app import app
from controller.cli.main import carry_out
from controller.experiment.folders import KERNELS
from controller.store import drawing
from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder
from controller.studies.kernels.folder import TrialFolder
from controller.studies.kernels.model import Key, Place, Trial
from nodes import errors

REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text()
EXIT_CODES = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
SECTIONS = {title: text for title, _, text in (part.partition("\n") for part in REFERENCE.split("\n## ")[1:])}
EXAMPLES = [line for text in SECTIONS.values() for line in re.findall(r"^netreserve .*$", text, re.MULTILINE)]
WRITES_HERE = ("netreserve init",)
"""Carried out by test_init.py, in a folder of its own."""
RUN_BY_COMPOSE = ("netreserve up", "netreserve down", "netreserve serve")
SERVES = ("netreserve ui",)
"""Carried out by test_ui.py: it goes on until it is stopped."""
MANY_RUNS = ("netreserve size", "netreserve compare", "netreserve shrink", "netreserve replay")
"""Carried out by test_lab.py, in little machines."""


def verbs() -> dict[str, Any]:
    """Every command by its full name, as Typer knows them."""
    from typer.main import get_command

    found: dict[str, Any] = {}
    for name, command in get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}": child for sub, child in inner.items()} if inner else {name: command}
    return found


def test_every_verb_has_its_section_and_an_example() -> None:
    assert set(SECTIONS) == set(verbs())
    for verb, text in SECTIONS.items():
        assert f"\nnetreserve {verb}" in text


@pytest.mark.parametrize("verb", verbs())
def test_every_option_is_documented_and_helped(verb: str) -> None:
    command = verbs()[verb]
    assert "Example: netreserve" in command.help or "Example: NETRESERVE" in command.help
    for parameter in command.params:
        assert parameter.help, f"{verb} {parameter.name} has no help"
        for option in (o for o in parameter.opts if o.startswith("--")):
            assert f"`{option}" in SECTIONS[verb], f"{option} is not in the section of {verb}"


def test_every_verb_that_prints_has_json() -> None:
    assert {verb for verb, c in verbs().items() if "--json" not in {o for p in c.params for o in p.opts}} == {"serve"}


def test_every_exit_code_is_documented() -> None:
    kinds = (errors.UsageError, errors.LackingError, errors.InconclusiveError, errors.HarnessError)
    codes = {0, 1, 130} | {kind.exit_code for kind in kinds}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", EXIT_CODES, re.MULTILINE)} == codes


@pytest.mark.parametrize(
    "line", [e for e in EXAMPLES if not e.startswith((*RUN_BY_COMPOSE, *MANY_RUNS, *WRITES_HERE, *SERVES))]
)
def test_every_example_works(
    line: str, controller: ScriptedController, person: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _record_a_run(tmp_path)
    _record_a_trial(tmp_path)
    begin(tmp_path / "sweeps")
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(ROOT)
    controller.script = [
        Progress(
            run=RUN, scenario="s", phase="heal", elapsed_ns=1, expected_ns=1, result=deadlocked(), folder=f"tiny/{RUN}"
        )
    ]
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import sys; sys.stdin.buffer.read()"))
    judging = line.startswith(("netreserve run ", "netreserve rescue", "netreserve agree "))
    allowed = {0, 1} if judging else {0, 3} if line == "netreserve doctor" else {0}
    assert carry_out(shlex.split(line)[1:]) in allowed, capsys.readouterr().err
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", [e for e in EXAMPLES if e.startswith(RUN_BY_COMPOSE[:2])])
def test_every_example_of_the_containers_reaches_compose(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / "compose" / "compose.yaml").write_text("services: {}\n")
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/asked"\ncase "$*" in *ps*) ;; *) echo 26.1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("controller.here.testbed.port_taken", lambda port: False)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    assert carry_out(words) == 0, capsys.readouterr().err
    asked = (tmp_path / "asked").read_text().splitlines()
    asked_for = [words[i + 1] for i, word in enumerate(words) if word == "--scale"]
    assert any(a.startswith(f"compose {words[0]} ") and all(f"--scale {s}" in a for s in asked_for) for a in asked)


def _record_a_trial(runs: Path) -> None:
    key = Key(Place("tiny", "trixie-amd64", "e1000e", "none"), 0, "d", "kernel")
    with TrialFolder.open(runs / KERNELS) as folder:
        folder.append(Trial(key=key, verdict="deadlocked", sentence="it hung"))


def _record_a_run(runs: Path) -> None:
    database = Database.of(runs)
    database.create()
    row = RunRow(
        run=RUN, scenario="tiny", kind="scenario", folder=f"tiny/{RUN}", tier="container", policy="none", started_ns=1
    )
    database.open_run(row)
    database.close_run(deadlocked())
    database.close()
    folder = RunFolder.create(runs, "tiny", RUN)
    folder.write_result(deadlocked())
    folder.write("report.html", "<!doctype html>")
    folder.close()
