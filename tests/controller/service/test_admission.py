"""A node that Docker does not know counts for nothing, and holds up nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import virtualtime
from brokers import Broker
from testbeds import Testbed, serving, whole_bed

from controller.api import SetPolicy, State
from controller.runtime.docker import Container
from controller.service import admission, daemon
from controller.service.admission import AGAIN_S, TOLD_MAX, Admission
from controller.service.nodes import Node
from nodes.agent.tasks import end
from nodes.config import PolicySpec
from nodes.errors import HarnessError
from nodes.messages import Status, encode, topic


def container(node: str, hostname: str = "0123456789ab", *, running: bool = True) -> Container:
    return Container(
        node=node, name=node, hostname=hostname, running=running, oom_killed=False, restarts=0, exit_code=0,
        memory_limit_bytes=0, swap_limit_bytes=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "there"),
    [
        (container("target-1"), True),
        (container("target-7", "target-1"), True),
        (container("target-1", running=False), False),
        (container("initiator-1", "target-1"), False),
        (container("target-2"), False),
    ],
)
def test_a_node_goes_by_its_containers_name_or_host_name(found: Container, there: bool) -> None:
    assert admission._is(Node("target", "target-1"), found) is there


def test_a_guests_container_is_an_initiators() -> None:
    assert admission._is(Node("initiator", "kernel-initiator-2"), container("kernel-initiator-2"))


class World:
    """Nodes that say that they are there, and an engine that may not answer."""

    def __init__(self, *names: str) -> None:
        self.waiting = [Node("target", name) for name in names]
        self.there: dict[str, Container] = {}
        self.asked, self.down = 0, False
        self.admitted: list[str] = []
        nodes: Any = SimpleNamespace(strangers=lambda: list(self.waiting), admit=self._admit)
        self.admission = Admission(nodes, SimpleNamespace(containers=self._containers))  # type: ignore[arg-type]

    def _admit(self, node: Node) -> None:
        self.admitted.append(node.name)
        self.waiting.remove(node)

    def _containers(self) -> dict[str, Container]:
        self.asked += 1
        if self.down:
            raise HarnessError("no Docker engine answers")
        return self.there


async def lasting(world: World, seconds: float) -> None:
    task = asyncio.create_task(world.admission.run())
    await asyncio.sleep(seconds)
    await end(task)


def test_who_has_a_container_is_admitted_at_once_and_who_gets_one_later() -> None:
    world = World("target-1", "target-2")
    world.there = {"target-1": container("target-1")}
    virtualtime.run(lambda: lasting(world, 0.1))
    assert world.admitted == ["target-1"]
    world.there["target-2"] = container("target-2")
    virtualtime.run(lambda: lasting(world, AGAIN_S + 1))
    assert world.admitted == ["target-1", "target-2"]


def test_strangers_are_looked_for_seldom_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(*(f"aa-{number}" for number in range(3 * TOLD_MAX)))
    virtualtime.run(lambda: lasting(world, 10 * AGAIN_S))
    assert world.admitted == []
    assert world.asked <= 12
    assert capsys.readouterr().err.count("it does not count") == TOLD_MAX


def test_an_engine_that_does_not_answer_is_told_once_and_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    world = World("target-1")
    world.down = True
    virtualtime.run(lambda: lasting(world, 3 * AGAIN_S))
    world.down, world.there = False, {"target-1": container("target-1")}
    virtualtime.run(lambda: lasting(world, AGAIN_S))
    assert world.admitted == ["target-1"]
    assert capsys.readouterr().err == "netreserve: nodes wait to be admitted: no Docker engine answers\n"


class Docker:
    """An engine that knows the containers of the testbed's two nodes, without limits."""

    def __init__(self, *_: object) -> None:
        pass

    def containers(self) -> dict[str, Container]:
        return {name: container(name) for name in ("initiator-1", "target-1")}


async def test_an_invented_node_holds_up_nobody(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "Engine", Docker)
    said = Status(node="aa-0", role="initiator", state="online", address="198.18.1.66")
    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed, broker.client("initiator", "aa-0") as client:
        await client.publish(topic("initiator", "aa-0", "status"), encode(said), qos=1, retain=True)
        async with serving(msgspec.structs.replace(bed.config, docker_url="tcp://nowhere")):
            await bed.settled()
            answer = await bed.operator.ask(SetPolicy(policy=PolicySpec(name="local")))
            assert isinstance(answer, State), answer
            assert {node.status.node: node.deployed for node in answer.nodes} == {
                "aa-0": False,
                "initiator-1": True,
                "target-1": True,
            }


async def test_the_controllers_connection_cannot_be_taken(bed: Testbed) -> None:
    for account, name in (("initiator", "controller"), ("target", "controller")):
        async with bed.broker.client(account, name) as client:
            await client.publish(topic(account, name, "event"), b"{}", qos=1)
    started = await bed.start()
    assert (await bed.result(started.run)).verdict == "healthy"
