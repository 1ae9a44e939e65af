"""Studies that are stopped: they end at once, leave no process behind, keep what they computed, and go on from there."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from clirunner import COMMAND, ROOT, environment
from sweptgrids import TINY

from controller.cli.studies import studies_folder
from controller.experiment.exitcodes import EXIT_INTERRUPTED

VERBS = {
    "size": ["size", "tiny.yaml", "--policy", "memalloc", "--survive", "0.99"],
    "compare": ["compare", "none", "memalloc", "--scenario", "tiny.yaml", "--seeds", "50"],
}


def started(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """In a session of its own, so that a signal for its group is as one from a terminal."""
    (folder / "tiny.yaml").write_text(TINY)
    return subprocess.Popen(
        [*COMMAND, *words, "--jobs", "2"], cwd=folder, text=True, start_new_session=True,
        env=environment(NETRESERVE_SWEEPS=str(folder / "sweeps"), NETRESERVE_RUNS=str(folder / "runs")),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", VERBS)
def test_one_that_is_stopped_keeps_what_it_has_and_leaves_nobody(
    verb: str, how: signal.Signals, tmp_path: Path
) -> None:
    process = started(VERBS[verb], tmp_path)
    assert process.stderr is not None
    told = next(line for line in process.stderr if "runs" in line)
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    said = process.stderr.read()  # until the last process that has it as its own has ended
    assert process.wait() == EXIT_INTERRUPTED, said
    (kept,) = (tmp_path / "sweeps" / "tiny").glob(f"{verb}-*/rows.jsonl")
    rows = kept.read_bytes().count(b"\n")
    assert rows and f"interrupted: {rows} runs are kept in {kept.parent}; the same command goes on from there" in said
    assert "Traceback" not in said, (told, said)


def test_where_studies_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETRESERVE_SWEEPS", raising=False)
    monkeypatch.chdir(ROOT)
    assert studies_folder() == ROOT / "sweeps" and studies_folder(tmp_path) == tmp_path
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path / "named"))
    assert studies_folder() == tmp_path / "named"
