"""The initiator in virtual time: carries out what its machine decides, tells it what comes in, wakes it when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from errno import EIO

from nodes.config import InitiatorSpec, Reader
from nodes.eventkinds import GAVE_UP, Corrupt, Detail, PolicySet, Reconnect
from nodes.machine.contest import Luck
from nodes.machine.events import (
    BLOCK_SOCKET,
    MinFreeChanged,
    Notice,
    PolicyChanged,
    ReadIn,
    Reconnected,
    Retransmit,
    SocketRead,
    Stats,
    Verdict,
    WriteOut,
)
from nodes.machine.machine import Machine
from nodes.machine.merge import Transfer, merged
from nodes.machine.watch import StallWatch
from nodes.messages import Sample
from nodes.sim.connection import Connection
from nodes.sim.loop import Loop
from nodes.sim.target import Disk
from nodes.units import MS_NS, SECOND_NS

Emit = Callable[[str, Detail], None]
"""`emit(node, detail)`: an event of the run."""
PROCESSOR_PAGES_PER_S = 6400
"""What a processor touches, of pages that are not there, where no link and no disk takes time: else the virtual time of an
application that is as fast as it can (`touch_rate: 0 pages/s`) would stand. Measured: a guest of one emulated processor that
swaps to a disk beside it, no network in the way (docs/reference/kernel-runs.md, `kernel-tcp` under `local`)."""
FAILED_NS = MS_NS
"""Until a request fails that has no connection any more: a turn of the driver's work queue (own)."""
_SHARED = sorted({field.name for field in fields(Stats)} & set(Sample.__struct_fields__))
"""Measurements that a machine reports under the name a sample has for them."""


class Initiator:
    """One machine and its hands. Several may share a target; a local disk is its own."""

    def __init__(self, name: str, spec: InitiatorSpec, loop: Loop, emit: Emit, disk: Disk, luck: Luck) -> None:
        self.name, self.spec = name, spec
        self._loop, self._emit, self._disk = loop, emit, disk
        self.machine = Machine(spec.machine, spec.policy, loop.now_ns, luck)
        self.machine.workload.tells_pages = False
        self.connection: Connection | None = None
        self.sockets: dict[int, tuple[int, Reader]] = {}
        """The machine's socket and its reader, by port."""
        self._watch = StallWatch()
        self._unread: set[int] = set()
        self._wake_ns = -1
        self.gives_up = True
        """Its TCP does, as a real one: not in a proof."""
        self.over_network = not (self.machine.policy.local_disk or self.machine.block.at_home)
        """Whether its pages leave it: not to a disk of its own, nor to a target on the same host."""
        self._stored = [0] * (0 if self.over_network else spec.machine.working_set_pages)
        self.verified_pages = self.corrupt_pages = 0
        for sink in spec.sinks:
            for port in range(sink.port, sink.port + sink.sockets):
                number = self.machine.open_socket(sink.rcvbuf_bytes, coalesces=sink.kind != "udp")
                self.sockets[port] = (number, sink.reader)

    def bound_by_processor(self) -> None:
        """Nothing else takes time: an application without a pace of its own has the processor's."""
        work = self.machine.workload
        work.interval_ns = work.interval_ns or SECOND_NS // PROCESSOR_PAGES_PER_S

    # ---- packets

    def receive_block(self, size_bytes: int, segments: int, acked_bytes: int) -> bool:
        """See `connection.Endpoint`."""
        now_ns = self._loop.now_ns
        return self.machine.receive(BLOCK_SOCKET, size_bytes, segments, now_ns, acked_bytes) is Verdict.ACCEPT

    def receive_junk(self, numbers: list[int], size_bytes: int, packets: int, first: int) -> int:
        """A train of equal packets for these sockets in turn; answers how many were accepted. `settle_junk` is due after the
        last train that comes at this moment."""
        return self.machine.receive_many(numbers, size_bytes, packets, self._loop.now_ns, first)

    def settle_junk(self, numbers: list[int], reader: Reader, accepted: int) -> None:
        """All that came at once has been judged: `reader` may read it, and the machine works."""
        if accepted and reader != "stalled":
            self._unread.update(numbers)
            self.read_junk(reader)
        if accepted or self.machine.pool.kswapd_wanted:
            self.wake()

    def read_junk(self, reader: Reader = "app") -> None:
        """Sockets are emptied: at once, or while the application runs."""
        if not self._unread or (reader == "app" and not self.machine.app_running(self._loop.now_ns)):
            return
        for number in sorted(self._unread):
            self.machine.handle(SocketRead(number), self._loop.now_ns)
        self._unread.clear()

    # ---- block I/O

    def answered(self, transfer: Transfer, error: int) -> None:
        """See `connection.Endpoint`."""
        machine, now_ns = self.machine, self._loop.now_ns
        if (
            not transfer.is_write and not error and not machine.workload.dead
        ):  # what comes for a dead one is read by nobody
            self._verify(transfer)
        machine.completed(transfer.requests, error, now_ns)

    def _verify(self, transfer: Transfer) -> None:
        found = self.connection.holds(transfer) if self.connection else self._local(transfer)
        for page, (wanted, held) in enumerate(zip(transfer.generations, found, strict=True), transfer.first):
            self.verified_pages += 1
            if wanted != held:
                self.corrupt_pages += 1
                self._emit(self.name, Corrupt(pages=(page,), generation=wanted))

    def _local(self, transfer: Transfer) -> list[int]:
        return self._stored[transfer.first : transfer.first + transfer.pages]

    def reconnected(self) -> None:
        """See `connection.Endpoint`."""
        self.machine.handle(Reconnected(), self._loop.now_ns)
        self._emit(self.name, Reconnect(state="connected"))
        self.wake()

    def _submit(self, transfer: Transfer) -> None:
        if self.connection is not None:
            if self.connection.is_over:
                self._loop.at(self._loop.now_ns + FAILED_NS, self._fail, transfer)
            else:
                self.connection.submit(transfer)
            return
        loop = self._loop
        loop.at(self._disk.done_ns(loop.now_ns, transfer.pages), self._served, transfer)

    def _give_up(self) -> None:
        """TCP has: all requests fail, so do those that come later, and transmit memory is free (drivers/block/nbd.c of 6.1:
        nbd_clear_que, nbd_handle_cmd)."""
        assert self.connection is not None
        self.connection.end()
        self._emit(self.name, Reconnect(state="lost", reason=GAVE_UP))
        self.machine.completed(list(self.machine.block.requests), EIO, self._loop.now_ns)
        self.wake()

    def _fail(self, transfer: Transfer) -> None:
        self.machine.completed(transfer.requests, EIO, self._loop.now_ns)
        self.wake()

    def _served(self, transfer: Transfer) -> None:
        """The local disk's interrupt: it needs no memory (physics.md section 11)."""
        if transfer.is_write:
            self._stored[transfer.first : transfer.first + transfer.pages] = transfer.generations
        self.answered(transfer, 0)
        self.wake()

    # ---- the machine's turn

    def wake(self) -> None:
        """Lets the machine work, carries its decisions out, and remembers when it wants to work again."""
        now_ns, machine = self._loop.now_ns, self.machine
        decisions = machine.poll(now_ns)
        if decisions:
            for decision in merged(decisions):
                self._carry_out(decision)
        deadline_ns = machine.next_deadline_ns()
        if deadline_ns is not None and not now_ns < self._wake_ns <= deadline_ns:
            self._wake_ns = deadline_ns if deadline_ns > now_ns else now_ns + 1
            self._loop.at(self._wake_ns, self._due, self._wake_ns)

    def _due(self, due_ns: int) -> None:
        if due_ns == self._wake_ns:
            self._wake_ns = -1
            self.wake()

    def _carry_out(self, decision: object) -> None:
        kind = type(decision)
        if kind is Transfer:
            assert isinstance(decision, Transfer)
            self._submit(decision)
        elif kind is Retransmit:
            if self.gives_up and self.machine.block.timer.gives_up:
                self._loop.at(self._loop.now_ns, self._give_up)  # not in the middle of what was decided
            elif self.connection is not None:
                self.connection.retransmit()
        elif isinstance(decision, Notice):
            self._emit(self.name, decision.detail)
        else:
            assert kind is not WriteOut and kind is not ReadIn, decision

    # ---- from outside

    def change(self, spec: InitiatorSpec) -> None:
        """Policy and min_free, live. Raises UsageError when the machine refuses."""
        now_ns, before = self._loop.now_ns, self.spec
        if spec.policy != before.policy:
            self.machine.handle(PolicyChanged(spec.policy), now_ns)
        if spec.machine != before.machine:
            self.machine.handle(MinFreeChanged(spec.machine.min_free_pages), now_ns)
        self.spec = spec
        if (spec.policy, spec.machine) != (before.policy, before.machine):
            self._emit(self.name, PolicySet(policy=spec.policy.name, min_free_pages=spec.machine.min_free_pages))
        self.wake()

    def sample(self, run: str) -> Sample:
        """The machine's figures of this moment; stalls and recoveries become events."""
        now_ns, machine = self._loop.now_ns, self.machine
        self.read_junk()
        stats = machine.stats(now_ns)
        for detail in self._watch.observe(stats, now_ns, machine.waits, machine.cycle):
            self._emit(self.name, detail)
        return self._figures(stats, run)

    def figures(self, run: str) -> Sample:
        """As `sample`, for who only looks: nothing that happens later depends on it."""
        return self._figures(self.machine.stats(self._loop.now_ns), run)

    def _figures(self, stats: Stats, run: str) -> Sample:
        return Sample(
            t_ns=self._loop.now_ns,
            node=self.name,
            run=run,
            tier="sim",
            corrupt_pages=self.corrupt_pages,
            verified_pages=self.verified_pages,
            **{name: getattr(stats, name) for name in _SHARED},
        )
