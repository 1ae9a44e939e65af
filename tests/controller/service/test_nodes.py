"""What the controller believes of what nodes say, and what it says to them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from controller.service.nodes import NODES_MAX, Nodes, Wanted
from nodes.config import TargetSpec
from nodes.eventkinds import FaultSet
from nodes.messages import Desired, Event, Reported, Role, Sample, Status, topic


class Line:
    """A bus that keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.greetings: list[Callable[[], Iterable[tuple[str, Any]]]] = []

    def route(self, *_: object, **__: object) -> None:
        pass

    def greet(self, greeting: Callable[[], Iterable[tuple[str, Any]]]) -> None:
        self.greetings.append(greeting)

    async def publish(self, where: str, message: Any, **_: object) -> None:
        self.published.append((where, message))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def nodes(line: Line) -> Nodes:
    return Nodes(line)  # type: ignore[arg-type]


def status(name: str = "target-1", role: Role = "target", **more: Any) -> Status:
    return Status(**{"node": name, "role": role, "state": "online", "t_ns": time.time_ns()} | more)


def sample(**more: Any) -> Sample:
    return Sample(**{"t_ns": time.time_ns(), "node": "target-1", "run": "r"} | more)


def test_a_node_speaks_for_itself_alone(nodes: Nodes) -> None:
    where = topic("target", "target-1", "x")
    heard: list[object] = []
    nodes.listen(lambda node, what: heard.append(what))
    event = Event(t_ns=time.time_ns(), node="target-2", run="r", detail=FaultSet(fault="cut"))
    for hear, message in (
        (nodes._hear_status, status("target-2")),
        (nodes._hear_sample, sample(node="target-2")),
        (nodes._hear_event, event),
        (nodes._hear_reported, Reported(node="target-2", seq=1, run="r", t_ns=1)),
    ):
        with pytest.raises(ValueError, match="it says that 'target-2' said it"):
            hear(where, message)  # type: ignore[operator]
    with pytest.raises(ValueError, match="of role 'initiator'"):
        nodes._hear_status(where, status(role="initiator"))
    with pytest.raises(ValueError, match="'operator' is not a node's role"):
        nodes._hear_status(topic("operator", "target-1", "x"), status())
    assert heard == [] and [node.status for node in nodes] == [None]


def test_a_name_belongs_to_one_role(nodes: Nodes) -> None:
    nodes._hear_status(topic("target", "target-1", "status"), status())
    with pytest.raises(ValueError, match="known as a node of role 'target'"):
        nodes._hear_status(topic("initiator", "target-1", "status"), status(role="initiator"))


@pytest.mark.parametrize("absurd", [{"free_pages": 2**70}, {"t_ns": 2**62}, {"t_ns": 2**80}, {"rx_packets": -(2**64)}])
def test_an_absurd_sample_is_nowhere(nodes: Nodes, absurd: dict[str, int]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        nodes._hear_sample(topic("target", "target-1", "sample"), sample(**absurd))
    assert all(node.sample is None for node in nodes)


def test_names_that_were_made_up_keep_no_real_one_out(line: Line) -> None:
    nodes = Nodes(line, guarded=True)  # type: ignore[arg-type]
    nodes._hear_status(topic("target", "target-1", "status"), status())
    nodes.admit(nodes["target-1"])
    for number in range(3 * NODES_MAX):
        name = f"aa-{number}"
        nodes._hear_status(topic("initiator", name, "status"), status(name, "initiator"))
    nodes._hear_status(topic("target", "target-2", "status"), status("target-2"))
    nodes.admit(nodes["target-2"])
    assert [node.name for node in nodes.online("target")] == ["target-1", "target-2"]
    assert nodes.online("initiator") == []
    assert len(list(nodes)) <= NODES_MAX


async def test_every_setting_is_said_anew_at_a_new_connection(line: Line, nodes: Nodes) -> None:
    nodes._hear_status(topic("target", "target-1", "status"), status())
    await nodes._ask("target-1", Wanted(run="r1", spec=TargetSpec()))
    await nodes._ask("target-1", Wanted(run="r2", spec=TargetSpec(stalled=True)))
    old = Desired(seq=1, run="long ago", spec=TargetSpec())
    nodes._hear_desired(topic("target", "target-1", "desired"), old)
    (greeting,) = line.greetings
    assert list(greeting()) == [line.published[-1]]
    assert line.published[-1][1].run == "r2"


async def test_a_setting_is_newer_than_what_a_node_has_answered(line: Line, nodes: Nodes) -> None:
    """The clock was set back, and the broker lost what it had: the node remembers."""
    nodes._hear_status(topic("target", "target-1", "status"), status())
    ahead = time.time_ns() // 1_000_000 + 3_600_000
    nodes._hear_reported(topic("target", "target-1", "reported"), Reported(node="target-1", seq=ahead, run="", t_ns=1))
    assert await nodes._ask("target-1", Wanted(run="r1", spec=TargetSpec())) == ahead + 1
