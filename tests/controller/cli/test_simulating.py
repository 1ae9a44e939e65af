"""`netreserve run` in the sim tier, from the file to the exit code, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clirunner import COMMAND, ROOT, environment, netreserve
from simulatedruns import TINY

from controller.cli.main import carry_out
from controller.cli.simulating import Objects, Stop


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_a_run_without_docker_or_broker(scenario: Path, tmp_path: Path) -> None:
    said = netreserve("run", scenario, NETRESERVE_RUNS=str(tmp_path / "runs"), PATH="/nowhere")
    assert said.code == 1, said
    lines = said.out.splitlines()
    assert lines[0].startswith("DEADLOCKED  tiny under none, sim tier, seed 7, run ")
    assert "Proved: in the model, whose TCP never gives up, no pending event can ever free a page." in lines[1]
    assert "the cycle on initiator-1:" in lines
    assert any(line.startswith("  proved for initiator-1: its whole state") for line in lines)
    report = Path(lines[-1].removeprefix("report: "))
    assert report.is_file() and report.parent.parent.name == "tiny"
    told = netreserve("runs", "ls", "--json", NETRESERVE_RUNS=str(tmp_path / "runs")).lines()
    assert [(row["tier"], row["verdict"], row["exit_code"]) for row in told] == [("sim", "deadlocked", 1)]
    assert netreserve("report", "tiny", NETRESERVE_RUNS=str(tmp_path / "runs")).out.splitlines()[0] == lines[0]


def test_the_command_line_loads_nothing_that_only_pictures_or_the_database_need() -> None:
    slow = {"altair", "vl_convert", "jinja2", "sqlalchemy", "docker", "duckdb", "scipy", "joblib", "distributed"}
    code = f"import sys, controller.cli.main; print(*sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.stdout.strip() == "", done


def test_json_lines_with_another_policy_and_seed(scenario: Path, tmp_path: Path) -> None:
    said = netreserve(
        "run", scenario, "--policy", "memalloc+slab", "--seed", "3", "--json", "--runs", tmp_path / "runs"
    )
    lines = said.lines()
    assert [line["kind"] for line in lines[:-1]] == ["simulated"] * (len(lines) - 1)
    assert lines[8] == {"kind": "simulated", "done_ns": 9 * 10**9, "total_ns": 9 * 10**9}
    result = lines[-1]["result"]
    assert isinstance(result, dict) and (result["policy"], result["seed"], result["tier"]) == (
        "memalloc+slab",
        3,
        "sim",
    )
    assert said.code == result["exit_code"]
    assert json.loads((Path(str(lines[-1]["report"])).parent / "result.json").read_text()) == result


def test_ctrl_c_leaves_a_judged_run(scenario: Path, tmp_path: Path) -> None:
    scenario.write_text(TINY.replace("warmup: 4 s", "warmup: 50 min"))
    process = subprocess.Popen(
        [*COMMAND, "run", str(scenario), "--json"], cwd=ROOT, env=environment(NETRESERVE_RUNS=str(tmp_path / "runs")),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and '"simulated"' in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err == "stopping: the run is judged and written as far as it got (Ctrl-C again leaves at once)\n"
    result = json.loads(out.splitlines()[-1])["result"]
    assert (result["verdict"], result["sentence"]) == ("inconclusive", "Inconclusive: interrupted.")


def test_a_trace_is_of_the_simulator_alone(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["run", str(scenario), "--tier", "container", "--trace"]) == 2
    assert capsys.readouterr().err == "netreserve: --trace: tier container records no allocations, tier sim does\n"


def test_the_first_signal_waits_for_a_step_and_the_second_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr("os._exit", left.append)
    stop = Stop(Objects())
    stop()  # nobody asked
    stop.signalled(signal.SIGINT, None)
    assert not left
    with pytest.raises(KeyboardInterrupt):
        stop()
    stop()  # said once
    stop.signalled(signal.SIGINT, None)
    assert left == [130]


def test_what_containers_cannot_do_names_the_tier_that_can(scenario: Path) -> None:
    scenario.write_text(TINY.replace("memory: 16", "storage_nic: e1000, memory: 16"))
    said = netreserve("run", scenario, "--tier", "container")
    assert said.code == 2
    assert said.err == (
        f"netreserve: {scenario}:4: nodes.initiator.storage_nic: a container's machine has one network card; tier sim can"
        " (tier: sim, or --tier sim)\n"
    )
