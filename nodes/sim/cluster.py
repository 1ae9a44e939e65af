"""A whole testbed in virtual time: initiators, targets, their ports, floods, and what was recorded of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence

from msgspec import structs

from nodes.config import InitiatorSpec, NodeSetup, Queueing, Shape, Spec, TargetSpec
from nodes.errors import UsageError
from nodes.eventkinds import Detail
from nodes.floods import PlannedFlood
from nodes.messages import SAMPLE_INTERVAL_NS, Event, Sample
from nodes.sim.connection import Connection
from nodes.sim.flood import Flood
from nodes.sim.initiator import Initiator
from nodes.sim.link import Port
from nodes.sim.loop import CHANGE, MEASURE, Action, Loop
from nodes.sim.streams import Streams
from nodes.sim.target import Disk, Target
from nodes.units import MS_NS, PAGE_BYTES

LEAST_RTT_NS = MS_NS
"""A retransmission is not repeated sooner, on however short a link (TCP_TIMEOUT_MIN's order; own)."""


class Cluster:
    """Everything that happens, from time 0 on. `run` marks samples and events. Raises UsageError for a machine that
    cannot be."""

    def __init__(self, nodes: Sequence[NodeSetup], *, seed: int, run: str, queueing: Queueing | None = None) -> None:
        self.loop, self.run, self._streams = Loop(), run, Streams(seed)
        self._queueing = queueing or Queueing()
        self.samples: list[Sample] = []
        self.events: list[Event] = []
        self.targets: dict[str, Target] = {}
        self.initiators: dict[str, Initiator] = {}
        self.ports: dict[str, Port] = {}
        """By node; an initiator's storage port is `<name>/storage`."""
        self.floods: list[Flood] = []
        for node in sorted(nodes, key=lambda node: not isinstance(node.spec, TargetSpec)):
            self._add(node)
        self.loop.at_rank(SAMPLE_INTERVAL_NS, MEASURE, self._measure, SAMPLE_INTERVAL_NS)
        for initiator in self.initiators.values():
            self.loop.at(
                0, initiator.wake
            )  # until time goes on, nothing has happened: who wants to watch all of it can

    # ---- building

    def _add(self, node: NodeSetup) -> None:
        port = self._port(node.name, node.shape)
        spec = node.spec
        if isinstance(spec, TargetSpec):
            self.targets[node.name] = Target(node.name, spec, self.loop, self._streams.of(f"{node.name}/disk"))
            return
        target = self.targets.get(node.target)
        if target is None:
            known = ", ".join(self.targets) or "none"
            raise UsageError(f"{node.name} needs a target: there is no '{node.target}'; there are: {known}")
        disk = Disk(self._streams.of(f"{node.name}/disk"))
        disk.spec = target.spec  # a local disk is as fast as the target's: what differs is the network alone
        luck = self._streams.of(f"{node.name}/pages").random
        initiator = self.initiators[node.name] = Initiator(node.name, spec, self.loop, self.emit, disk, luck)
        if not initiator.over_network:
            if not _takes_time(target.spec):
                initiator.bound_by_processor()
            return
        near, near_shape = port, node.shape
        if node.storage_shape is not None and spec.machine.storage_nic:
            near_shape = node.storage_shape
            near = self._port(f"{node.name}/storage", near_shape)
        first, pages = spec.swap_offset_bytes // PAGE_BYTES, spec.machine.working_set_pages
        if (first + pages) * PAGE_BYTES > target.spec.size_bytes:
            raise UsageError(f"{node.name}'s swap area ends beyond the disk of {node.target}")
        far = self.ports[node.target]
        if not (_takes_time(target.spec) or near_shape.rate_bps or near_shape.delay_ns):
            initiator.bound_by_processor()
        rtt_ns = max((near_shape.delay_ns or 0) * 2, LEAST_RTT_NS)
        initiator.connection = Connection(self.loop, initiator, target, near, far, pages, rtt_ns)

    def _port(self, name: str, shape: Shape) -> Port:
        port = self.ports[name] = Port(name, self._streams.of(f"{name}/link"), self._queueing)
        port.shape(shape)
        return port

    # ---- chance

    @property
    def drawn(self) -> bool:
        """Whether chance has had a part in what happened so far."""
        return self._streams.drawn

    def reseed(self, seed: int, run: str) -> None:
        """Goes on as the run `run` with `seed`, which has gone the same way so far: nothing is drawn yet."""
        self._streams.reseed(seed)
        self.run = run
        self.samples = [structs.replace(sample, run=run) for sample in self.samples]
        self.events = [structs.replace(event, run=run) for event in self.events]

    # ---- what happens

    def flood(self, planned: PlannedFlood) -> Flood:
        """Junk at every initiator."""
        aims = [(initiator, self.ports[name]) for name, initiator in self.initiators.items()]
        flood = Flood(planned, self.loop, aims, self._streams.of(f"flood/{len(self.floods)}"))
        self.floods.append(flood)
        return flood

    def change_at(
        self, time_ns: int, node: str, spec: Spec | None, shape: Shape | None, events: Sequence[Event] = ()
    ) -> None:
        """At `time_ns`, `node` becomes what `spec` and `shape` say (None: stays), and `events` are recorded."""
        self.loop.at_rank(time_ns, CHANGE, self.change_now, node, spec, shape, events)

    def change_now(
        self, node: str, spec: Spec | None, shape: Shape | None = None, events: Sequence[Event] = ()
    ) -> None:
        """`shape` is that of the link which everything comes through that is not block traffic of a second card."""
        if shape is not None:
            self.ports[node].shape(shape)
        if isinstance(spec, TargetSpec):
            self.targets[node].change(spec)
        elif isinstance(spec, InitiatorSpec):
            self.initiators[node].change(spec)
        self.events.extend(events)

    def emit(self, node: str, detail: Detail) -> None:
        """Records an event of this moment."""
        self.events.append(Event(t_ns=self.loop.now_ns, node=node, run=self.run, detail=detail))

    def alone(self, name: str, wanted: Callable[[Action], bool]) -> Cluster:
        """A copy in which `name` is the only machine, with what is `wanted` of what is still to come; nothing is recorded in
        it yet. Of 32 machines it takes a thirtieth of the time that a whole copy takes."""
        ports = {key: port for key, port in self.ports.items() if key.split("/")[0] == name or key in self.targets}
        before = (self.samples, self.events, self.floods, self.initiators, self.ports, self.loop.keep(wanted))
        connections = [(target, target.connections) for target in self.targets.values()]
        try:
            self.samples, self.events, self.floods, self.ports = [], [], [], ports
            self.initiators = {name: self.initiators[name]}
            for target, all_of_them in connections:
                target.connections = [each for each in all_of_them if each.owner == name]
            copy: Cluster = pickle.loads(pickle.dumps(self, pickle.HIGHEST_PROTOCOL))
        finally:
            self.samples, self.events, self.floods, self.initiators, self.ports, heap = before
            self.loop.restore(heap)
            for target, all_of_them in connections:
                target.connections = all_of_them
        return copy

    # ---- measuring

    def _measure(self, interval_ns: int) -> None:
        self.samples.extend(initiator.sample(self.run) for initiator in self.initiators.values())
        self.samples.extend(target.sample(self.run) for target in self.targets.values())
        self.loop.at_rank(self.loop.now_ns + interval_ns, MEASURE, self._measure, interval_ns)


def _takes_time(disk: TargetSpec) -> bool:
    """Does a request?"""
    return bool(disk.rate_bps or disk.latency_ns)
