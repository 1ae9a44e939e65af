"""A controller that answers an operator over a real broker and plays a run from a script: for tests of the command line."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import msgspec
from freeports import free_port
from requirements import require

from controller.api import (
    CONTROLLER_STATUS,
    PROGRESS,
    REQUESTS,
    Command,
    ControllerStatus,
    Failed,
    NodeState,
    Progress,
    Reply,
    Request,
    RunStarted,
    SetPolicy,
    SetShape,
    StartFlood,
    StartRescue,
    StartRun,
    State,
    StopFlood,
    StopRun,
)
from controller.experiment.record import Check, NodeVerdict, Result
from nodes.config import OPEN_LINK, InitiatorSpec, MachineConfig, PolicySpec, Shape, TargetSpec
from nodes.eventkinds import Wait
from nodes.messages import ROOT, Reported, Status, decode, encode

RUN = "20261122T201715Z-3fa9c1"
DEADLINE_S = 10.0


@contextlib.contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """As `broker_process`, its port alone."""
    with broker_process(folder) as (port, _):
        yield port


@contextlib.contextmanager
def broker_process(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A mosquitto of our own that lets everybody in; yields its port and its process."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    require(program is not None, "mosquitto is not installed")
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([str(program), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), "mosquitto to listen")
        assert process.poll() is None, "mosquitto ended at once"
        yield port, process
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def wait_until(condition: object, what: str) -> None:
    """Polls `condition()`; fails after DEADLINE_S."""
    assert callable(condition)
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE_S} s for {what}"
        time.sleep(0.01)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ScriptedController:
    """Knows one initiator and one target, changes them as it is asked, and plays `script` when a run is started.

    `refusal` answers every command instead. With `endless` the script's last message is repeated until StopRun, which
    ends the run with `stopped`, and when it is `deaf` goes on even then.
    """

    def __init__(self, port: int, script: list[Progress] | None = None) -> None:
        self.port = port
        self.script = script or []
        self.refusal: Failed | None = None
        self.endless = False
        self.deaf = False
        self.stopped = Result(run=RUN, scenario="tiny", sentence="Inconclusive: interrupted.", exit_code=5)
        self.commands: list[Command] = []
        self.state = State(nodes=(_initiator(), _target()), flood="stopped")
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), daemon=True)

    def __enter__(self) -> ScriptedController:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *error: object) -> None:
        end = time.monotonic() + DEADLINE_S
        while self._thread.is_alive():  # Python 3.11's wait_for, in aiomqtt, may swallow a cancellation (gh-86296)
            assert time.monotonic() < end, "it would answer the next test"
            with contextlib.suppress(RuntimeError):  # it ended with its broker
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(0.2)

    async def _work(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        assert self._task is not None
        with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):  # the broker may go before us
            async with aiomqtt.Client("127.0.0.1", self.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                await client.subscribe(REQUESTS, qos=1)
                await client.publish(CONTROLLER_STATUS, encode(ControllerStatus(state="online")), qos=1, retain=True)
                self._ready.set()
                runs = []
                async for message in client.messages:
                    request = decode(bytes(message.payload), Request)
                    answer = self._answer(request.command)
                    reply = Reply(id=request.id, answer=answer)
                    await client.publish(f"{ROOT}/controller/reply/{request.client}", encode(reply), qos=1)
                    if isinstance(answer, RunStarted):
                        runs.append(asyncio.create_task(self._play(client)))

    def _answer(self, command: Command) -> RunStarted | State | Failed:
        self.commands.append(command)
        if self.refusal is not None:
            return self.refusal
        match command:
            case StartRun() | StartRescue():
                expected_ns = self.script[-1].expected_ns
                return RunStarted(run=RUN, folder=f"tiny/{RUN}", expected_ns=expected_ns)
            case StopRun() if not self.deaf:
                self._stop.set()
            case SetPolicy(policy=policy):
                spec = self.state.nodes[0].reported.spec
                self._report(0, spec=msgspec.structs.replace(spec, policy=policy))
            case SetShape(shape=shape):
                for index in range(len(self.state.nodes)):
                    self._report(index, shape=_merged(self.state.nodes[index].reported.shape, shape))
            case StartFlood(flood=flood):
                self.state = msgspec.structs.replace(self.state, flood=f"running ({flood.rate_pps} pps {flood.kind})")
            case StopFlood():
                self.state = msgspec.structs.replace(self.state, flood="stopped")
        return self.state

    def _report(self, index: int, **changed: object) -> None:
        nodes = list(self.state.nodes)
        reported = msgspec.structs.replace(nodes[index].reported, **changed)
        nodes[index] = msgspec.structs.replace(nodes[index], reported=reported)
        self.state = msgspec.structs.replace(self.state, nodes=tuple(nodes))

    async def _play(self, client: aiomqtt.Client) -> None:
        for progress in self.script:
            await client.publish(PROGRESS, encode(progress), qos=1)
        if self.endless:
            await asyncio.wait_for(self._stop.wait(), DEADLINE_S)
            last = msgspec.structs.replace(self.script[-1], result=self.stopped, folder=f"tiny/{RUN}")
            await client.publish(PROGRESS, encode(last), qos=1)


def deadlocked() -> Result:
    """A result with everything that a summary shows."""
    edges = (
        ("kswapd", "replies to writes", 1, 0, "storage reply", "all 64 writes wait for their replies", "step 7"),
        ("storage reply", "receive buffers", 1, 0, "ring refill", "no slot of the ring has a buffer", ""),
        ("ring refill", "free pages", 97, 88, "kswapd", "a refill stops at 3/8 of min", "section 4"),
    )
    names = ("waiter", "resource", "need", "have", "who_frees", "why", "source")
    cycle = tuple(msgspec.convert(dict(zip(names, edge, strict=True)), Wait) for edge in edges)
    node = NodeVerdict(node="initiator-1", verdict="deadlocked", reason="no progress", verified_pages=5640, cycle=cycle)
    checks = (
        Check(expectation="verdict: healthy", met=False, found="deadlocked"),
        Check(expectation="sometimes: reserve_used_pages > 0", met=True, found="168"),
    )
    return Result(
        run=RUN, scenario="tiny", policy="none", seed=7, verdict="deadlocked", exit_code=1, nodes=(node,), checks=checks,
        sentence="Deadlock on initiator-1 2.0 s into the flood: 64 writes wait for replies.",
        notes=("This kernel has no netem: delay is done by holding packets.",),
    )  # fmt: skip


def _merged(in_force: Shape, asked: Shape) -> Shape:
    named = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not None}
    return msgspec.structs.replace(in_force, **named)


def _initiator() -> NodeState:
    return _node("initiator-1", "198.18.1.3", InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none")))


def _target() -> NodeState:
    return _node("target-1", "198.18.1.2", TargetSpec())


def _node(name: str, address: str, spec: InitiatorSpec | TargetSpec) -> NodeState:
    role = name.split("-")[0]
    status = Status(node=name, role=role, state="online", address=address)
    means = {"rate": "tbf", "delay": "nfqueue hold"}
    reported = Reported(node=name, seq=1, run="", t_ns=0, spec=spec, shape=OPEN_LINK, means=means)
    return NodeState(status=status, reported=reported, age_ns=100_000_000)
