"""What goes into a machine and what comes out of it, as frozen records.

Packets do not stand here: they are the hot path and have a method of their own, `Machine.receive`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct

from nodes.config import PolicySpec
from nodes.eventkinds import Detail

NO_SOCKET = -1
"""Flow of a packet for which no socket is open."""
ICMP = -2
"""Flow of an ICMP packet: delivered to no socket."""
BLOCK_SOCKET = 0
"""The paging socket: always open, the one that policies may flag."""

WRITE_HEADER_BYTES = 28
"""An NBD request header (physics.md section 1, step 7; include/uapi/linux/nbd.h)."""
REPLY_BYTES = 16


class Verdict(IntEnum):
    """What becomes of a packet. The numbers are netfilter's NF_DROP and NF_ACCEPT."""

    DROP = 0
    ACCEPT = 1


# ---- in


class Completed(Struct, frozen=True):
    """The target answered a request. `error` is an errno, 0 for success."""

    request: int
    error: int = 0


@dataclass(frozen=True, slots=True)
class SocketRead:
    """The application read from a junk socket: `packets` of the oldest, or all that are queued (None)."""

    socket: int
    packets: int | None = None


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The block connection was made anew: everything in flight is sent again, byte counts start at 0."""


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """Another policy is to be in force from now on, with what is allocated left where it is."""

    policy: PolicySpec


@dataclass(frozen=True, slots=True)
class MinFreeChanged:
    """vm.min_free_kbytes was written."""

    min_free_pages: int


MachineEvent = Completed | SocketRead | Reconnected | PolicyChanged | MinFreeChanged

# ---- out


class Touch(Struct, frozen=True):
    """The application dirtied `page`, for the `generation`-th time: the driver writes the pattern into real memory."""

    page: int
    generation: int


class WriteOut(Struct, frozen=True):
    """Send `page` (holding `generation`) to its slot on the swap device as request number `request`."""

    request: int
    page: int
    generation: int


class ReadIn(Struct, frozen=True):
    """Fetch `page` from its slot as request number `request`; it must hold `generation`."""

    request: int
    page: int
    generation: int


class Discard(Struct, frozen=True):
    """The frame of `page` is free again: the driver gives the real memory back."""

    page: int


@dataclass(frozen=True, slots=True)
class Retransmit:
    """The block connection's oldest unacknowledged bytes are to be sent again. For drivers that carry packets themselves;
    where a real TCP does, its own timer acts and this is to be ignored."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a line in the run's events."""

    detail: Detail


Decision = Touch | WriteOut | ReadIn | Discard | Retransmit | Notice

# ---- reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Everything a report may read of a machine. Names are those of `nodes.messages.Sample`; counters only grow."""

    policy: str
    state: str
    total_pages: int
    free_pages: int
    min_pages: int
    low_pages: int
    high_pages: int
    boost_pages: int
    """By so much all three are raised now."""
    reserve_used_pages: int
    free_pages_lowest: int
    """Since the last call of `Machine.stats` (which starts the count again); `reserve_used_pages` is derived from it."""
    dirty_pages: int
    writeback_pages: int
    packet_pages: int
    """Pages behind packet memory: ring, queued junk, tx copies, slab slack, and bios."""
    in_flight: int
    swap_in_pages: int
    swap_out_pages: int
    rx_packets: int
    rx_alloc_failures: int
    ring_free_slots: int
    early_drops: int
    rcvbuf_drops: int
    no_buffer_drops: int
    block_drops: int
    junk_held_bytes: int
    junk_packets: int
    progress_pages: int
    progress_age_ns: int
    app_running: bool
    """False while the application is stalled: its sockets are then not read."""
    oom_kills: int
