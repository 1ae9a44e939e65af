"""`netreserve allocators`: files and runs, table, JSON, picture, and every way to ask wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alloctraces import JUNK_MIX, packets
from clirunner import ROOT
from scriptedcontroller import RUN, deadlocked

from controller.cli.main import carry_out
from controller.store.database import Database, RunRow
from controller.store.folder import RunFolder
from controller.store.tracefile import write_trace

Capture = pytest.CaptureFixture[str]
SHIPPED = str(ROOT / "scenarios" / "traces" / "junk-mix.jsonl.gz")


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "t.jsonl"
    write_trace(path, packets().header, packets().operations)
    return str(path)


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the recorded run `tiny`."""
    monkeypatch.setenv("NETRESERVE_RUNS", str(tmp_path))
    database = Database.of(tmp_path)
    database.create()
    row = RunRow(
        run=RUN, scenario="tiny", kind="scenario", folder=f"tiny/{RUN}", tier="sim", policy="none", started_ns=1
    )
    database.open_run(row)
    database.close_run(deadlocked())
    database.close()
    folder = RunFolder.create(tmp_path, "tiny", RUN)
    folder.write_result(deadlocked())
    folder.close()
    return folder.path


def test_the_table(trace: str, capsys: Capture) -> None:
    assert carry_out(["allocators", trace]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("recorded requests: 10 operations in 0.0 s, recorded with slab; 128 pages of memory")
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line[:4] in ("slab", "srog")}
    assert rows["srog-all"][:4] == ["6", "0", "6", "3"] and rows["slab"][-1] == "2"
    assert rows["srog"] == rows["slab"], "nobody needed the reserve"


def test_one_that_memory_does_not_hold_is_left_out_with_the_reason(trace: str, capsys: Capture) -> None:
    assert carry_out(["allocators", trace, "--memory", "112 KiB"]) == 0
    assert "nta-v2 left out: allocator 'nta-v2' sets 8 pages aside" in capsys.readouterr().err


def test_only_the_ones_that_are_named_in_other_memory(trace: str, capsys: Capture) -> None:
    words = ["allocators", trace, "--json", "--allocator", "srog", "--allocator", "slab", "--memory", "1 MiB"]
    assert carry_out(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["allocator"] for each in said["allocators"]] == ["srog", "slab"]
    assert said["memory_pages"] == 256 and said["header"]["memory_pages"] == 128 and said["unable"] == {}
    assert said["allocators"][0]["overhead"] == pytest.approx(4096 / 2304, abs=1e-4)


def test_a_picture(trace: str, tmp_path: Path, capsys: Capture) -> None:
    assert carry_out(["allocators", trace, "--picture", str(tmp_path / "p.html")]) == 0
    assert (tmp_path / "p.html").is_file() and "picture: " in capsys.readouterr().err


def test_a_run_is_named_as_everywhere(run_folder: Path, capsys: Capture) -> None:
    assert carry_out(["allocators", "tiny"]) == 2
    assert "has no allocation trace: record one with `netreserve run SCENARIO --trace`" in capsys.readouterr().err
    for node in ("initiator-1", "initiator-2"):
        write_trace(run_folder / "traces" / f"{node}.jsonl.gz", packets().header, packets().operations)
        if node == "initiator-1":
            assert carry_out(["allocators", "latest"]) == 0
    assert carry_out(["allocators", RUN]) == 2
    assert "has traces of initiator-1, initiator-2: name one with --node" in capsys.readouterr().err
    assert carry_out(["allocators", "tiny", "--node", "initiator-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trace"].endswith("initiator-2.jsonl.gz")
    assert carry_out(["allocators", "tiny", "--node", "target-1"]) == 2
    assert "there is none of 'target-1'" in capsys.readouterr().err


def test_a_run_is_recorded_when_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("NETRESERVE_RUNS", str(tmp_path / "runs"))
    scenario = tmp_path / "mix.yaml"
    scenario.write_text(JUNK_MIX)
    assert carry_out(["run", str(scenario), "--tier", "sim", "--trace"]) in (0, 1)
    capsys.readouterr()
    assert carry_out(["allocators", "latest", "--json", "--allocator", "slab"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["header"]["operations"] > 10_000 and said["header"]["node"] == "initiator-1"
    assert carry_out(["run", str(ROOT / "scenarios" / "calm.yaml"), "--tier", "container", "--trace"]) == 2
    assert "--trace: tier container records no allocations, tier sim does" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.jsonl.gz"], "there is no file nowhere.jsonl.gz"),
        ([str(ROOT / "README.md")], "README.md:1: no allocation trace, whose first line is a header"),
        ([SHIPPED, "--allocator", "slob"], "unknown allocator 'slob'"),
        ([SHIPPED, "--memory", "96"], "--memory: '96' is not a size"),
        ([SHIPPED, "--memory", "1 B"], "--memory: '1 B' is less than a page"),
        ([SHIPPED, "--memory", "4 MiB"], "does not hold"),
        ([SHIPPED, "--picture", "p.gif"], "a name that ends in .png or .html is needed"),
    ],
)
def test_asking_wrongly(words: list[str], told: str, capsys: Capture) -> None:
    assert carry_out(["allocators", *words]) == 2
    said = capsys.readouterr()
    assert told in said.err and not said.out and "Traceback" not in said.err
