"""What is known of a machine. Fields that nothing told are None, or empty: no fact is made up."""

from __future__ import annotations

from msgspec import Struct

from controller.inspect.transports import TRANSPORTS, Transport
from nodes.units import PAGE_BYTES


class Zone(Struct, frozen=True, kw_only=True):
    """A zone of /proc/zoneinfo, in pages."""

    node: int
    name: str
    free: int
    min: int
    low: int
    high: int
    present: int
    managed: int
    boost: int = 0


class Memory(Struct, frozen=True, kw_only=True):
    """Memory and the settings that make its marks."""

    total_kib: int | None = None
    available_kib: int | None = None
    swap_total_kib: int | None = None
    zones: tuple[Zone, ...] = ()
    min_free_kib: int | None = None
    watermark_scale: int | None = None
    boost_factor: int | None = None
    overcommit: int | None = None
    huge_pages: bool | None = None
    """Whether transparent huge pages are not off; None: this kernel has none, or nothing told."""
    page_bytes: int = PAGE_BYTES
    """16 KiB on a Raspberry Pi 5, 64 KiB on many POWER and ARM servers."""

    @property
    def min_kib(self) -> int | None:
        """The reserve as the marks have it: the sum of min over all zones."""
        return sum(zone.min for zone in self.zones) * self.page_bytes >> 10 if self.zones else None


class Card(Struct, frozen=True, kw_only=True):
    """A network interface with a driver."""

    name: str
    driver: str = ""
    usb: bool = False
    mtu: int | None = None
    speed_mbit: int | None = None
    queues: int | None = None
    ring_slots: int | None = None
    """As `ethtool -g` says, where it could be asked."""
    offloads: dict[str, bool] = {}
    """As `ethtool -k` says, of those in `network.OFFLOADS`; empty where it could not be asked."""


class Store(Struct, frozen=True, kw_only=True):
    """A swap area, or a file system that can hold dirty pages, and the way to where its pages go."""

    use: str
    """`swap` or `file system`."""
    name: str
    """Its device or file; the mount point of a file system."""
    hops: tuple[str, ...]
    """The way down, e.g. `dm-1 (crypt)`, `nbd0`."""
    transport: str
    """Of the last hop: a name in `transports.TRANSPORTS`."""
    peer: str = ""
    """Address of who serves it; empty: not known, or nobody."""
    same_host: bool | None = None
    """True: this machine serves it itself. None: not known."""
    cards: tuple[Card, ...] = ()
    """The cards that lead to the peer: more than one under a bond or bridge. Empty: not known."""

    @property
    def through(self) -> Transport:
        return TRANSPORTS[self.transport]

    @property
    def way(self) -> str:
        """On one line."""
        layers = [hop for hop in self.hops if hop != self.name.rpartition("/")[2]]
        if layers and layers[0].partition(" ")[0] == self.name.rpartition("/")[2]:
            layers[0] = layers[0].partition(" ")[2].strip("()")
        cards = "/".join(f"{card.name} ({card.driver or 'driver not known'})" for card in self.cards)
        served = "this machine itself" if self.same_host else self.peer
        return " -> ".join(part for part in (self.name, *layers, cards, served) if part)


class Daemon(Struct, frozen=True, kw_only=True):
    """A process that serves storage."""

    pid: int
    name: str
    kernel_thread: bool = False
    io_flusher: bool | None = None
    locked_kib: int | None = None
    swapped_kib: int | None = None
    oom_score_adj: int | None = None
    limit_kib: int | None = None
    """The lowest memory limit of the cgroups around it; None: none, or not known."""
    used_kib: int | None = None
    """Of the cgroup with that limit."""
    command: str = ""


class Sockets(Struct, frozen=True, kw_only=True):
    """What packets may hold, in pages where the name says so."""

    tcp_mem_pages: tuple[int, ...] = ()
    udp_mem_pages: tuple[int, ...] = ()
    tcp_pages: int | None = None
    udp_pages: int | None = None
    rmem_max_bytes: int | None = None


class Past(Struct, frozen=True, kw_only=True):
    """What has happened since boot."""

    pfmemalloc_drops: int | None = None
    throttled: int | None = None
    oom_kills: int | None = None
    stalls: int | None = None


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether a hang would leave a trace that can be read."""

    sysrq: int | None = None
    console_level: int | None = None
    consoles: tuple[str, ...] = ()
    pstore: str = ""
    netconsole: bool = False
    hung_task_s: int | None = None


class Machine(Struct, frozen=True, kw_only=True):
    """All that is known."""

    release: str = ""
    version: tuple[int, int, int] | None = None
    contained: bool = False
    """We look from inside a container."""
    memory: Memory = Memory()
    stores: tuple[Store, ...] = ()
    cards: tuple[Card, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    sockets: Sockets = Sockets()
    past: Past = Past()
    readiness: Readiness = Readiness()
    own_limit_kib: int | None = None
    """The memory limit of the container that we look from."""
    looked: bool = True
    """False: what every judgement needs could not be read."""

    @property
    def swaps(self) -> tuple[Store, ...]:
        return tuple(store for store in self.stores if store.use == "swap")

    @property
    def networked(self) -> tuple[Store, ...]:
        """What certainly goes over a network, swap first."""
        return tuple(store for store in self.stores if store.through.networked and not store.same_host)
