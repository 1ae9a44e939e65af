"""`netreserve run --tier container` from the file to the exit code, with a scripted controller on a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from clirunner import COMMAND, ROOT, SCENARIO, environment, netreserve, operator
from scriptedcontroller import RUN, ScriptedController, broker_process, deadlocked, wait_until

from controller.api import Failed, Progress, ProgressRow, StartRun, StopRun
from controller.experiment.record import Result
from controller.experiment.scenario import dump, override_policy, parse

GOLDEN = ROOT / "tests" / "golden" / "run_plain.txt"
SECOND = 1_000_000_000
CONTAINER = ("--tier", "container")


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """And the page that the controller writes of its run."""
    page = tmp_path / "tiny" / RUN / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    path = tmp_path / "tiny.yaml"
    path.write_text(SCENARIO)
    return path


def script(result: Result | None) -> list[Progress]:
    """40 s of a run at 2 Hz: calm, then stuck from 7 s on."""
    messages = [_progress(half / 2) for half in range(81)]
    last = msgspec.structs.replace(messages[-1], result=result, folder=f"tiny/{RUN}")
    return [*messages[:-1], last]


def _progress(second: float) -> Progress:
    phase = "warmup" if second < 5 else "flood" if second < 25 else "heal"
    stuck_s = max(0.0, second - 7)
    rows = (
        ProgressRow(
            node="initiator-1",
            state="stuck" if stuck_s else "running",
            policy="none",
            free_pages=88 if stuck_s else 350,
            min_pages=256,
            in_flight=64 if stuck_s else 48,
            progress_age_ns=int(stuck_s * SECOND),
            drops=int(1000 * max(0.0, second - 5)),
            swap_pages_per_s=0.0 if stuck_s else 951.5,
        ),
        ProgressRow(node="target-1", state="serving"),
    )
    message = "waiting for a stall to prove itself" if second == 30 else ""
    return Progress(
        run=RUN, scenario="tiny", phase=phase, elapsed_ns=int(second * SECOND), expected_ns=40 * SECOND, rows=rows,
        message=message,
    )  # fmt: skip


def test_plain_progress_and_summary(
    controller: ScriptedController, person: dict[str, str], scenario: Path, tmp_path: Path
) -> None:
    result = deadlocked()
    controller.script = script(result)
    said = netreserve("run", scenario, *CONTAINER, "--policy", "memalloc", "--seed", "7", **person)
    assert said.code == result.exit_code == 1, said
    asked = msgspec.structs.replace(override_policy(parse(SCENARIO, tier="container"), "memalloc"), seed=7)
    assert controller.commands == [StartRun(scenario=dump(asked), file=str(scenario))], "what was checked, nothing else"
    assert parse(dump(asked)) == asked
    text = said.out.replace(str(tmp_path), "RUNS")
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
    assert said.err.startswith("what lives through the same: --policy mainline (simulated once)")


@pytest.mark.parametrize("code", [0, 1, 5, 6])
def test_the_exit_code_is_the_results(
    controller: ScriptedController, person: dict[str, str], scenario: Path, code: int
) -> None:
    controller.script = script(msgspec.structs.replace(deadlocked(), exit_code=code))[-1:]
    assert netreserve("run", scenario, *CONTAINER, **person).code == code


def test_json_lines(controller: ScriptedController, person: dict[str, str], scenario: Path, tmp_path: Path) -> None:
    result = deadlocked()
    controller.script = script(result)
    said = netreserve("run", scenario, *CONTAINER, "--json", **person)
    lines = said.lines()
    assert [line["kind"] for line in lines] == ["started", *["progress"] * 80, "result"]
    assert lines[0] == {"kind": "started", "run": RUN, "folder": f"tiny/{RUN}", "expected_ns": 40 * SECOND}
    assert msgspec.convert(lines[-1]["result"], Result) == result
    assert lines[-1]["report"] == f"{tmp_path}/tiny/{RUN}/report.html"


def test_a_refused_run(controller: ScriptedController, person: dict[str, str], scenario: Path) -> None:
    controller.refusal = Failed(message="2 initiators are needed, 1 is online: up --scale initiator=2", exit_code=3)
    said = netreserve("run", scenario, *CONTAINER, **person)
    assert said.code == 3
    assert said.err.splitlines()[-1] == "netreserve: 2 initiators are needed, 1 is online: up --scale initiator=2"


def test_another_runs_messages_are_not_ours(
    controller: ScriptedController, person: dict[str, str], scenario: Path
) -> None:
    other = msgspec.structs.replace(
        script(msgspec.structs.replace(deadlocked(), exit_code=6))[-1], run="20200101T000000Z-000000"
    )
    controller.script = [other, *script(deadlocked())[-1:]]
    assert netreserve("run", scenario, *CONTAINER, **person).code == 1


def _started(controller: ScriptedController, person: dict[str, str], scenario: Path) -> subprocess.Popen[str]:
    controller.script = script(None)[:20]
    controller.endless = True
    process = subprocess.Popen(
        [*COMMAND, "run", str(scenario), *CONTAINER], cwd=ROOT, env=environment(**person), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "phase flood" in line:
            return process
    raise AssertionError(process.communicate())


def test_ctrl_c_once_stops_the_run_and_waits_for_its_record(
    controller: ScriptedController, person: dict[str, str], scenario: Path
) -> None:
    process = _started(controller, person, scenario)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert isinstance(controller.commands[-1], StopRun)
    assert "stopping: the run is judged" in out
    assert "INCONCLUSIVE" in out and f"report: {person['NETRESERVE_RUNS']}/tiny/{RUN}/report.html" in out


def test_ctrl_c_twice_leaves(controller: ScriptedController, person: dict[str, str], scenario: Path) -> None:
    controller.deaf = True
    process = _started(controller, person, scenario)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: isinstance(controller.commands[-1], StopRun), "the first Ctrl-C to be told")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "leaving: the controller goes on alone" in out and "Traceback" not in err
    assert time.monotonic() - began < 10


def test_a_broker_that_goes_in_mid_run_leaves_no_traceback(tmp_path: Path, scenario: Path) -> None:
    with broker_process(tmp_path) as (port, broker), ScriptedController(port) as controller:
        process = _started(controller, operator(tmp_path, port), scenario)
        broker.terminate()
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told.startswith(f"netreserve: no broker answers at 127.0.0.1:{port}"), told
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert any("stopping" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
