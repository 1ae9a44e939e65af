"""Goal: `validate` answers for every file, says which tiers can run it, and refuses what `run` would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clirunner import SCENARIO

from controller.cli.main import carry_out

ZEROS = "0" * 400
REFUSED = {
    "more memory than a number has": ("memory: 64 MiB", f"memory: 1{ZEROS} MiB", "is too much for a size"),
    "a bound that no float has": (
        "- verdict: healthy",
        f"- {{metric: recovery_s, below: 1{ZEROS}}}",
        "not a number that",
    ),
    "a tag": ("- verdict: healthy", "- data: !!bool intact", "tag '!!bool' is not allowed"),
    "no ring": (
        "memory: 64 MiB, min_free: 1 MiB",
        "memory: 512 KiB, min_free: 32 KiB",
        "does not even hold the e1000e",
    ),
    "escape": ("name: tiny", r'name: "\e[31mred"', r"'\x1b[31mred' has the control character U+001B"),
}


def write(folder: Path, name: str, before: str = "", after: str = "") -> str:
    assert before in SCENARIO
    (folder / name).write_text(SCENARIO.replace(before, after) if before else SCENARIO)
    return str(folder / name)


@pytest.mark.parametrize(("before", "after", "message"), REFUSED.values(), ids=list(REFUSED))
def test_each_file_has_its_answer_whatever_is_in_the_others(
    before: str, after: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write(tmp_path, "good.yaml"), write(tmp_path, "bad.yaml", before, after)
    assert carry_out(["validate", bad, good]) == 2
    told = capsys.readouterr()
    assert told.out.startswith(f"{good}: can be run\n")
    assert message in told.err and len(told.err.splitlines()) == 1 and "\x1b" not in told.err
    assert carry_out(["run", bad, "--runs", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err == told.err
    assert not (tmp_path / "runs").exists()


def test_it_says_which_tiers_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = write(tmp_path, "many.yaml", "initiator: {count: 1", "initiator: {count: 400")
    Path(many).write_text(Path(many).read_text().replace("size: 256 MiB", "size: 64 GiB"))
    assert carry_out(["validate", many]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "    in tier: sim" in lines
    told = "nodes.initiator.count: at most 64 containers of a role can be run"
    assert any(line.startswith(f"    not in tier container: {told}") for line in lines)
    for tier in ("container", "kernel"):
        assert carry_out(["validate", many, "--tier", tier]) == 2
        assert told in capsys.readouterr().err
    assert carry_out(["validate", many, "--tier", "sim", "--json"]) == 0
    tiers = json.loads(capsys.readouterr().out)["tiers"]
    assert tiers["sim"] == [] and tiers["container"][0].startswith(told)
    assert carry_out(["validate", many, "--tier", "cloud"]) == 2


def test_a_file_name_cannot_speak_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["validate", write(tmp_path, "\x1b[31mred.yaml"), str(tmp_path / "\x1b]0;absent.yaml")]) == 2
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert r"\x1b[31mred.yaml: can be run" in told.out and r"\x1b]0;absent.yaml: no such file" in told.err
