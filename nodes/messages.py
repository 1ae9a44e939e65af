"""The control plane's messages and topics: typed, JSON, one encoding for every role.

Topics are `netreserve/<role>/<node>/<leaf>`; the broker's ACL lets a node publish below its own prefix only.

    desired    retained, controller -> node   Desired: all that the node is to be
    reported   retained, node -> controller   Reported: what is in force, read back, and for which `seq`
    status     retained, node, last will      Status
    sample     10 Hz, node -> controller      Sample
    event      node -> controller             Event

`t_ns` is always Unix time in nanoseconds (containers share their host's clock).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from nodes.config import OPEN_LINK, Shape, Spec
from nodes.eventkinds import Detail, detail_of

ROOT = "netreserve"
SAMPLE_INTERVAL_NS = 100_000_000
"""10 Hz: fine enough to see a 2 s driver watchdog, coarse enough for 16 nodes on one core (own)."""

Role = Literal["initiator", "target"]
Leaf = Literal["desired", "reported", "status", "sample", "event"]


def topic(role: str, node: str, leaf: str) -> str:
    """The topic of a node's `leaf`; `+` for role or node subscribes to all."""
    return f"{ROOT}/{role}/{node}/{leaf}"


class Desired(Struct, frozen=True, kw_only=True):
    """What a node is to be. A new `run` starts it afresh (new machine, new pages, new connection); within a run, only
    what differs from before is changed, live."""

    seq: int
    """Grows with each message; the node's `Reported.seq` answers it."""
    run: str
    spec: Spec
    shape: Shape = OPEN_LINK


class Reported(Struct, frozen=True, kw_only=True):
    """The node's answer: the values read back from the running system after the change, never an echo of the request."""

    node: str
    seq: int
    run: str
    t_ns: int
    spec: Spec | None = None
    """What is in force; None while the node could not be set up."""
    shape: Shape = OPEN_LINK
    means: dict[str, str] = {}
    """How each shape value is done here: `{"rate": "tbf", "delay": "nfqueue hold", "loss": "nfqueue"}`."""
    measured: dict[str, float] = {}
    """Measurements made after the change: `rtt_ns_p50`, `cgroup_limit_bytes`, ..."""
    error: str = ""
    """Why the request is not in force (one line); empty when it is."""
    exit_code: int = 0
    """Of that reason (`nodes.errors`); 0 without one."""
    setting: str = ""
    """The one at fault, where the node knows it, e.g. `kernel`."""


class Status(Struct, frozen=True, kw_only=True):
    """Whether a node is there. The broker publishes `offline` for a node that died (last will); a hung node stays
    `online` and its samples stop."""

    node: str
    role: Role
    state: Literal["online", "offline", "unable"]
    reason: str = ""
    """For `unable`: what the machine lacks, one line."""
    address: str = ""
    """On the data network."""
    tier: str = ""
    """Of an initiator: `container` or `kernel`."""
    t_ns: int = 0


class Sample(Struct, frozen=True, kw_only=True):
    """One measurement of a node. The same fields in every tier (design, section 3). `COUNTERS` count from the beginning of
    the node's setting; in a record, from the beginning of the run."""

    t_ns: int
    node: str
    run: str
    tier: str = "container"
    policy: str = ""
    state: str = ""
    """What the node is doing: `running`, `faulting`, `reclaiming`, `throttled`, `stuck`, `idle`, `dead`;
    a target: `serving`, `stalled`, `down`."""
    free_pages: int = 0
    min_pages: int = 0
    low_pages: int = 0
    high_pages: int = 0
    """The three marks without what `boost_pages` adds to them."""
    reserve_used_pages: int = 0
    """The deepest draw below min since the last sample."""
    dirty_pages: int = 0
    writeback_pages: int = 0
    in_flight: int = 0
    """Block requests sent and not answered."""
    swap_in_pages: int = 0
    swap_out_pages: int = 0
    rx_packets: int = 0
    rx_alloc_failures: int = 0
    ring_free_slots: int = 0
    """Receive descriptors with a buffer behind them."""
    early_drops: int = 0
    """Marked packets dropped at a socket that may not use the reserve."""
    rcvbuf_drops: int = 0
    no_buffer_drops: int = 0
    """Packets lost because the ring was empty."""
    block_drops: int = 0
    """Packets of the block connection among all drops."""
    junk_held_bytes: int = 0
    junk_packets: int = 0
    progress_pages: int = 0
    """Pages the application has touched again, after it populated its working set."""
    progress_age_ns: int = 0
    """Since the last touched page."""
    corrupt_pages: int = 0
    verified_pages: int = 0
    pump_drops: int = 0
    """Packets the kernel dropped because the NFQUEUE was full: harness loss, not the machine's decision."""
    rss_bytes: int = 0
    cpu_ns: int = 0
    requests_served: int = 0
    """A target's: pages read and written for its initiators (a request may carry several)."""
    boost_pages: int = 0
    """By so much each of the three marks is raised for a while, since memory is fragmented (vm.watermark_boost_factor;
    physics.md section 2). In the modelled tiers at most what the scenario says, by default 0."""
    pcp_pages: int = 0
    """Free pages in a real kernel's per-CPU lists, which `free_pages` does not count. 0 in the other tiers."""


COUNTERS = (
    "swap_in_pages",
    "swap_out_pages",
    "rx_packets",
    "rx_alloc_failures",
    "early_drops",
    "rcvbuf_drops",
    "no_buffer_drops",
    "block_drops",
    "junk_packets",
    "progress_pages",
    "corrupt_pages",
    "verified_pages",
    "pump_drops",
    "cpu_ns",
    "requests_served",
)
"""The fields of a sample that only grow; the others are of their moment."""


def counted_since(first: Sample, sample: Sample) -> Sample:
    """`sample` with its counters counting from `first` on, an earlier sample of the same node."""
    grown = {name: getattr(sample, name) - getattr(first, name) for name in COUNTERS}
    return msgspec.structs.replace(sample, **grown)


if TYPE_CHECKING:
    _Detail = Detail
else:
    _Detail = Any  # as it is read: plain values, of which the event makes its kind's record


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened at a node or in the controller: when, where, and what (`nodes.eventkinds`).

    Written as `{"t_ns", "node", "run", "kind", "detail"}`, in messages and files alike, and read back as the same. `console`
    and `telemetry` carry what a guest printed; the recorder writes them to files of their own, not among the events.
    """

    t_ns: int
    node: str
    run: str
    kind: str = ""
    """The detail's own; not to be given."""
    detail: _Detail

    def __post_init__(self) -> None:
        detail: object = self.detail
        if not isinstance(detail, Detail):
            msgspec.structs.force_setattr(self, "detail", detail_of(self.kind, detail))
        msgspec.structs.force_setattr(self, "kind", self.detail.kind)


M = TypeVar("M")


def encode(message: Struct) -> bytes:
    """`message` as JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes | bytearray, kind: type[M]) -> M:
    """The message of type `kind` in `payload`. Raises msgspec.ValidationError or DecodeError (both ValueErrors)."""
    return msgspec.json.decode(payload, type=kind)
