"""ps, policy, shape and flood against a controller on a real broker: what is asked, what is printed."""

from __future__ import annotations

import json

import msgspec
import pytest
from clirunner import netreserve
from scriptedcontroller import ScriptedController

from controller.api import Failed, SetPolicy, SetShape, Show, StartFlood, State, StopFlood
from controller.cli.main import carry_out
from nodes.config import PolicySpec, Shape, Sink
from nodes.messages import decode
from traffic.profiles import DEFAULT_SINKS

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _ours(person: dict[str, str]) -> None:
    """Every test here talks to the scripted controller."""


def test_ps_shows_every_node(controller: ScriptedController, capsys: Capture) -> None:
    assert carry_out(["ps"]) == 0
    out = capsys.readouterr().out
    assert controller.commands == [Show()]
    initiator, target = (line for line in out.splitlines() if "-1 " in line)
    assert initiator.split() == ["initiator-1", "online", "none", "(slab)", "198.18.1.3", "0.1", "s", "ago"]
    assert target.split()[:4] == ["target-1", "online", "-", "198.18.1.2"]
    assert out.splitlines()[-1] == "run: none   flood: stopped"


def test_json_is_the_controllers_state(capsys: Capture, controller: ScriptedController) -> None:
    for words in (["ps"], ["policy", "show"], ["shape", "show"], ["flood", "stop"]):
        assert carry_out([*words, "--json"]) == 0
        assert decode(capsys.readouterr().out.encode(), State) == controller.state


def test_policy_set_asks_and_shows_what_is_in_force(controller: ScriptedController, capsys: Capture) -> None:
    assert carry_out(["policy", "set", "memalloc", "--node", "initiator-1"]) == 0
    assert controller.commands == [SetPolicy(policy=PolicySpec(name="memalloc", allocator="srog"), node="initiator-1")]
    assert "initiator-1  memalloc (srog)" in capsys.readouterr().out
    assert carry_out(["policy", "show"]) == 0
    assert "initiator-1  memalloc (srog)" in capsys.readouterr().out


def test_shape_set_changes_only_what_it_is_given(controller: ScriptedController, capsys: Capture) -> None:
    assert carry_out(["shape", "set", "--delay", "10 ms"]) == 0
    assert carry_out(["shape", "set", "--loss", "0.5 %", "--rate", "100Mbit"]) == 0
    assert controller.commands == [
        SetShape(shape=Shape(delay_ns=10_000_000)),
        SetShape(shape=Shape(loss_ratio=0.005, rate_bps=100_000_000)),
    ]
    in_force = capsys.readouterr().out.splitlines()[-1]
    assert " ".join(in_force.split()) == (
        "target-1 100 Mbit 10 ms 0 ns 0.5 % 0 % 0 % up rate: tbf, delay: nfqueue hold"
    )


def test_a_node_that_has_sent_no_sample_has_no_age(controller: ScriptedController, capsys: Capture) -> None:
    silent, target = (msgspec.structs.replace(node, age_ns=0) for node in controller.state.nodes)
    controller.state = msgspec.structs.replace(controller.state, nodes=(silent, target))
    assert carry_out(["ps"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("initiator-1"))
    assert line.split() == ["initiator-1", "online", "none", "(slab)", "198.18.1.3", "-"]


def test_settings_of_a_node_that_left_are_not_shown(controller: ScriptedController, capsys: Capture) -> None:
    initiator, target = controller.state.nodes
    gone = msgspec.structs.replace(initiator, status=msgspec.structs.replace(initiator.status, state="offline"))
    controller.state = msgspec.structs.replace(controller.state, nodes=(gone, target))
    assert carry_out(["policy", "show"]) == 0
    assert capsys.readouterr().out == "no initiator is online\n"
    assert carry_out(["shape", "show"]) == 0
    assert "initiator-1" not in capsys.readouterr().out
    assert carry_out(["ps"]) == 0
    assert "initiator-1  offline" in capsys.readouterr().out


def test_flood_start_and_stop(controller: ScriptedController, capsys: Capture) -> None:
    assert carry_out(["flood", "start", "--rate", "5 kpps", "--size", "1 KiB", "--time", "20 s"]) == 0
    assert carry_out(["flood", "stop"]) == 0
    start, stop = controller.commands
    assert isinstance(start, StartFlood)
    assert isinstance(stop, StopFlood)
    assert (start.flood.rate_pps, start.flood.size_bytes, start.duration_ns) == (5000, 1024, 20_000_000_000)
    assert capsys.readouterr().out == "flood: running (5000 pps udp)\nflood: stopped\n"


@pytest.mark.parametrize("sink", DEFAULT_SINKS, ids=lambda sink: sink.kind)
def test_a_flood_asks_for_what_is_open_unless_told_otherwise(controller: ScriptedController, sink: Sink) -> None:
    assert carry_out(["flood", "start", "--kind", sink.kind]) == 0
    told = ["--sockets", "2", "--reader", "fast", "--rcvbuf", "1 MiB"]
    assert carry_out(["flood", "start", "--kind", sink.kind, *told]) == 0
    plain, other = (command.flood for command in controller.commands if isinstance(command, StartFlood))
    assert (plain.sockets, plain.reader, plain.rcvbuf_bytes) == (sink.sockets, sink.reader, sink.rcvbuf_bytes)
    assert (other.sockets, other.reader, other.rcvbuf_bytes) == (2, "fast", 1 << 20)


@pytest.mark.parametrize("code", [2, 3, 5, 6])
def test_a_refusal_keeps_its_message_and_code(controller: ScriptedController, capsys: Capture, code: int) -> None:
    controller.refusal = Failed(message="no initiator 'x' is known", exit_code=code)
    assert carry_out(["policy", "set", "none", "--node", "x"]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", "netreserve: no initiator 'x' is known\n")


def test_the_real_command_keeps_stdout_for_json(person: dict[str, str]) -> None:
    said = netreserve("ps", "--json", **person)
    assert said.code == 0, said
    assert len(json.loads(said.out)["nodes"]) == 2
    assert said.err == ""
