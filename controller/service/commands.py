"""Answers operators' requests: each command has one function here."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time

import msgspec

from controller.api import (
    REQUESTS,
    Command,
    Failed,
    NodeState,
    Reply,
    Request,
    RunStarted,
    SetPolicy,
    SetShape,
    SetStall,
    Show,
    StartFlood,
    StartRescue,
    StartRun,
    State,
    StopFlood,
    StopRun,
)
from controller.bus.mqtt import Bus
from controller.experiment.evidence import fault_event
from controller.experiment.rescue import SwitchTo
from controller.service.conductor import Conductor
from controller.service.connections import Parts
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Edit, Node, replaced
from controller.service.standing import Standing
from nodes.config import InitiatorSpec, Shape, Sink, Spec, TargetSpec
from nodes.errors import HarnessError, InconclusiveError, LackingError, NetreserveError, UsageError
from nodes.eventkinds import LinkSet, PolicySet
from nodes.floods import Flood
from nodes.machine.policies import POLICIES, policy_of
from nodes.messages import ROOT
from nodes.registry import did_you_mean
from nodes.units import SECOND_NS, format_bytes
from traffic.profiles import DURATION_NS_MAX, Aimed

Answer = RunStarted | State


class Commands:
    """Listens for requests and answers each with what was done, or with Failed."""

    def __init__(self, parts: Parts, bus: Bus, watch: FloodWatch, conductor: Conductor, standing: Standing) -> None:
        self._parts, self._bus, self._watch = parts, bus, watch
        self._conductor, self._standing = conductor, standing
        self._tasks: set[asyncio.Task[None]] = set()
        bus.route(REQUESTS, Request, self._hear)

    def _hear(self, where: str, request: Request) -> None:
        client = where.split("/")[2]  # the broker vouches for the topic, nobody for the payload
        task = asyncio.create_task(self._answer(client, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, client: str, request: Request) -> None:
        answer: Answer | Failed
        try:
            answer = await self.carry_out(request.command)
        except NetreserveError as error:
            answer = Failed(message=str(error), exit_code=error.exit_code)
        except Exception as error:
            print(f"netreserve: {type(request.command).__name__}: {type(error).__name__}: {error}", file=sys.stderr)
            answer = Failed(message=f"the controller failed: {type(error).__name__}: {error}", exit_code=6)
        try:
            await self._bus.publish(f"{ROOT}/controller/reply/{client}", Reply(id=request.id, answer=answer))
        except HarnessError as error:
            print(f"netreserve: no answer to {client}: {error}", file=sys.stderr)

    async def carry_out(self, command: Command) -> Answer:
        """Raises NetreserveError for what cannot be."""
        match command:
            case StartRun():
                return await self._conductor.start(command)
            case StopRun():
                self._conductor.stop()
            case SetPolicy():
                await self._set_policy(command)
            case SetShape():
                await self._set_shape(command)
            case SetStall():
                await self._set_stall(command)
            case StartFlood():
                await self._start_flood(command)
            case StartRescue():
                return await self._rescue(command)
            case StopFlood():
                await self._conductor.by_hand()
                await self._watch.stop()
            case Show():
                pass
        return self.state()

    def state(self) -> State:
        """All nodes that were there since this controller began, and what goes on."""
        current = self._conductor.current
        return State(
            nodes=tuple(_state(node) for node in self._parts.nodes if node.seen),
            run=current.recording.run if current else "",
            unfinished=tuple(activity.unfinished() for activity in self._conductor.unfinished),
            flood=str(self._watch),
        )

    async def _set_policy(self, command: SetPolicy) -> None:
        policy = command.policy
        POLICIES[policy.name]
        nodes = self._named(command.node, "initiator")

        def switch(spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
            assert isinstance(spec, InitiatorSpec)
            return msgspec.structs.replace(spec, policy=policy), shape

        async with self._conductor.recorded():
            before = {node.name: spec.policy.name for node in nodes if (spec := node.initiator)}
            await self._change(nodes, switch)
            for node in nodes:
                self._standing.policies[node.name] = policy
                told = PolicySet(policy=policy.name, allocator=policy.allocator, before=before[node.name])
                self._parts.recorder.note(told, node.name)

    async def _set_shape(self, command: SetShape) -> None:
        nodes = self._named(command.node, "")
        asked = LinkSet(**msgspec.structs.asdict(command.shape))
        pulled = command.shape.cut
        await self._conductor.by_hand()
        async with contextlib.nullcontext() if pulled is None else self._conductor.recorded():
            await self._change(nodes, lambda spec, shape: (spec, replaced(shape, command.shape)))
            for node in nodes:
                self._parts.recorder.note(asked, node.name)
                if pulled is not None:
                    self._note_fault("cut", node, begins=pulled)

    async def _set_stall(self, command: SetStall) -> None:
        nodes = self._named(command.node, "target")

        def change(spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
            assert isinstance(spec, TargetSpec)
            return msgspec.structs.replace(spec, stalled=command.stalled), shape

        async with self._conductor.recorded():
            await self._change(nodes, change)
            for node in nodes:
                self._note_fault("stalled", node, begins=command.stalled)

    def _note_fault(self, fault: str, node: Node, *, begins: bool) -> None:
        """What of a scenario would be a fault is recorded as one, so that a standstill has its cause."""
        served = [other.name for other in self._parts.nodes.online("initiator") if _uses(other, node)]
        event = fault_event(time.time_ns(), "", node.name, fault, begins=begins, concerns=served)
        self._parts.recorder.note(event.detail, node.name)

    async def _start_flood(self, command: StartFlood) -> None:
        await self._conductor.by_hand()
        if not 0 < command.duration_ns <= DURATION_NS_MAX:
            raise UsageError(f"duration is {command.duration_ns} ns: more than 0 and at most 1 hour are possible")
        nodes = self._named("", "initiator")
        ports = {_open_sink(node, command.flood).port for node in nodes}
        addresses = tuple(node.address for node in nodes)
        aimed = Aimed(flood=command.flood, port=min(ports))
        await self._watch.start([aimed], addresses, math.ceil(command.duration_ns / SECOND_NS))
        await self._watch.confirmed()

    async def _rescue(self, command: StartRescue) -> RunStarted:
        if not 0 < command.wait_ns <= DURATION_NS_MAX:
            raise UsageError(f"wait is {command.wait_ns} ns: more than 0 and at most 1 hour are possible")
        for remedy in command.remedies:
            if isinstance(remedy, SwitchTo):
                policy_of(remedy.policy)
        everybody = self._parts.nodes.online("initiator")  # a guest too: it is left as its last run left it
        nodes = everybody if everybody and not command.node else self._named(command.node, "initiator")
        return await self._conductor.rescue(nodes, command.remedies, command.wait_ns)

    async def _change(self, nodes: list[Node], change: Edit) -> None:
        """A live change; one that is not in force voids the present run."""
        current, deadline_s = self._conductor.current, self._parts.timing.ack_deadline_s
        if current is not None:
            current.held += 1
        try:
            await self._parts.nodes.change([node.name for node in nodes], change, deadline_s)
        except NetreserveError as error:
            if current is not None:
                current.void(str(error), harness=not isinstance(error, InconclusiveError))
            raise
        finally:
            if current is not None:
                current.held -= 1

    def _named(self, name: str, role: str) -> list[Node]:
        """The online nodes of `role` (empty: of any), or the one called `name`. A guest is meant when it is named alone:
        what it is now is its last run's."""
        there = [node for node in self._parts.nodes if node.online and (not role or node.role == role)]
        found = [node for node in there if (node.name == name if name else node.tier != "kernel")]
        if name and not found:
            kind = role or "node"
            raise UsageError(
                f"no {kind} called '{name}' is online ({did_you_mean(name, [node.name for node in there])})"
            )
        if not found:
            raise LackingError(f"no {role or 'node'} is online: is the testbed up? run `netreserve up`")
        return found


def _open_sink(node: Node, flood: Flood) -> Sink:
    """What `flood` meets at `node`. Raises LackingError while nothing of its kind is open there, UsageError when that is
    not what the flood asks for: a running machine keeps the sockets that it has."""
    sinks = node.initiator.sinks if node.initiator else ()
    sink = next((sink for sink in sinks if sink.kind == flood.kind), None)
    if sink is None:
        raise LackingError(f"{node.name} has no {flood.kind} socket open just now: try again in a few seconds")
    same = flood.sockets <= sink.sockets and (flood.reader, flood.rcvbuf_bytes) == (sink.reader, sink.rcvbuf_bytes)
    if not same:
        sockets = f"1 to {sink.sockets} sockets" if sink.sockets > 1 else "1 socket"
        raise UsageError(
            f"{flood.kind} junk meets {sink.sockets} x {format_bytes(sink.rcvbuf_bytes)}, reader '{sink.reader}', at"
            f" {node.name}, not {flood.sockets} x {format_bytes(flood.rcvbuf_bytes)}, reader '{flood.reader}':"
            f" {sockets} as they are there can be flooded, others need a scenario"
        )
    return sink


def _uses(initiator: Node, node: Node) -> bool:
    """Whether `initiator` cannot work while nothing passes at `node`."""
    spec = initiator.initiator
    return initiator.name == node.name or (spec is not None and spec.target.rpartition(":")[0] == node.address)


def _state(node: Node) -> NodeState:
    assert node.status is not None
    age_ns = max(time.time_ns() - node.heard_ns, 0) if node.heard_ns else 0
    return NodeState(status=node.status, reported=node.reported, age_ns=age_ns, deployed=node.deployed)
