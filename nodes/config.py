"""What a node is asked to be: plain, frozen, self-checking records in netreserve's own units.

A scenario's quantities are turned into these by the controller; an agent receives them in a `Desired` message
(`nodes.messages`). A relation that does not hold raises ValueError with the values in the message.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nodes.units import PAGE_BYTES

BLOCK_PORT = 10809
"""TCP port of the storage target: NBD's registered port."""
SINK_PORT_FIRST = 9000
"""First port of the junk sinks; a sink with several sockets takes as many consecutive ports."""

SOCKETS_MAX = 16_384
"""Sockets of one sink: three such sinks have room for their ports (own)."""

RATE_BPS_MIN = 8_000
"""A slower tbf overflows its table: 1000 bytes per second (own)."""
RATE_BPS_MAX = 8 * (2**32 - 1)
"""tc's rates are 32-bit bytes per second: 34.4 Gbit/s."""
RCVBUF_BYTES_MAX = 1 << 30
"""The kernel cuts what is asked for to INT_MAX / 2 and doubles it (__sock_set_rcvbuf, net/core/sock.c)."""

Reader = Literal["stalled", "app", "fast"]
"""Who empties a junk socket: nobody; the application, while it is not itself waiting for memory; or at once."""

Transport = Literal["nbd", "nvme"]
"""How a guest's swap device reaches the storage target: the kernel's NBD client, or NVMe over TCP."""
Work = Literal["write", "read"]
"""What the application does with its pages: writes each whole, or writes them once and reads them ever after."""
Pages = Literal["anonymous", "files"]
"""What the application's pages are: memory of its own, which is swapped, or those of files on the target's disk."""
Caps = Literal["lifted", "kernel"]
"""The kernel's limits of network memory (udp_mem, tcp_mem, tcp_rmem): out of the way, or as the kernel chose them."""

Sender = Literal["submitter", "noio", "memalloc"]
"""With which rights a kernel's block driver sends: `nodes.machine.senders` has their rules and sources."""

Relay = Literal["none", "initiator", "target"]
"""What a process does that all block I/O of its own machine passes through: it is the initiator, in user space; or it is the
storage target, on the same host."""

ContestRule = Literal["lottery", "oldest", "tasks", "sender"]
"""Who gets a freed page, of those who wait for one: `nodes.machine.contest`."""

Era = Literal["2006", "today"]
"""Whose time a policy is of, where it was one thing then and is another in kernels now."""

Spread = Literal["fixed", "exponential", "lognormal"]
"""How a storage target's latency is spread over its requests."""


class MachineConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A modelled machine. Raises ValueError (through msgspec: ValidationError) when relations do not hold."""

    memory_pages: int = 16384
    """All pages of the pool: min < low < high < memory_pages must hold."""
    min_free_pages: int = 256
    """The min watermark, before a policy's own reserve is added (vm.min_free_kbytes / 4)."""
    nic: str = "e1000e"
    """Name of a NIC model in `nodes.machine.nic`."""
    working_set_pages: int = 24576
    """Pages the application dirties in a loop; each has one slot on the swap device."""
    touch_pages_per_s: int = 2000
    """How fast the application touches pages; 0 means as fast as it can."""
    tasks: int = 4
    """Threads of the application; they share one loop over the working set."""
    queue_depth: int = 128
    """Block requests in flight at most (nbd's default: physics.md section 1, step 4)."""
    cpus: int = 2
    """Packets are received on CPU 0; a socket's reader runs on CPU (socket number modulo cpus)."""
    sender: Literal[Sender, ""] = ""
    """How the block driver sends under a policy that leaves it as it is; empty: as it did in the policy's time."""
    boost_pages: int = 0
    """By so much the watermarks are raised at most once memory is fragmented; 0, as in kernels before 5.0: never."""
    contest: ContestRule = "lottery"
    """Who gets a freed page: one drawn by lot, who had none for the longest, the tasks first, or the sender first."""
    storage_nic: str = ""
    """Model of a second card that carries block traffic alone; empty: block traffic and junk share `nic`."""
    relay: Relay = "none"
    relay_locked: bool = False
    """That process has locked its memory (mlockall) ..."""
    relay_flusher: bool = False
    """... and has told the kernel what it is (PR_SET_IO_FLUSHER)."""

    def __post_init__(self) -> None:
        for name in ("memory_pages", "min_free_pages", "working_set_pages", "tasks", "queue_depth", "cpus"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        if self.touch_pages_per_s < 0:
            raise ValueError(f"touch_pages_per_s is {self.touch_pages_per_s}: 0 (no limit) or more is needed")
        if self.boost_pages < 0:
            raise ValueError(f"boost_pages is {self.boost_pages}: 0 (none) or more is needed")


class PolicySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy by name (`nodes.machine.policies`), with the packet allocator it is to use where it leaves a choice."""

    name: str
    allocator: str = "slab"
    socket_floor_bytes: int = 0
    """Where network memory has a cap: what every socket may hold above it (tcp_mem's 4 KiB per socket, if it survived the
    limit)."""
    pool_bytes: int = 0
    """Where packets have pools of their own: the pool of each CPU, set aside when the machine starts. 0: in proportion to
    memory (`nodes.machine.allocators.nta.NtaShape.scaled`)."""
    era: Literal[Era, ""] = ""
    """For policies that have several (`netmem`); empty: their first."""
    head_reserve: bool = False
    """netreserve's own extension, in no kernel: sk_buff heads may come from the reserve, too, while the block socket is
    flagged. For policies that flag it."""


class Sink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Junk sinks of one kind: `sockets` of them on consecutive ports from `port`."""

    kind: Literal["udp", "tcp", "http"]
    port: int
    sockets: int = 1
    reader: Reader = "app"
    rcvbuf_bytes: int = 212_992
    """Receive buffer of each socket, modelled and real (physics.md section 8: rmem_max's default)."""

    def __post_init__(self) -> None:
        if not 1 <= self.sockets <= SOCKETS_MAX:
            raise ValueError(f"sockets is {self.sockets}: 1 to {SOCKETS_MAX} are possible")
        if self.rcvbuf_bytes < PAGE_BYTES:
            raise ValueError(f"rcvbuf_bytes is {self.rcvbuf_bytes}: at least {PAGE_BYTES} is needed")
        if self.rcvbuf_bytes > RCVBUF_BYTES_MAX:
            raise ValueError(f"rcvbuf_bytes is {self.rcvbuf_bytes}: at most {RCVBUF_BYTES_MAX} is possible")


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a node's data link treats each direction. In a request, None leaves a value as it is; in force none is None."""

    rate_bps: int | None = None
    """Bits per second on what the node sends; 0 is unlimited."""
    delay_ns: int | None = None
    """One way; each end of a link adds it once per direction, so a round trip takes twice this."""
    jitter_ns: int | None = None
    loss_ratio: float | None = None
    reorder_ratio: float | None = None
    duplicate_ratio: float | None = None
    cut: bool | None = None
    """True while the cable is pulled: nothing passes in either direction."""

    def __post_init__(self) -> None:
        for name in ("rate_bps", "delay_ns", "jitter_ns"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: 0 or more is needed")
        for name in ("loss_ratio", "reorder_ratio", "duplicate_ratio"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: 0 to 1 is possible")


class Queueing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only a simulated link can be told."""

    queue_packets: int = 1000
    """Packets that wait for each link at most (a device's txqueuelen); the next is lost."""
    loss_burst_packets: int = 1
    """Mean length of a burst of losses (Gilbert's two-state model); 1: each packet is lost or not by itself."""

    def __post_init__(self) -> None:
        for name in ("queue_packets", "loss_burst_packets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: at least 1 is needed")


OPEN_LINK = Shape(
    rate_bps=0, delay_ns=0, jitter_ns=0, loss_ratio=0.0, reorder_ratio=0.0, duplicate_ratio=0.0, cut=False
)
"""A link that does nothing to its packets."""


class GuestSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only a real kernel can be told (tier kernel); the modelled machine takes no notice."""

    kernel: str = ""
    """Name of a kernel in the image, such as `trixie-amd64`; empty: the image's default."""
    transport: Transport = "nbd"
    work: Work = "write"
    caps: Caps = "lifted"
    boost_factor: int | None = None
    """vm.watermark_boost_factor, in ten-thousandths of the high mark; None: the kernel's own."""
    pages: Pages = "anonymous"
    cgroup_pages: int | None = None
    """Limit on the memory of the application's control group, which the storage socket is charged to; None: no group."""
    relay: bool = False
    """A process carries the block device's bytes to the target and back: an initiator in user space."""
    relay_locked: bool = False
    """It has locked its memory (mlockall) ..."""
    relay_flusher: bool = False
    """... and told the kernel that it serves storage (PR_SET_IO_FLUSHER)."""

    def __post_init__(self) -> None:
        for name in ("relay_locked", "relay_flusher"):
            if getattr(self, name) and not self.relay:
                raise ValueError(f"{name} is true, but there is no relay: relay: true is needed")


class InitiatorSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="initiator"):
    """All that an initiator is to be during one run."""

    machine: MachineConfig
    policy: PolicySpec
    sinks: tuple[Sink, ...] = ()
    sinks_opened: int = 0
    """How often the sinks were opened anew: with another number, a running machine closes its junk sockets, with all that
    lies in them, and opens them again (tier container)."""
    target: str = ""
    """Address of the storage target on the data network, `host:port`. Empty: the machine idles."""
    swap_offset_bytes: int = 0
    """Where this initiator's swap area begins on the target's disk (several initiators may share one)."""
    guest: GuestSpec = GuestSpec()


class TargetSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="target"):
    """All that a storage target is to be. Size, latency and another share of errors (not errors on or off) cost a
    reconnect; everything else changes without one."""

    size_bytes: int = 256 << 20
    latency_ns: int = 0
    """Added to each read and write (nbdkit's delay filter)."""
    rate_bps: int = 0
    """Bits per second through nbdkit's rate filter; 0 is unlimited."""
    error_ratio: float = 0.0
    """Share of requests answered EIO (nbdkit's error filter)."""
    latency_spread: Spread = "fixed"
    """How `latency_ns`, the mean, is spread over requests."""
    stalled: bool = False
    """True: requests are accepted and not answered."""
    down: bool = False
    """True: the server is gone; its clients reconnect when it is back."""


Spec = InitiatorSpec | TargetSpec


class NodeSetup(Struct, frozen=True, kw_only=True):
    """What a node of a testbed is at the start of a run: its spec, its links, and whom it swaps to."""

    name: str
    spec: Spec
    shape: Shape
    """Of the link that everything comes through which is not block traffic of a second card. A target has this one alone: it
    is that of the network which its initiators reach it over."""
    target: str = ""
    """The name of an initiator's storage target."""
    storage_shape: Shape | None = None
    """Of an initiator's second card's link, which carries block traffic alone; None: `shape` carries everything."""
