"""A small virtual-time driver for the machine: one target, one flood, a peer that retransmits. For tests only.

Everything that is not the machine is as plain as can be: the target serves one request after another, `service_ns` each;
a refused reply comes again after an RTO that doubles from 200 ms; junk comes at an even pace.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from nodes.config import MachineConfig, PolicySpec
from nodes.machine.checks import check, guard_floors
from nodes.machine.events import BLOCK_SOCKET, Completed, Notice, ReadIn, Verdict, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.units import SECOND_NS

RTO_NS = SECOND_NS // 5
ACK_BYTES, READ_BYTES = 66, 4178


class VirtualDriver:
    """Runs a machine from 0 ns. `checked` runs all invariants after every step."""

    def __init__(
        self,
        config: MachineConfig,
        policy: str | PolicySpec,
        *,
        rtt_ns: int = 400_000,
        service_ns: int = 0,
        checked: bool = False,
    ) -> None:
        self.machine = Machine(config, spec_of(policy) if isinstance(policy, str) else policy, 0)
        self.rtt_ns, self.service_ns, self.checked, self.now_ns = rtt_ns, service_ns, checked, 0
        self._served_ns = 0
        if checked:
            guard_floors(self.machine)
        self.notices: list[Notice] = []
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._wakeup_ns = -1

    def at(self, time_ns: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (time_ns, next(self._order), act))

    def flood(
        self, rate_pps: int, size_bytes: int, sockets: int, rcvbuf_bytes: int, start_ns: int, stop_ns: int
    ) -> None:
        """Junk to sockets that nobody reads."""
        numbers = [self.machine.open_socket(rcvbuf_bytes) for _ in range(sockets)]
        gap_ns = SECOND_NS // rate_pps

        def packet(i: int, time_ns: int) -> None:
            self.machine.receive(numbers[i % sockets], size_bytes, 1, time_ns)
            if time_ns + gap_ns < stop_ns:
                self.at(time_ns + gap_ns, lambda: packet(i + 1, time_ns + gap_ns))

        self.at(start_ns, lambda: packet(0, start_ns))

    def run(self, until_ns: int) -> None:
        self._poll()
        while self._heap and self._heap[0][0] <= until_ns:
            self.now_ns, _, act = heapq.heappop(self._heap)
            act()
            self._poll()
            if self.checked:
                check(self.machine)
        self.now_ns = until_ns

    def _poll(self) -> None:
        for decision in self.machine.poll(self.now_ns):
            if isinstance(decision, WriteOut | ReadIn):
                size = ACK_BYTES if isinstance(decision, WriteOut) else READ_BYTES
                self._served_ns = max(self._served_ns, self.now_ns + self.rtt_ns // 2) + self.service_ns
                self._reply_at(self._served_ns + self.rtt_ns // 2, decision.request, size, RTO_NS)
            elif isinstance(decision, Notice):
                self.notices.append(decision)
        deadline = self.machine.next_deadline_ns()
        if deadline is not None and not self.now_ns < self._wakeup_ns <= deadline:
            self._wakeup_ns = max(deadline, self.now_ns + 1)
            self.at(self._wakeup_ns, lambda: None)

    def _reply_at(self, time_ns: int, request: int, size_bytes: int, rto_ns: int) -> None:
        def arrive() -> None:
            segments = 1 if size_bytes < 1500 else 3
            local = self.machine.block.local
            if local or self.machine.receive(BLOCK_SOCKET, size_bytes, segments, time_ns) is Verdict.ACCEPT:
                self.machine.handle(Completed(request), time_ns)
            else:
                self._reply_at(time_ns + rto_ns, request, size_bytes, min(2 * rto_ns, 120 * SECOND_NS))

        self.at(time_ns, arrive)
