"""The module's lines become a Sample: newest figures, what changed since when, and how long the guest is silent."""

from __future__ import annotations

from msgspec.structs import replace

from nodes.kernel.channel import Channel, Stamped
from nodes.kernel.protocol import Telemetry, parse_telemetry
from nodes.messages import Sample
from nodes.units import PAGE_BYTES, SECOND_NS

STUCK_AFTER_NS = SECOND_NS
"""As the other tiers' (`nodes.machine.watch`)."""
SILENT_AFTER_NS = 3 * SECOND_NS
"""Telemetry comes from a timer's interrupt: a guest that is silent for so long is not run by its host, or has its
interrupts off (own)."""


class Feed:
    """What the module of a guest with so many application `tasks` has told so far; with `files` pages go to files and come
    from there, not from swap. Times are those of the host's clock, ns since 1970."""

    def __init__(self, tasks: int = 1, *, files: bool = False) -> None:
        self._tasks, self._files = tasks, files
        self.channel = Channel(self._line)
        self.newest = Telemetry()
        self.heard_ns = 0
        """When the newest line came; 0: none yet."""
        self.when_moved = Telemetry()
        """The line in which the application's last page showed."""
        self.torn = 0
        """Lines that could not be read: the channel broke them."""
        self._pages = 0
        self._moved_ns = 0
        self._deepest_pages = 0

    def begin(self, now_ns: int) -> None:
        """The application starts: progress ages from now on."""
        self._moved_ns, self.when_moved = now_ns, self.newest

    def age_ns(self, now_ns: int) -> int:
        """Since the application last touched a page, as far as telemetry tells (its period is the error). A short silence
        does not count: then the host did not let the guest run."""
        if not self._moved_ns:
            return 0
        until_ns = now_ns if self.silent_ns(now_ns) > SILENT_AFTER_NS else self.heard_ns
        return max(0, until_ns - self._moved_ns)

    def silent_ns(self, now_ns: int) -> int:
        """Since the newest line."""
        return max(0, now_ns - self.heard_ns) if self.heard_ns else 0

    def state(self, now_ns: int) -> str:
        """`running`, `stuck`, or `dead` when all of the application has ended."""
        if self.newest.dead >= self._tasks:
            return "dead"
        return "stuck" if self.age_ns(now_ns) > STUCK_AFTER_NS else "running"

    def measured(self, sample: Sample) -> Sample:
        """`sample` with the newest figures; the deepest draw counts from the last call on."""
        now, new = sample.t_ns, self.newest
        deepest, self._deepest_pages = self._deepest_pages, 0
        return replace(
            sample,
            state=self.state(now),
            free_pages=new.free,
            min_pages=new.min,
            low_pages=new.low,
            high_pages=new.high,
            boost_pages=new.boost,
            pcp_pages=new.pcp,
            reserve_used_pages=deepest,
            dirty_pages=new.dirty,
            writeback_pages=new.writeback,
            in_flight=new.in_flight,
            swap_in_pages=new.read_in if self._files else new.swap_in,
            swap_out_pages=new.written if self._files else new.swap_out,
            rx_packets=new.rx_packets,
            rx_alloc_failures=max(0, new.fail_head) + max(0, new.fail_data),
            early_drops=max(new.filter_drop, new.pfmemalloc_drop) + new.iface_drop,
            rcvbuf_drops=new.rcvbuf_drop,
            no_buffer_drops=new.rx_dropped,
            block_drops=new.block_drop,
            # the kernel counts per processor and adds up in batches, so its sum may be below 0 for a while
            junk_held_bytes=max(0, new.udp_pages + new.tcp_pages) * PAGE_BYTES,
            junk_packets=new.udp_packets,
            progress_pages=new.progress,
            progress_age_ns=self.age_ns(now),
            corrupt_pages=new.corrupt,
            verified_pages=new.verified,
        )

    def _line(self, line: Stamped) -> None:
        t_ns, text = line
        told = parse_telemetry(text)
        if told is None:
            self.torn += bool(text.strip())
            return
        pages = told.progress + told.populated
        if pages != self._pages:
            self._pages = pages
            if self._moved_ns:
                self._moved_ns, self.when_moved = t_ns, told
        lowest = told.free if told.lowest < 0 else min(told.lowest, told.free)
        self._deepest_pages = max(self._deepest_pages, told.min - lowest)
        self.newest, self.heard_ns = told, t_ns
