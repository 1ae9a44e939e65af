"""The machine: composes pool, receive path, block initiator, reclaim and application behind one boundary.

Theory of operation. Inputs (`receive`, `handle`) change state and never block. `poll` lets every actor work that can:
driver timers, the application, then reclaim; what they decide is data (`events.Decision`), carried out by the driver in
order. What cannot go on simply stays until an input changes that; `waits` tells why. Time is an argument everywhere.
"""

from __future__ import annotations

from nodes.config import MachineConfig, PolicySpec
from nodes.errors import UsageError
from nodes.machine import waits as wait_graph
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.block import BlockInitiator
from nodes.machine.events import (
    Completed,
    Decision,
    Discard,
    MachineEvent,
    MinFreeChanged,
    Notice,
    PolicyChanged,
    Reconnected,
    Retransmit,
    SocketRead,
    Stats,
    Verdict,
    Wait,
)
from nodes.machine.nic import NICS
from nodes.machine.pages import PagePool
from nodes.machine.policies import POLICIES
from nodes.machine.receive import Receiver
from nodes.machine.reclaim import Reclaim
from nodes.machine.watermarks import Watermarks
from nodes.machine.workload import TaskState, Workload
from nodes.units import MS_NS

APP_STALLED_NS = 100 * MS_NS
"""An application that touched nothing for so long does not read its sockets either: one sleep of reclaim (own)."""


class Machine:
    """A machine at rest: the ring is full, no page has been touched.

    Raises UsageError when settings contradict each other; the message has the values.
    """

    def __init__(self, config: MachineConfig, policy: PolicySpec, now_ns: int) -> None:
        self.config = config
        self._min_free_pages = config.min_free_pages
        self.policy = POLICIES[policy.name]
        self._allocator_name = policy.allocator
        self.pool = PagePool(config.memory_pages, self._marks())
        self.allocator = ALLOCATORS[policy.allocator](self.pool, config.cpus)
        self.receiver = Receiver(NICS[config.nic], self.pool, self.allocator)
        self.block = BlockInitiator(self.pool, self.allocator, config.queue_depth)
        self.workload = Workload(
            self.pool, self.block, config.working_set_pages, config.tasks, config.touch_pages_per_s, now_ns
        )
        self.reclaim = Reclaim(self.pool, self.block, self.workload)
        self._out: list[Decision] = []
        self._put_in_force()
        if not self.receiver.refill(self.pool.marks.atomic_floor):
            raise UsageError(f"memory of {config.memory_pages} pages does not even hold the {config.nic} receive ring")

    def _marks(self) -> Watermarks:
        return Watermarks.of(self._min_free_pages + self.policy.reserve_pages, self.config.memory_pages)

    def _put_in_force(self) -> None:
        self.receiver.set_policy(self.policy)
        self.block.set_policy(self.policy)

    # ---- in

    def receive(
        self, socket: int, size_bytes: int, segments: int, now_ns: int, acked_bytes: int | None = None
    ) -> Verdict:
        """One inbound packet for `socket` (BLOCK_SOCKET, a junk socket's number, NO_SOCKET or ICMP).

        `size_bytes` is the IP packet's length, `segments` how many wire packets it stands for (GSO). On packets of the
        block connection `acked_bytes` is how much of the block stream the peer has acknowledged.
        """
        verdict = self.receiver.packet(socket, size_bytes, segments, now_ns)
        if acked_bytes is not None and verdict:
            self.block.acked(acked_bytes, now_ns)
        return verdict

    def open_socket(self, rcvbuf_bytes: int, coalesces: bool = False) -> int:
        """A junk socket with a buffer asked to be `rcvbuf_bytes` (doubled, as the kernel does); `coalesces` for TCP."""
        return self.receiver.open(rcvbuf_bytes, coalesces)

    def close_socket(self, socket: int) -> None:
        """Frees what the socket holds."""
        self.receiver.close(socket)

    def handle(self, event: MachineEvent, now_ns: int) -> None:
        """Any event that is not a packet. Raises UsageError for a policy or watermark that cannot be put in force; the
        machine is then as before."""
        match event:
            case Completed(request, error):
                self._completed(request, error, now_ns)
            case SocketRead(socket, packets):
                self.receiver.read(socket, packets)
            case Reconnected():
                self.block.send_again(now_ns, self._out)
            case PolicyChanged(policy):
                self._change(policy, self._min_free_pages)
            case MinFreeChanged(min_free_pages):
                self._change(PolicySpec(name=self.policy.name, allocator=self._allocator_name), min_free_pages)

    def _completed(self, number: int, error: int, now_ns: int) -> None:
        request = self.block.complete(number, now_ns)
        if request is None:
            return
        page = request.page
        if error:
            self._out.append(Notice("io_error", {"page": page, "write": request.is_write, "errno": error}))
        if request.is_write and error and not self.workload.dead:
            self.workload.write_failed(page)
        elif request.is_write:
            self.workload.written(page)
            self._out.append(Discard(page))
        elif error or self.workload.dead:
            self._read_lost(page)
        else:
            self.workload.read(page, now_ns, self._out)

    def _read_lost(self, page: int) -> None:
        """A page that does not come back kills its application (SIGBUS), or was already of no use."""
        self.workload.frames -= 1
        self.pool.give()
        self._out.append(Discard(page))
        self._kill()

    def _kill(self) -> None:
        self._out.extend(Discard(page) for page in self.workload.kill())

    def _change(self, spec: PolicySpec, min_free_pages: int) -> None:
        policy = POLICIES[spec.name]
        if spec.allocator != self._allocator_name:
            raise UsageError(
                f"the packet allocator cannot change in a running machine"
                f" ('{self._allocator_name}' is in use, '{spec.allocator}' was asked): start a new run"
            )
        if policy.local_disk != self.policy.local_disk:
            raise UsageError(
                f"a running machine cannot change its swap disk"
                f" (policy '{self.policy.name}' to '{spec.name}'): start a new run"
            )
        before = self.policy, self._min_free_pages
        self.policy, self._min_free_pages = policy, min_free_pages
        try:
            self.pool.marks = self._marks()
        except UsageError:
            self.policy, self._min_free_pages = before
            raise
        self._put_in_force()

    # ---- out

    def poll(self, now_ns: int) -> list[Decision]:
        """Lets every actor work that can; the decisions since the last poll, in order."""
        self.receiver.run_timers(now_ns)
        self.workload.run(now_ns, self._out)
        if self.reclaim.run(now_ns, self._out):
            self._oom()
        if self.block.timer.expired(now_ns):
            self._out.append(Retransmit())
        out, self._out = self._out, []
        return out

    def _oom(self) -> None:
        self.reclaim.oom_kills += 1
        self._out.append(
            Notice("oom", {"free_pages": self.pool.free, "min_pages": self.pool.marks.min_pages, "kind": "modelled"})
        )
        self._kill()

    def next_deadline_ns(self) -> int | None:
        """Poll again no later than this; None: only after the next input."""
        deadlines = (
            self.receiver.next_deadline_ns(),
            self.workload.next_deadline_ns(),
            self.block.timer.deadline_ns,
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # ---- reports

    def app_running(self, now_ns: int) -> bool:
        """Does the application get anywhere, and so read its sockets?"""
        return not self.workload.dead and now_ns - self.workload.last_progress_ns < APP_STALLED_NS

    def waits(self) -> tuple[Wait, ...]:
        """The wait-for graph of the moment."""
        return wait_graph.waits(self.workload, self.reclaim, self.block, self.receiver)

    def cycle(self) -> tuple[Wait, ...]:
        """The closed cycle in it, or nothing."""
        return wait_graph.cycle(self.waits())

    def _state(self, now_ns: int) -> str:
        if self.workload.dead:
            return "dead"
        if self.app_running(now_ns):
            return "running"
        if self.cycle():
            return "stuck"
        if self.workload.waiting(TaskState.NEEDS_FRAME):
            return "throttled" if self.reclaim.throttled() else "reclaiming"
        return "faulting"

    def stats(self, now_ns: int) -> Stats:
        """All figures; starts the count of `free_pages_lowest` again."""
        lowest = self.pool.forget_lowest()
        marks, rx = self.pool.marks, self.receiver
        return Stats(
            policy=self.policy.name,
            state=self._state(now_ns),
            total_pages=self.pool.total,
            free_pages=self.pool.free,
            min_pages=marks.min_pages,
            low_pages=marks.low_pages,
            high_pages=marks.high_pages,
            reserve_used_pages=max(0, marks.min_pages - lowest),
            free_pages_lowest=lowest,
            dirty_pages=len(self.workload.resident),
            writeback_pages=self.block.writes,
            packet_pages=self.allocator.pages + self.block.kernel.pages,
            in_flight=len(self.block.requests),
            swap_in_pages=self.workload.swap_in_pages,
            swap_out_pages=self.workload.swap_out_pages,
            rx_packets=rx.rx_packets,
            rx_alloc_failures=rx.alloc_failures,
            ring_free_slots=rx.free_slots(),
            early_drops=rx.early_drops,
            rcvbuf_drops=rx.rcvbuf_drops,
            no_buffer_drops=rx.no_buffer_drops,
            block_drops=rx.block_drops,
            junk_held_bytes=rx.held_bytes,
            junk_packets=rx.junk_packets,
            progress_pages=self.workload.progress_pages,
            progress_age_ns=now_ns - self.workload.last_progress_ns,
            app_running=self.app_running(now_ns),
            oom_kills=self.reclaim.oom_kills,
        )
