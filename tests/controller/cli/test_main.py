"""Every kind of bad input ends in one line on stderr and the code of its kind (nodes.errors), never in a traceback."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from clirunner import COMMAND, ROOT, SCENARIO, environment, netreserve, operator
from freeports import free_port

from controller.cli import app
from controller.cli import main as command_line
from nodes.errors import HarnessError

WRONG = {
    "unknown verb": (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
    "unknown option": (["run", "--polcy", "none"], "No such option: --polcy (Possible options: --policy)"),
    "missing argument": (["run"], "Missing argument 'scenario'"),
    "unknown tier": (["run", "x.yaml", "--tier", "simm"], "unknown tier 'simm' (did you mean 'sim'?)"),
    "missing file": (["run", "nofile.yaml"], "nofile.yaml: no such file"),
    "unknown policy": (["policy", "set", "memaloc"], "unknown policy 'memaloc' (did you mean 'memalloc'?)"),
    "unknown allocator": (["policy", "set", "none", "--allocator", "slabb"], "did you mean 'slab'?"),
    "empty shape": (["shape", "set"], "shape set changes nothing"),
    "no unit": (["shape", "set", "--delay", "10"], "--delay: '10' is not a time: a number and a unit are needed"),
    "wrong unit": (["shape", "set", "--rate", "1 MiB"], "--rate: '1 MiB' is not a link rate: the unit must be one of"),
    "over 100 %": (["shape", "set", "--loss", "101 %"], "--loss: '101 %' is more than 100 %"),
    "unknown kind": (["flood", "start", "--kind", "upd"], "--kind: unknown value 'upd' (did you mean 'udp'?)"),
    "unknown reader": (["flood", "start", "--reader", "stall"], "did you mean 'stalled'?"),
    "flood too fast": (["flood", "start", "--rate", "1 Mpps"], "rate_pps is 1000000: 1 to 200000 are possible"),
    "flood too long": (["flood", "start", "--time", "90 min"], "--time is '90 min': more than 0 and at most 60 min"),
    "unknown service": (["up", "--scale", "initator=2"], "did you mean 'initiator'?"),
    "count 0": (["up", "--scale", "initiator=0"], "needs a count from 1 to 64"),
    "no count": (["up", "--scale", "initiator"], "needs a count from 1 to 64"),
    "empty option": (["run", "x.yaml", "--policy", ""], "--policy is given nothing: leave it out, or give it a value"),
    "empty after =": (["debate", "x.yaml", "--policy="], "--policy is given nothing: leave it out, or give it a value"),
    "empty folder": (["runs", "ls", "--runs", " "], "--runs is given nothing"),
    "empty list": (["kernels", "run", "x.yaml", "--nic", ""], "--nic is given nothing"),
    "empty node": (["policy", "set", "none", "--node", ""], "--node is given nothing"),
    "empty allocator": (["policy", "set", "none", "--allocator="], "--allocator is given nothing"),
    "empty name": (["run", ""], "'' names nothing"),
    "debate's list of nothing": (
        ["debate", "--policy", ","],
        "--policy: ',' names nothing: words with commas are needed",
    ),
    "size's list of nothing": (
        ["size", "scenarios/classic.yaml", "--policy", " , "],
        "--policy: ' , ' names nothing: words with commas are needed",
    ),
    "script as JSON": (
        ["inspect", "--collector", "--json"],
        "--collector prints a shell script: it has no form in JSON",
    ),
    "an arm of none": (
        ["run", "scenarios/slow-reader.yaml", "--set", "arms.bad.policy=none"],
        "arms.bad: there are no arms in the scenario: write them into its file",
    ),
    "an arm that is not there": (
        ["run", "scenarios/classic.yaml", "--set", "arms.bda.policy=none"],
        "'arms' has no 'bda' (did you mean 'bad'?)",
    ),
    "all arms": (
        ["run", "scenarios/classic.yaml", "--set", "arms=none"],
        "name what is to change in it, e.g. 'arms.NAME'",
    ),
    "a kernel's path": (
        ["run", "scenarios/calm.yaml", "--set", "nodes.initiator.guest.kernel=../../etc"],
        "'../../etc' is not the name of a kernel",
    ),
    "a kernel in sim": (
        ["kernels", "run", "scenarios/kernel-tcp.yaml", "--tier", "sim", "--kernel", "trixie-amd64"],
        "--kernel: in tier sim no kernel runs, and all would be the same: leave it out",
    ),
    "a kernel's path in a matrix": (
        ["kernels", "run", "scenarios/kernel-tcp.yaml", "--kernel", "../etc"],
        "--kernel: '../etc' is not the name of a kernel",
    ),
    "a matrix of containers": (
        ["kernels", "run", "scenarios/kernel-tcp.yaml", "--tier", "container"],
        "a matrix is of tier 'kernel', or of 'sim'",
    ),
    "a flagged socket of a process": (
        ["run", "scenarios/classic.yaml", "--policy", "memalloc", "--set", "nodes.initiator.relay=initiator"],
        "nodes.initiator.relay: policy memalloc flags the kernel's socket, and nobody flags that of a process: it comes to",
    ),
    "a lock of no process": (
        ["run", "scenarios/slow-reader.yaml", "--set", "nodes.initiator.relay_locked=true"],
        "nodes.initiator.relay_locked: there is no process: name one with 'relay: initiator' or 'relay: target'",
    ),
    "one target for two hosts": (
        [*["run", "scenarios/same-host.yaml", "--set", "nodes.initiator.count=2", "--set", "nodes.target.size=512M"]],
        "nodes.target.count: with relay: target each of 2 machines has a target of its own",
    ),
    "a pool larger than memory": (
        ["run", "scenarios/pool-holds.yaml", "--set", "policy.pool=8G"],
        "policy.pool: allocator 'nta-v1' sets 2097152 pages aside on each of 2 CPUs, 4194304 in all",
    ),
    "a control group of half a MiB": (
        ["run", "scenarios/kernel-cgroup.yaml", "--set", "nodes.initiator.guest.cgroup_limit=512K"],
        "nodes.initiator.guest.cgroup_limit: no application lives in so little: at least 1 MiB is needed",
    ),
    "a memory below the scenario's": (
        ["size", "scenarios/classic.yaml", "--memory", "63 MiB"],
        "--memory 63 MiB: less than the 64 MiB of the scenario: it is for a real machine with more",
    ),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_usage_is_one_line_and_code_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.carry_out(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("netreserve: ") and len(err.splitlines()) == 1


def test_wrong_usage_of_the_real_command() -> None:
    said = netreserve("policy", "set", "memaloc")
    assert (said.code, said.out) == (2, "")
    assert said.err == "netreserve: unknown policy 'memaloc' (did you mean 'memalloc'?)\n"


SCENARIO_ERRORS = {
    "unknown key": ("nic: e1000e", "nick: e1000e", "did you mean 'nic'"),
    "wrong unit": ("memory: 64 MiB", "memory: 64 ms", "'64 ms' is not a size"),
    "min above total": ("min_free: 1 MiB", "min_free: 128 MiB", "memory"),
    "count 0": ("initiator: {count: 1", "initiator: {count: 0", "count"),
    "target too small": ("size: 256 MiB", "size: 64 MiB", "working"),
    "unknown policy": ("policy: none", "policy: nome", "did you mean 'none'"),
}


@pytest.mark.parametrize(("old", "new", "message"), SCENARIO_ERRORS.values(), ids=list(SCENARIO_ERRORS))
@pytest.mark.parametrize("verb", ["run", "validate"])
def test_a_bad_scenario_is_refused_before_docker_is_touched(
    tmp_path: Path, verb: str, old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))  # no docker program: touching it would exit with 3
    scenario = tmp_path / "bad.yaml"
    assert old in SCENARIO
    scenario.write_text(SCENARIO.replace(old, new))
    assert command_line.carry_out([verb, str(scenario)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert all(line.startswith(f"netreserve: {scenario}:") for line in err.splitlines())


def test_a_tier_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.carry_out(["run", "x.yaml", "--tier", "kernels"]) == 2
    assert capsys.readouterr().err == "netreserve: unknown tier 'kernels' (did you mean 'kernel'?)\n"


def test_a_policy_that_is_in_no_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no docker program
    told = "netreserve: scenarios/kernel-tcp.yaml:10: policy: policy 'nta' is not in any kernel: use the container tier"
    assert command_line.carry_out(["run", "scenarios/kernel-tcp.yaml", "--policy", "nta"]) == 2
    assert capsys.readouterr().err.startswith(told)
    assert command_line.carry_out(["validate", "scenarios/kernel-tcp.yaml", "--tier", "sim"]) == 0


def test_broker_down(tmp_path: Path) -> None:
    port = free_port()
    said = netreserve("ps", **operator(tmp_path, port))
    assert said.code == 3
    assert said.err.startswith(
        f"netreserve: no broker answers at 127.0.0.1:{port}: is the testbed up? run `netreserve up`"
    )
    assert len(said.err.splitlines()) == 1


def test_no_credentials(tmp_path: Path) -> None:
    said = netreserve("ps", NETRESERVE_RUNS=str(tmp_path))
    assert said.code == 3
    assert f"no credentials for the broker in {tmp_path}/.operator.json" in said.err


def test_a_broker_address_without_sense(tmp_path: Path) -> None:
    said = netreserve("ps", **(operator(tmp_path, 1) | {"NETRESERVE_BROKER": "here:there"}))
    assert said.code == 2
    assert said.err.startswith("netreserve: 'here:there' is not a broker address: host:port is needed")


def test_unreachable_docker(tmp_path: Path) -> None:
    for words in (["up"], ["down"], ["run", tmp_path / "tiny.yaml", "--tier", "container"]):
        (tmp_path / "tiny.yaml").write_text(SCENARIO)
        said = netreserve(*words, DOCKER_HOST=f"unix://{tmp_path}/no.sock")
        assert said.code == 3, said
        assert f"no Docker engine answers at DOCKER_HOST=unix://{tmp_path}/no.sock" in said.err
        assert "Traceback" not in said.err


def test_outside_of_a_checkout_the_one_of_the_package_is_used(tmp_path: Path) -> None:
    said = netreserve("up", cwd=tmp_path, DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert said.code == 3
    assert "no Docker engine" in said.err


def test_an_unexpected_error_is_code_6_and_tells_where_details_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the\nunforeseen")

    monkeypatch.setattr(app, "app", broken)
    assert command_line.carry_out(["ps"]) == HarnessError.exit_code
    err = capsys.readouterr().err
    assert err == "netreserve: unexpected RuntimeError: the unforeseen (details: netreserve --debug ps)\n"
    monkeypatch.setattr("sys.argv", ["netreserve", "--debug", "ps"])
    assert command_line.carry_out(["--debug", "ps"]) == HarnessError.exit_code
    assert "Traceback" in capsys.readouterr().err


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupted)
    assert command_line.carry_out(["ps"]) == 130
    assert capsys.readouterr().err == "netreserve: interrupted\n"


def test_debug_may_stand_anywhere() -> None:
    said = netreserve("policy", "set", "memaloc", "--debug")
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1] == "netreserve: unknown policy 'memaloc' (did you mean 'memalloc'?)"


def test_serve_is_the_daemon_with_its_errors(tmp_path: Path) -> None:
    said = netreserve("serve", NETRESERVE_CREDENTIALS=f"{tmp_path}/none.json", NETRESERVE_RUNS=str(tmp_path))
    assert said.code == 3
    assert said.err.startswith(f"netreserve: no credentials for the broker in {tmp_path}/none.json")


def test_version_and_help() -> None:
    version = netreserve("--version").out
    assert version.startswith("netreserve ") and version.rstrip().endswith(("(compiled)", "(plain Python)"))
    assert netreserve().code == 2
    said = netreserve("--help")
    assert said.code == 0
    assert str(ROOT) not in said.out


def test_a_reader_that_leaves_is_no_error() -> None:
    import subprocess

    from clirunner import COMMAND, environment

    pipeline = f"{' '.join(repr(word) for word in COMMAND)} doctor --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", pipeline], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["validate", *["scenarios/classic.yaml"] * 2000]])
def test_a_reader_that_has_enough_is_no_error(words: list[str]) -> None:
    """As `head` is: however much was still to come."""
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_ctrl_c_while_it_loads_is_told_in_a_line() -> None:
    """However early: what is loaded first is interrupted here."""
    script = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from controller.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "netreserve: interrupted\n")


@pytest.mark.parametrize(
    ("where", "code", "told"),
    [
        (">&-", 0, ""),
        (">/dev/full", 6, "netreserve: what there was to say could not be written: No space left on device\n"),
    ],
)
def test_an_output_that_is_closed_or_full_is_told_as_what_it_is(where: str, code: int, told: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(COMMAND)} validate scenarios/calm.yaml {where}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, told)
