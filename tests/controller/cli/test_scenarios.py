"""A scenario is found by its file or by its name, whichever verb it is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from clirunner import ROOT

from controller.cli import shrink
from controller.cli.main import carry_out
from controller.cli.scenarios import found
from nodes.errors import LackingError, ScenarioError


def test_a_bare_name_is_one_of_the_gallery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert found(Path("classic")) == ROOT / "scenarios" / "classic.yaml"
    monkeypatch.chdir(ROOT)
    assert found(Path("classic")) == Path("scenarios/classic.yaml")


def test_a_file_goes_first_and_a_path_is_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("classic").write_text("name: mine")
    assert found(Path("classic")) == Path("classic")
    for given in ("classic.yaml", "elsewhere/classic", "../classic", "/classic"):
        assert found(Path(given)) == Path(given)


def test_a_name_that_nobody_has_is_told_with_the_nearest() -> None:
    with pytest.raises(ScenarioError, match=r"clasic: neither a file nor .* \(did you mean 'classic'\?\)"):
        found(Path("clasic"))


VERBS = (
    ["validate"], ["run"], ["size"], ["compare", "none", "memalloc", "--scenario"], ["sweep", "--vary", "policy=none"],
    ["debate"], ["agree"], ["kernels"],
)  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_every_verb_asks_the_same_way(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETRESERVE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NETRESERVE_SWEEPS", str(tmp_path / "sweeps"))
    last = words[-1:] if words[-1] == "--scenario" else []
    assert carry_out([*words[: len(words) - len(last)], *last, "clasic"]) == 2
    assert "did you mean 'classic'?" in capsys.readouterr().err


def test_shrink_takes_a_run_of_that_name_first_and_then_the_scenario(tmp_path: Path) -> None:
    scenario, verdict = shrink._read("classic", tmp_path)
    assert (scenario.name, verdict) == ("classic", "")
    with pytest.raises(LackingError, match="no runs are recorded"):
        shrink._read("clasic", tmp_path)


def test_a_name_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["validate", "classic"]) == 0
    assert "classic: can be run" in capsys.readouterr().out
