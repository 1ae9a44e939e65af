"""The machine: composes pool, receive path, block initiator, reclaim and application behind one boundary.

Theory of operation. Inputs (`receive`, `handle`) change state and never block. `poll` lets every actor work that can:
driver timers, the application, then reclaim; what they decide is data (`events.Decision`), carried out by the driver in
order. What cannot go on simply stays until an input changes that; `waits` tells why. Time is an argument everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodes.config import MachineConfig, PolicySpec, Sender
from nodes.errors import UsageError
from nodes.eventkinds import IoError, OutOfMemory, Wait
from nodes.machine import waits as wait_graph
from nodes.machine.allocators import ALLOCATORS, can_change
from nodes.machine.allocators.base import behind
from nodes.machine.allocators.fallback import FallbackAllocator
from nodes.machine.allocators.nta import NtaAllocator
from nodes.machine.block import BlockInitiator
from nodes.machine.contest import Contest, Even, Luck
from nodes.machine.events import (
    BLOCK_SOCKET,
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
)
from nodes.machine.network_memory import NetworkMemory
from nodes.machine.nic import NICS
from nodes.machine.pages import PagePool
from nodes.machine.policies import policy_of
from nodes.machine.receive import Receiver
from nodes.machine.reclaim import Reclaim
from nodes.machine.relay import Relay, refusal
from nodes.machine.signature import signature_of
from nodes.machine.train import receive_train
from nodes.machine.watermarks import Watermarks
from nodes.machine.workload import TaskState, Workload, sooner
from nodes.units import MS_NS, PAGE_BYTES, format_bytes

APP_STALLED_NS = 100 * MS_NS
"""An application that touched nothing for so long does not read its sockets either: one sleep of reclaim (own)."""


class Machine:
    """A machine at rest: the ring is full, no page has been touched.

    `luck` draws for freed pages (`contest`). Raises UsageError when settings contradict each other; the message has the
    values.
    """

    def __init__(self, config: MachineConfig, policy: PolicySpec, now_ns: int, luck: Luck | None = None) -> None:
        self.config = config
        self._min_free_pages = config.min_free_pages
        self.policy = policy_of(policy)
        self.policy_spec = policy
        if why := refusal(config, self.policy):
            raise UsageError(why)
        self.pool = PagePool(config.memory_pages, self._marks())
        self.pool.marks.check_boost(config.boost_pages, config.memory_pages)
        self.pool.boost_max_pages = config.boost_pages
        self.allocator = ALLOCATORS[policy.allocator](self.pool, config.cpus, policy.pool_bytes)
        self.network = NetworkMemory()
        self.receiver = self._card(config.nic)
        self.storage = self.receiver
        """Where block packets arrive: the same card, or one of their own."""
        if config.storage_nic:
            self.storage = self._card(config.storage_nic)
        self.receivers = list(dict.fromkeys((self.receiver, self.storage)))
        relay = Relay(config) if config.relay != "none" and not self.policy.local_disk else None
        self.block = BlockInitiator(self.pool, self.allocator, self.network, config.queue_depth, relay)
        self.workload = Workload(
            self.pool, self.block, config.working_set_pages, config.tasks, config.touch_pages_per_s, now_ns
        )
        self.reclaim = Reclaim(self.pool, self.block, self.workload)
        self.contest = Contest(config.contest, luck or Even(), self.pool, self.block, self.workload, self.reclaim)
        self._out: list[Decision] = []
        self._put_in_force()
        for receiver in self.receivers:
            if not receiver.refill(receiver.floor_pages) or self._pool_spent():
                raise UsageError(self._ring_too_large(receiver))

    def _pool_spent(self) -> bool:
        return isinstance(self.allocator, NtaAllocator) and self.allocator.spent

    def _ring_too_large(self, receiver: Receiver) -> str:
        allocator = self.allocator
        if isinstance(allocator, NtaAllocator) and allocator.spent:
            pool_bytes = allocator.shape.pool_pages * PAGE_BYTES
            rings = ", ".join(f"{card.nic.ring_slots} slots of {card.nic.data_bytes} B" for card in self.receivers)
            return (
                f"a packet pool of {format_bytes(pool_bytes)} does not hold the receive ring ({rings}) and a page to write:"
                " make it larger (by default the pools of all CPUs take an eighth of memory)"
            )
        return f"memory of {self.config.memory_pages} pages does not even hold the {receiver.nic.name} receive ring"

    def _card(self, nic: str) -> Receiver:
        return Receiver(NICS[nic], self.pool, self.allocator, self.network, self.config.cpus)

    @property
    def reserve_pages(self) -> int:
        """What the policy in force adds to min."""
        return self.policy.reserve_for(self.policy_spec.allocator, cards=2 if self.config.storage_nic else 1)

    @property
    def sender(self) -> Sender:
        """How the block driver sends under the policy in force."""
        return self.policy.sender_in(self.config.sender)

    def _pool_pages(self) -> int:
        """What packets have of a pool of their own on the CPU that receives, its rings taken off; 0: they have none."""
        allocator = behind(self.allocator)
        if not isinstance(allocator, NtaAllocator):
            return 0
        rings_bytes = sum(card.nic.ring_slots * card.nic.data_bytes for card in self.receivers if not card.fixed_slots)
        return max(0, allocator.shape.pool_pages - -(-rings_bytes // PAGE_BYTES))

    def _marks(self) -> Watermarks:
        return Watermarks.of(self._min_free_pages + self.reserve_pages, self.config.memory_pages)

    def _put_in_force(self) -> None:
        self._marks_in_force = self.pool.marks
        cap_pages = self.policy.network_cap_pages(self.config.memory_pages, self._pool_pages())
        self.network.set_cap(cap_pages, self.policy_spec.socket_floor_bytes, self.policy.forces_first())
        for receiver in self.receivers:
            receiver.set_policy(self.policy, capped=cap_pages > 0)
        self.block.set_rights(self.policy, self.sender)

    # ---- in

    def receive(
        self, socket: int, size_bytes: int, segments: int, now_ns: int, acked_bytes: int | None = None
    ) -> Verdict:
        """One inbound packet for `socket` (BLOCK_SOCKET, a junk socket's number, NO_SOCKET or ICMP).

        `size_bytes` is the IP packet's length, `segments` how many wire packets it stands for (GSO). On packets of the
        block connection `acked_bytes` is how much of the block stream the peer has acknowledged.
        """
        receiver = self.storage if socket == BLOCK_SOCKET else self.receiver
        verdict = receiver.packet(socket, size_bytes, segments, now_ns)
        if acked_bytes is not None and verdict:
            self.block.acked(acked_bytes, now_ns)
        return verdict

    def receive_many(self, sockets: Sequence[int], size_bytes: int, packets: int, now_ns: int, first: int = 0) -> int:
        """`packets` equal junk packets of one segment, one after another, for `sockets` in turn from index `first` on.

        Exactly what as many calls of `receive` would do; answers how many were accepted.
        """
        return receive_train(self.receiver, sockets, size_bytes, packets, now_ns, first)

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
                self._change(self.policy_spec, min_free_pages, written=True)

    def completed(self, requests: Sequence[int], error: int, now_ns: int) -> None:
        """The target answered `requests`, all with `error`: exactly what as many `Completed` would do."""
        for number in requests:
            self._completed(number, error, now_ns)

    def _completed(self, number: int, error: int, now_ns: int) -> None:
        request = self.block.complete(number, now_ns)
        if request is None:
            return
        page = request.page
        if error:
            self._out.append(Notice(IoError(page=page, write=request.is_write, errno=error)))
        if request.is_write and error and not self.workload.dead:
            self.workload.write_failed(page)
        elif request.is_write:
            self.workload.written(page)
            if self.workload.tells_pages:
                self._out.append(Discard(page))
        elif error or self.workload.dead:
            self._read_lost(page)
        else:
            self.workload.read(page, now_ns, self._out)

    def _read_lost(self, page: int) -> None:
        """A page that does not come back kills its application (SIGBUS), or was already of no use."""
        self.workload.lost(page)
        self._out.append(Discard(page))
        self._kill()

    def _kill(self) -> None:
        self._out.extend(Discard(page) for page in self.workload.kill())

    def _change(self, spec: PolicySpec, min_free_pages: int, *, written: bool = False) -> None:
        """`written`: vm.min_free_kbytes was, be it with the value that it had."""
        policy = policy_of(spec)
        if not can_change(self.policy_spec.allocator, spec.allocator):
            raise UsageError(
                f"the packet allocator cannot change so in a running machine"
                f" ('{self.policy_spec.allocator}' is in use, '{spec.allocator}' was asked): start a new run"
            )
        if spec.pool_bytes != self.policy_spec.pool_bytes:
            raise UsageError("the packet pools of a running machine were set aside when it started: start a new run")
        if policy.local_disk != self.policy.local_disk:
            raise UsageError(
                f"a running machine cannot change its swap disk"
                f" (policy '{self.policy.name}' to '{spec.name}'): start a new run"
            )
        if why := refusal(self.config, policy):
            raise UsageError(why)
        before = self.policy, self.policy_spec, self._min_free_pages
        self.policy, self.policy_spec, self._min_free_pages = policy, spec, min_free_pages
        try:
            marks = self._marks()
        except UsageError:
            self.policy, self.policy_spec, self._min_free_pages = before
            raise
        if written or marks.min_pages != self.pool.marks.min_pages:
            self._mark(marks)
        allocator = behind(self.allocator)
        if isinstance(allocator, FallbackAllocator):
            allocator.serve(spec.allocator)
        self._put_in_force()

    def _mark(self, marks: Watermarks) -> None:
        """Sets all marks anew: a boost of before is gone (__setup_per_zone_wmarks: mm/page_alloc.c of 6.12), and the next
        is at most what a kernel makes of these."""
        self.pool.marks = marks
        self.pool.boost_max_pages = min(self.config.boost_pages, marks.boost_most_pages(self.config.memory_pages))

    # ---- out

    def poll(self, now_ns: int) -> list[Decision]:
        """Lets every actor work that can; the decisions since the last poll, in order."""
        if self.pool.marks is not self._marks_in_force:  # a boost came or went
            self._put_in_force()
        for receiver in self.receivers:
            receiver.run_timers(now_ns)
        if self.block.relay is not None and self.block.unsent:
            self.block.send(now_ns, self._out)  # a page that came back goes to the process first (relay, at its best)
        self.contest.settle(now_ns, self._out)
        while self.workload.run(now_ns, self._out):
            self.contest.settle(now_ns, self._out)
        if self.reclaim.run(now_ns, self._out):
            self._oom()
        if self.block.timer.expired(now_ns):
            self._out.append(Retransmit())
        out, self._out = self._out, []
        return out

    def _oom(self) -> None:
        self.reclaim.oom_kills += 1
        free, least = self.pool.free, self.pool.marks.min_pages
        self._out.append(Notice(OutOfMemory(whose="modelled", free_pages=free, min_pages=least)))
        self._kill()

    def next_deadline_ns(self) -> int | None:
        """Poll again no later than this; None: only after the next input."""
        soonest = sooner(self.workload.next_deadline_ns(), self.block.timer.deadline_ns)
        for receiver in self.receivers:
            soonest = sooner(soonest, receiver.next_deadline_ns())
        return soonest

    # ---- reports

    def signature(self, now_ns: int) -> tuple[object, ...]:
        """See `signature.signature_of`: where it differs, so does the state."""
        return signature_of(self, now_ns)

    def app_running(self, now_ns: int) -> bool:
        """Does the application get anywhere, and so read its sockets?"""
        return not self.workload.dead and now_ns - self.workload.last_progress_ns < APP_STALLED_NS

    def waits(self) -> tuple[Wait, ...]:
        """The wait-for graph of the moment."""
        return wait_graph.waits(self.workload, self.reclaim, self.block, self.storage, self.receiver)

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
        marks, rx = self.pool.marks, self.receivers
        return Stats(
            policy=self.policy.name,
            state=self._state(now_ns),
            total_pages=self.pool.total,
            free_pages=self.pool.free,
            min_pages=marks.min_pages,
            low_pages=marks.low_pages - marks.boost_pages,
            high_pages=marks.high_pages - marks.boost_pages,
            boost_pages=marks.boost_pages,
            reserve_used_pages=max(0, marks.min_pages - lowest),
            free_pages_lowest=lowest,
            dirty_pages=len(self.workload.resident),
            writeback_pages=self.block.writes,
            packet_pages=self.allocator.pages + self.block.kernel.pages,
            in_flight=len(self.block.requests),
            swap_in_pages=self.workload.swap_in_pages,
            swap_out_pages=self.workload.swap_out_pages,
            rx_packets=sum(card.rx_packets for card in rx),
            rx_alloc_failures=sum(card.alloc_failures for card in rx),
            ring_free_slots=sum(card.free_slots() for card in rx),
            early_drops=sum(card.early_drops for card in rx),
            rcvbuf_drops=sum(card.rcvbuf_drops for card in rx),
            no_buffer_drops=sum(card.no_buffer_drops for card in rx),
            block_drops=sum(card.block_drops for card in rx),
            junk_held_bytes=self.receiver.held_bytes,
            junk_packets=self.receiver.junk_packets,
            progress_pages=self.workload.progress_pages,
            progress_age_ns=now_ns - self.workload.last_progress_ns,
            app_running=self.app_running(now_ns),
            oom_kills=self.reclaim.oom_kills,
        )
