"""The nodes as the controller knows them, and the one way to change one: ask, wait, compare what was read back."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from controller.bus.mqtt import Bus
from controller.service.compare import differences
from controller.service.credible import NODE_BYTES_MAX, SAMPLE_BYTES_MAX, Said, require_credible, speaker_of
from nodes.config import OPEN_LINK, InitiatorSpec, Shape, Spec, TargetSpec
from nodes.errors import HarnessError, InconclusiveError, LackingError, RefusedError, UsageError
from nodes.messages import Desired, Event, Reported, Role, Sample, Status, topic

NODES_MAX = 256
"""Names that are remembered, of nodes that are there, were there, or were made up: a testbed has 64 of a service (own)."""
RATE_SAMPLES = 11
"""A second of samples at 10 Hz, for the rates of the live view."""


class Node:
    """One node: what it says of itself, what it was asked to be, what it last measured."""

    def __init__(self, role: Role, name: str) -> None:
        self.role, self.name = role, name
        self.status: Status | None = None
        self.seen = False
        """Whether it was there since this controller began: brokers remember nodes that are long gone."""
        self.deployed = True
        """False for a name that no container is known to have (controller/service/admission.py): nobody counts on it."""
        self.desired: Desired | None = None
        self.reported: Reported | None = None
        self.samples: deque[Sample] = deque(maxlen=RATE_SAMPLES)
        self.heard_ns = 0
        """When the last one came in: what it says of its time may be anything."""

    @property
    def online(self) -> bool:
        return self.deployed and self.status is not None and self.status.state == "online"

    @property
    def sample(self) -> Sample | None:
        return self.samples[-1] if self.samples else None

    @property
    def tier(self) -> str:
        """What an initiator is: `container`, or `kernel` for one with a guest."""
        return (self.status.tier if self.status else "") or "container"

    @property
    def address(self) -> str:
        return self.status.address if self.status else ""

    @property
    def initiator(self) -> InitiatorSpec | None:
        """What it was asked to be, when it is an initiator that was asked."""
        spec = self.desired.spec if self.desired else None
        return spec if isinstance(spec, InitiatorSpec) else None

    @property
    def target(self) -> TargetSpec | None:
        spec = self.desired.spec if self.desired else None
        return spec if isinstance(spec, TargetSpec) else None


class Wanted(Struct, frozen=True, kw_only=True):
    """What a node is to be, before it has a sequence number."""

    run: str
    spec: Spec
    shape: Shape = OPEN_LINK


Edit = Callable[[Spec, Shape], tuple[Spec, Shape]]
Listener = Callable[[Node, Sample | Event | Status], None]


class Nodes:
    """All nodes by name. `guarded`: a name counts only once it was admitted."""

    def __init__(self, bus: Bus, *, guarded: bool = False) -> None:
        self._bus, self._guarded = bus, guarded
        self._known: dict[str, Node] = {}
        self._seq = 0
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._changing = asyncio.Lock()
        self._listeners: list[Listener] = []
        bus.route(topic("+", "+", "desired"), Desired, self._hear_desired)
        bus.route(topic("+", "+", "reported"), Reported, self._hear_reported, bytes_max=NODE_BYTES_MAX)
        bus.route(topic("+", "+", "status"), Status, self._hear_status, bytes_max=SAMPLE_BYTES_MAX)
        bus.route(topic("+", "+", "sample"), Sample, self._hear_sample, qos=0, bytes_max=SAMPLE_BYTES_MAX)
        bus.route(topic("+", "+", "event"), Event, self._hear_event, bytes_max=NODE_BYTES_MAX)
        bus.greet(self._settings)

    def __iter__(self) -> Iterator[Node]:
        return iter(sorted(self._known.values(), key=lambda node: (node.role, _natural(node.name))))

    def __getitem__(self, name: str) -> Node:
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def listen(self, listener: Listener) -> Callable[[], None]:
        """`listener` hears every sample and event, and every change of a status, until the function that this answers with
        is called. That may be called twice."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def strangers(self) -> list[Node]:
        """Those that say that they are there and were not admitted."""
        return [
            node for node in self if not node.deployed and node.status is not None and node.status.state != "offline"
        ]

    def admit(self, node: Node) -> None:
        """There is a container of that name: `node` counts from now on."""
        node.deployed = True
        self._look()

    def online(self, role: Role, tier: str = "") -> list[Node]:
        """The nodes of `role` that are there, in the order of their numbers; with `tier` initiators of that one alone."""
        there = [node for node in self if node.role == role and node.online]
        return [node for node in there if not tier or role == "target" or node.tier == tier]

    async def change(self, names: Iterable[str], change: Edit, deadline_s: float) -> dict[str, Reported]:
        """Changes what the named nodes are, live: the same run goes on. Raises as `apply` does, and InconclusiveError for
        a node that was never set up. A change that is not in force at one of them is taken back at all: else brokers
        would go on asking for it, and the next change too."""
        async with self._changing:
            before = {name: self._wanted_of(name) for name in names}
            wanted = {}
            for name, want in before.items():
                spec, shape = change(want.spec, want.shape)
                wanted[name] = Wanted(run=want.run, spec=spec, shape=shape)
            try:
                return await self._apply(wanted, deadline_s)
            except (HarnessError, InconclusiveError):
                for name, want in before.items():
                    await self._ask(name, want)
                raise

    async def apply(self, wanted: Mapping[str, Wanted], deadline_s: float) -> dict[str, Reported]:
        """Asks each named node to be what is `wanted` and waits until all have answered. Raises InconclusiveError, naming
        node, setting, asked and found, when one does not answer in time, cannot, or has other values in force; HarnessError
        when one goes away; RefusedError when a guest cannot be for a reason with an exit code of its own."""
        async with self._changing:
            return await self._apply(wanted, deadline_s)

    async def wait_for(self, condition: Callable[[], bool], deadline_s: float) -> None:
        """Until `condition` holds, looked at whenever a node says something. Raises TimeoutError."""
        if condition():
            return
        waiter = (condition, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(deadline_s):
                await waiter[1]
        finally:
            self._waiters.remove(waiter)

    async def _apply(self, wanted: Mapping[str, Wanted], deadline_s: float) -> dict[str, Reported]:
        asked = {name: await self._ask(name, want) for name, want in wanted.items()}
        try:
            await self.wait_for(lambda: all(self._answered(name, seq) for name, seq in asked.items()), deadline_s)
        except TimeoutError:
            late = [name for name, seq in asked.items() if not self._answered(name, seq)]
            raise InconclusiveError(
                f"{', '.join(late)}: no acknowledgement of setting {asked[late[0]]} within {deadline_s:g} s"
            ) from None
        return {name: self._checked(name, wanted[name]) for name in asked}

    def _wanted_of(self, name: str) -> Wanted:
        desired = self._known[name].desired
        if desired is None:
            raise InconclusiveError(f"{name} was not set up yet: there is nothing to change")
        return Wanted(run=desired.run, spec=desired.spec, shape=desired.shape)

    async def _ask(self, name: str, want: Wanted) -> int:
        node = self._known[name]
        # grows over a restart of the controller too, and over a step of its clock: nodes do not obey a number of before
        answered = node.reported.seq if node.reported else 0
        self._seq = max(self._seq + 1, time.time_ns() // 1_000_000)
        seq = max(self._seq, answered + 1)
        node.desired = Desired(seq=seq, run=want.run, spec=want.spec, shape=want.shape)
        await self._bus.publish(topic(node.role, name, "desired"), node.desired, retain=True)
        return node.desired.seq

    def _answered(self, name: str, seq: int) -> bool:
        node = self._known[name]
        if not node.online:
            raise HarnessError(f"{name} went offline before it acknowledged setting {seq}")
        return node.reported is not None and node.reported.seq >= seq

    def _checked(self, name: str, want: Wanted) -> Reported:
        reported = self._known[name].reported
        assert reported is not None
        if reported.error:
            raise _refusal(self._known[name], reported)
        for setting, asked, found in differences(want.spec, want.shape, reported):
            raise InconclusiveError(f"{name}: {setting} is {found}, {asked} was asked for")
        return reported

    def _settings(self) -> Iterator[tuple[str, Desired]]:
        """What every node is to be, said anew at each connection: a broker that crashed remembers what was long ago."""
        for node in self:
            if node.desired is not None:
                yield topic(node.role, node.name, "desired"), node.desired

    # ---- what nodes say

    def _node(self, where: str) -> Node:
        role, name = speaker_of(where)
        node = self._known.get(name)
        if node is None:
            self._make_room()
            node = self._known[name] = Node(role, name)
            node.deployed = not self._guarded
        if node.role != role:
            raise ValueError(f"{name} is known as a node of role '{node.role}'")
        return node

    def _make_room(self) -> None:
        """Names that were made up never keep a real one out."""
        if len(self._known) < NODES_MAX:
            return
        dispensable = [node.name for node in self if not node.deployed]
        if not dispensable:
            raise ValueError(f"{NODES_MAX} nodes are known already")
        for name in dispensable:
            del self._known[name]

    def _speaker(self, where: str, message: Said) -> Node:
        """The node that `message` is of. Raises ValueError for what nobody should believe."""
        require_credible(speaker_of(where)[1], message, time.time_ns())
        return self._node(where)

    def _hear_desired(self, where: str, desired: Desired) -> None:
        node = self._node(where)
        self._seq = max(self._seq, desired.seq)
        if node.desired is None or desired.seq > node.desired.seq:
            node.desired = desired

    def _hear_reported(self, where: str, reported: Reported) -> None:
        self._speaker(where, reported).reported = reported
        self._look()

    def _hear_status(self, where: str, status: Status) -> None:
        node = self._speaker(where, status)
        if status.role != node.role:
            raise ValueError(f"it says that {node.name} is of role '{status.role}'")
        before, node.status = node.status, status
        node.seen = node.seen or status.state != "offline"
        if before is None or before.state != status.state:
            self._tell(node, status)
        self._look()

    def _hear_sample(self, where: str, sample: Sample) -> None:
        node = self._speaker(where, sample)
        node.samples.append(sample)
        node.heard_ns = time.time_ns()
        self._tell(node, sample)

    def _hear_event(self, where: str, event: Event) -> None:
        self._tell(self._speaker(where, event), event)

    def _tell(self, node: Node, what: Sample | Event | Status) -> None:
        for listener in tuple(self._listeners):
            listener(node, what)

    def _look(self) -> None:
        for condition, future in self._waiters:
            if future.done():
                continue
            try:
                if condition():
                    future.set_result(None)
            except HarnessError as error:
                future.set_exception(error)


def _refusal(node: Node, reported: Reported) -> InconclusiveError:
    """What a machine lacks is told as that. A guest that cannot be is what somebody asked for; other nodes' reasons are told
    apart by their words."""
    why = f"{node.name} cannot be what was asked: {reported.error}"
    lacking = reported.exit_code == LackingError.exit_code
    if lacking or (node.tier == "kernel" and reported.exit_code == UsageError.exit_code):
        return RefusedError(why, reported.exit_code, reported.error, reported.setting)
    return InconclusiveError(why)


def replaced(shape: Shape, change: Shape) -> Shape:
    """`shape` with what `change` names."""
    named: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    return msgspec.structs.replace(shape, **named)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
