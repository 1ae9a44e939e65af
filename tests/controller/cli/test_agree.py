"""The verb that lays tiers side by side: what it runs, what it keeps, what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scriptedchild import calls, starter
from smallscenario import SMALL

from controller.cli.main import carry_out
from controller.studies import child

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return ["agree", str(file), "--runs", str(tmp_path / "runs"), "--tier", "sim"]


def test_the_page_is_written_and_simulations_are_run_again(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "page.md"
    assert carry_out([*words, "--policy", "none", "--page", str(page)]) == 5  # one tier alone agrees with nobody
    assert "small under none, sim tier" in capsys.readouterr().err
    assert "| small | none | deadlocked" in page.read_text()
    assert carry_out([*words, "--policy", "none", "--json"]) == 5
    again = capsys.readouterr()
    assert "small under none" in again.err  # simulations always are
    assert json.loads(again.out)["rows"][0]["verdict"] == "deadlocked"


def test_a_broken_record_is_named_with_its_line(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "agreement.jsonl").write_text("{}\n")
    assert carry_out([*words, "--policy", "none"]) == 6
    assert "agreement.jsonl:1:" in capsys.readouterr().err


def test_unknown_tiers_and_policies_are_bad_usage(words: list[str], capsys: Capture) -> None:
    assert carry_out([*words[:-1], "simm"]) == 2
    assert carry_out([*words, "--policy", "memaloc"]) == 2
    assert capsys.readouterr().err.count("did you mean") == 2


GUEST = """
name: guest
nodes:
  initiator: {memory: 128 MiB, min_free: 4 MiB, working_set: 160 MiB, touch_rate: 0 pages/s, nic: e1000e}
  target: {size: 512 MiB}
policy: none
floods: [{kind: udp, rate: 16 kpps, reader: stalled}]
expect: [{verdict: healthy}]
tier: kernel
"""


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    file = tmp_path / "guest.yaml"
    file.write_text(GUEST)
    return [
        "agree",
        str(file),
        "--runs",
        str(tmp_path / "runs"),
        "--policy",
        "memalloc",
        "--tier",
        "sim,container,kernel",
    ]


def test_the_kernels_run_comes_first_and_the_others_are_matched_to_it(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(
        child, "STARTER", starter(tmp_path / "child", {"*": "healthy", "kernel/e1000e/memalloc": "slow"})
    )
    page, why = tmp_path / "page.md", tmp_path / "why.toml"
    page.write_text("# Words\n<!-- kernel: begin -->\n<!-- kernel: end -->\nmore words\n")
    why.write_text('[guest]\nmemalloc = "TCG is slow"\n')
    assert carry_out([*three, "--page", str(page), "--why", str(why)]) == 0
    assert calls(tmp_path / "child") == [
        "kernel/e1000e/memalloc/0",
        "sim/e1000e/mainline/0",
        "container/e1000e/mainline/0",
    ]
    matched = (tmp_path / "runs" / "agreement" / "guest-memalloc-sim.yaml").read_text()
    assert "memory: 60 MiB" in matched and "rate: 32768 kbit" in matched
    text = page.read_text()
    assert text.startswith("# Words\n") and text.endswith("more words\n")
    assert "| scenario | policy | sim | container | kernel | agreement |" in text
    assert "same kind: TCG is slow" in text and "lost: 450 early drop" in text
    out = capsys.readouterr().out
    assert "matched to the kernel's run, guest under memalloc: nodes.initiator.memory 61440 KiB" in out
    assert "Kernels: 6.12.1+test." in out and "\nKernels: 6.12.1+test.\n" in text


def test_a_kernels_run_and_what_was_matched_to_it_are_kept(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", {"*": "healthy"}))
    assert carry_out(three) == carry_out(three) == 0
    assert [call.partition("/")[0] for call in calls(tmp_path / "child")] == ["kernel", "sim", "container", "sim"]
    assert carry_out([*three, "--fresh"]) == 0
    assert len(calls(tmp_path / "child")) == 7


def test_what_proves_nothing_is_neither_compared_nor_kept(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    script = {"*": "healthy", "container/e1000e/mainline": "inconclusive: no pressure"}
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", script))
    assert carry_out(three) == carry_out(three) == 0  # sim and kernel agree
    assert "no pressure" in capsys.readouterr().out
    called = [call.partition("/")[0] for call in calls(tmp_path / "child")]
    assert called == ["kernel", "sim", "container", "sim", "container"]
    rows = (tmp_path / "runs" / "agreement.jsonl").read_text().splitlines()
    assert [json.loads(row)["tier"] for row in rows] == ["kernel", "sim", "sim"]


def test_two_tiers_that_prove_nothing_do_not_agree(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", {"*": "inconclusive: no pressure"}))
    assert carry_out([*three[:-1], "sim,container"]) == 5
    assert carry_out(three) == 5
    assert [call.partition("/")[0] for call in calls(tmp_path / "child")] == ["sim", "container", "kernel"]
    assert (tmp_path / "runs" / "agreement.jsonl").read_text() == ""


def test_a_difference_counts_more_than_what_could_not_be_compared(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = {"*": "exit 3: no docker", "kernel/e1000e/memalloc": "slow", "container/e1000e/mainline": "oom"}
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", script))
    assert carry_out([*three[:-3], "none,memalloc", "--tier", "container,kernel"]) == 1


def test_rows_kept_before_kernels_were_noted_or_that_prove_nothing_are_read(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", {"*": "healthy"}))
    assert carry_out(three) == 0
    kept = tmp_path / "runs" / "agreement.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    rows[0].pop("kernel")
    rows += [row | {"verdict": "inconclusive"} for row in rows]
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert carry_out(three) == 0
    assert [call.partition("/")[0] for call in calls(tmp_path / "child")] == ["kernel", "sim", "container", "sim"]


def test_without_a_kernels_figures_there_is_nothing_to_match(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    script = {"*": "healthy", "kernel/e1000e/memalloc": "exit 3: no kernel in the image"}
    monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", script))
    assert carry_out([*three, "--json"]) == 5
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["error"] for row in rows] == [
        *["the kernel's run measured nothing to match"] * 2,
        "no kernel in the image",
    ]
    assert len(calls(tmp_path / "child")) == 1
