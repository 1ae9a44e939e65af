"""Goal: a simulated run leaves what every run leaves, the same bytes each time; it is judged as far as it got.

Method: a machine of 16 MiB, simulated in full; and scripted simulations for what is about interruptions.
"""

from __future__ import annotations

import html
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from simulatedruns import RUN, SECOND, TINY, ScriptedSimulation, outcome

from controller.experiment import nextstep
from controller.experiment.conclude import INTERRUPTED
from controller.experiment.record import Result
from controller.experiment.scenario import parse
from controller.experiment.verdict import void
from controller.simulated import local
from controller.simulated.local import PROVED, Local, LocalRun, carry_out, environment, judged_record, run_here
from controller.simulated.simulate import Heard
from controller.store import drawing
from controller.store.archive import Archive
from controller.store.folder import INDEX
from controller.store.tracefile import read_trace
from nodes.errors import LackingError
from nodes.eventkinds import Wait
from nodes.sim.proof import Proof

SCENARIO = parse(TINY)
IDLE = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
"""A drawing process that draws nothing."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def hung(runs: Path) -> Local:
    return run_here(SCENARIO, runs)


def test_the_folder_has_what_every_runs_folder_has(hung: Local, runs: Path) -> None:
    assert hung.problem == ""
    assert {path.name for path in hung.folder.iterdir()} == {
        "env.json", "events.jsonl", "junit.xml", "picture.png", "report.html", "result.json", "samples.csv", "scenario.yaml",
    }  # fmt: skip
    assert (runs / "latest").resolve() == hung.folder.resolve()
    assert parse((hung.folder / "scenario.yaml").read_text()) == SCENARIO
    assert msgspec.json.decode((hung.folder / "result.json").read_bytes(), type=Result) == hung.result
    assert (hung.folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_deadlock_is_proved_and_told_with_its_cycle(hung: Local) -> None:
    result, node = hung.result, hung.result.nodes[0]
    assert (result.verdict, result.tier, result.exit_code, result.seed) == ("deadlocked", "sim", 1, 7)
    assert result.sentence.endswith(PROVED)
    assert node.proof.startswith("proved for initiator-1: its whole state, with every pending event")
    assert node.cycle and node.cycle[-1].who_frees == node.cycle[0].waiter
    page = (hung.folder / "report.html").read_text()
    assert node.proof in html.unescape(page) and "whose TCP never gives up" in page


def test_times_are_virtual_from_zero_in_the_record_and_in_the_picture(hung: Local) -> None:
    assert [phase.start_ns for phase in hung.result.phases] == [0, 4 * SECOND, 7 * SECOND]
    assert hung.result.started_ns > 10**18 and hung.result.ended_ns >= hung.result.started_ns
    page = (hung.folder / "report.html").read_text()
    spec = json.loads(page.partition('<script type="application/json">')[2].partition("</script>")[0])
    bands = spec["datasets"]["bands"]
    assert [(band["phase"], band["start"]) for band in bands] == [("warmup", 0), ("flood", 4), ("heal", 7)]


def test_the_record_names_no_run_of_ours_but_the_database_does(hung: Local, runs: Path) -> None:
    lines = [json.loads(line) for line in (hung.folder / "events.jsonl").read_text().splitlines()]
    assert {line["run"] for line in lines} == {RUN}
    assert lines[-1]["kind"] == "verdict" and lines[-1]["detail"]["verdict"] == "deadlocked"
    archive = Archive(runs)
    record, row = archive.load(hung.result.run), archive.find(hung.result.run)
    archive.close()
    assert record.result == hung.result
    assert {sample.run for sample in record.samples} == {event.run for event in record.events} == {hung.result.run}
    assert len(record.events) == len(lines)
    assert (row.tier, row.policy, row.verdict) == ("sim", "none", "deadlocked")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    hung: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DRAWER", IDLE)
    again = run_here(SCENARIO, tmp_path)
    other = run_here(msgspec.structs.replace(SCENARIO, seed=8), tmp_path)
    for name in ("events.jsonl", "samples.csv", "scenario.yaml"):
        assert (again.folder / name).read_bytes() == (hung.folder / name).read_bytes()
        assert (other.folder / name).read_bytes() != (hung.folder / name).read_bytes()
    assert again.result.run != hung.result.run and again.folder != other.folder


def test_a_trace_is_kept_when_asked_for_and_changes_nothing(
    hung: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DRAWER", IDLE)
    traced = run_here(SCENARIO, tmp_path, traced=True)
    header = read_trace(traced.folder / "traces" / "initiator-1.jsonl.gz").header
    assert (header.node, header.policy, header.seed) == ("initiator-1", "none", 7) and header.operations > 1000
    assert (traced.folder / "events.jsonl").read_bytes() == (hung.folder / "events.jsonl").read_bytes()
    assert not (hung.folder / "traces").exists()


@pytest.mark.parametrize("phase", ["warmup", "flood", "heal"])
def test_an_interrupted_simulation_is_judged_as_far_as_it_got(phase: str) -> None:
    def at(name: str) -> None:
        if name == phase:
            raise KeyboardInterrupt

    ended = carry_out(ScriptedSimulation(at))
    assert ended.result.phases[-1].name == phase
    result = judged_record(SCENARIO, ended).result
    assert (result.verdict, result.exit_code) == ("inconclusive", 130)
    assert result.sentence == "Inconclusive: interrupted."


def test_a_simulation_that_is_left_alone_is_not_void() -> None:
    ended = carry_out(ScriptedSimulation(lambda name: None))
    assert [phase.name for phase in ended.result.phases] == ["warmup", "flood", "heal"]
    assert judged_record(SCENARIO, ended).result.exit_code != 130


def test_a_place_that_cannot_keep_a_run_is_told_before_it_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(scenario: object, heard: object) -> None:
        raise AssertionError("it is simulated")

    monkeypatch.setattr(local, "Simulation", never)
    (tmp_path / "file").write_text("")
    with pytest.raises(LackingError, match="no run can be kept in"):
        run_here(SCENARIO, tmp_path / "file")
    (tmp_path / INDEX).write_text("this was never a database, and it is long enough to be seen as none")
    with pytest.raises(LackingError, match="file is not a database"):
        run_here(SCENARIO, tmp_path)


class Spoilt(LocalRun):
    """The index, or the whole folder, is spoilt while it is simulated."""

    spoil: ClassVar[Callable[[Path], object]]

    def simulate(self, heard: Heard | None = None) -> None:
        self._outcome = carry_out(ScriptedSimulation(lambda name: None))
        type(self).spoil(self._runs_folder)


@pytest.mark.parametrize(
    ("spoil", "told", "kept"),
    [
        (lambda runs: (runs / INDEX).write_text("not a database" * 20), "file is not a database", True),
        (lambda runs: (runs / "tiny").write_text(""), "no run folder", False),
    ],
)
def test_a_result_stands_whatever_becomes_of_its_record(
    spoil: Callable[[Path], object], told: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DRAWER", IDLE)
    Spoilt.spoil = spoil
    with Spoilt(SCENARIO, tmp_path) as run:
        run.simulate()
        ended = run.record()
    assert ended.result.scenario == "tiny" and told in str(ended.fault)
    assert (ended.folder / "result.json").is_file() is kept


def test_ctrl_c_while_it_is_recorded_waits_for_the_index_and_not_for_the_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DRAWER", (sys.executable, "-c", "import signal; signal.pause()"))
    Spoilt.spoil = lambda runs: None
    write = local._Filed.write
    monkeypatch.setattr(local._Filed, "write", lambda self: (signal.raise_signal(signal.SIGINT), write(self)))
    with Spoilt(SCENARIO, tmp_path) as run:
        run.simulate()
        ended = run.record()
    assert ended.problem == "interrupted" and ended.fault is None
    archive = Archive(tmp_path)
    assert archive.find("tiny").run == ended.result.run
    archive.close()


def test_only_a_deadlock_is_told_with_a_proof() -> None:
    wait = Wait(waiter="a", resource="pages", need=2, have=1, who_frees="a", why="because")
    proof = Proof(node="initiator-1", cycle=(wait,), period_ns=SECOND, pending={})
    still = msgspec.structs.replace(outcome("warmup", "flood", "heal"), proofs={"initiator-1": proof})
    stopped = void(3 * SECOND, RUN, INTERRUPTED, next_step=nextstep.FINISH)
    for ended, verdict in ((still, "deadlocked"), (msgspec.structs.replace(still, events=[stopped]), "inconclusive")):
        result = judged_record(SCENARIO, ended).result
        assert result.verdict == verdict
        assert (PROVED in result.sentence) == bool(result.nodes[0].proof) == (verdict == "deadlocked")


def test_where_it_ran_is_kept() -> None:
    assert set(environment()) == {"netreserve", "python", "system", "cpus"}
