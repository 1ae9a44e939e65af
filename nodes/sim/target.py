"""The storage target: one disk that serves its requests one after another, with a latency on top that requests share.

The disk's rate is serial (nbdkit's rate filter), the latency is not (its delay filter waits in a thread per request).
"""

from __future__ import annotations

from errno import EIO
from random import Random
from typing import TYPE_CHECKING

from nodes.config import TargetSpec
from nodes.machine.merge import Transfer
from nodes.messages import Sample
from nodes.sim.loop import Loop
from nodes.sim.streams import spread_ns
from nodes.units import PAGE_BYTES, SECOND_NS

if TYPE_CHECKING:
    from nodes.sim.connection import Connection


class Disk:
    """Serves transfers in order at `rate_bps` (0: at once), each with a latency of its own behind that."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._busy_ns = 0
        self.spec = TargetSpec()

    def done_ns(self, now_ns: int, pages: int) -> int:
        """When a request of `pages` that comes now is done."""
        spec = self.spec
        begin_ns = max(self._busy_ns, now_ns)
        if spec.rate_bps:
            begin_ns += pages * PAGE_BYTES * 8 * SECOND_NS // spec.rate_bps
        self._busy_ns = begin_ns
        return begin_ns + spread_ns(spec.latency_ns, spec.latency_spread, self._random)

    def fails(self) -> bool:
        """Whether this request is answered with an error."""
        return self.spec.error_ratio > 0 and self._random.random() < self.spec.error_ratio


class Target:
    """A server of several connections. `answered` and the like count pages."""

    def __init__(self, name: str, spec: TargetSpec, loop: Loop, random: Random) -> None:
        self.name, self._loop = name, loop
        self.disk = Disk(random)
        self.disk.spec = spec
        self.requests_served = 0
        self.in_flight = 0
        self.connections: list[Connection] = []
        self._held: list[tuple[Connection, Transfer, int]] = []
        """Done while it was stalled."""

    @property
    def spec(self) -> TargetSpec:
        return self.disk.spec

    def take(self, connection: Connection, transfer: Transfer) -> None:
        """A request has arrived."""
        if self.spec.down:
            return
        self.in_flight += transfer.pages
        done_ns = self.disk.done_ns(self._loop.now_ns, transfer.pages)
        self._loop.at(done_ns, connection.done, transfer, connection.epoch)

    def finish(self, connection: Connection, transfer: Transfer) -> None:
        """A request is done: it is answered, unless the target is stalled."""
        if self.spec.stalled:
            self._held.append((connection, transfer, connection.epoch))
            return
        self.in_flight -= transfer.pages
        self.requests_served += transfer.pages
        connection.reply(transfer, EIO if self.disk.fails() else 0)

    def change(self, spec: TargetSpec) -> None:
        """Another spec from now on. A server that goes down loses its connections and all that it was doing; the data
        stay."""
        before, self.disk.spec = self.spec, spec
        if spec.down and not before.down:
            self._held.clear()
            self.in_flight = 0
            for connection in self.connections:
                connection.lose()
        if before.down and not spec.down:
            for connection in self.connections:
                connection.reconnect_soon()
        if not spec.stalled:
            held, self._held = self._held, []
            for connection, transfer, epoch in held:
                if epoch == connection.epoch:
                    self.finish(connection, transfer)

    def sample(self, run: str) -> Sample:
        """The present measurements."""
        state = "down" if self.spec.down else "stalled" if self.spec.stalled else "serving"
        return Sample(
            t_ns=self._loop.now_ns,
            node=self.name,
            run=run,
            tier="sim",
            state=state,
            in_flight=self.in_flight,
            requests_served=self.requests_served,
        )
