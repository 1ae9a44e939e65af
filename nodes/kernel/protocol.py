"""What host and guest say to each other. Three channels, none of which needs memory in a guest that hangs:

    console    COM1, `console=ttyS0`   kernel log and init's words, one way; a BREAK and a letter is a sysrq
    telemetry  port 0x402, debugcon    the module's lines, from a timer, one way: `T key=value key=value ...`
    control    COM2, port 0x2f8        commands to the module, which its timer polls: `<number> <name> <value>\\n`

The guest is told what it is on the kernel's command line (`Settings`), the rest by `Command`s, each acknowledged by its
number in the telemetry's `ack` once it is in force. What is in force is always read back from telemetry, never assumed.
init's words on the console begin with `netreserve: `; `READY` and `FAILED` are those that matter.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from nodes.config import Sink, Transport, Work

TELEMETRY_PORT = 0x402
"""I/O port of QEMU's debug console: a write is out at once, without a status to poll (own: SeaBIOS uses it, too)."""
CONTROL_PORT = 0x2F8
"""COM2's: init never opens it, so that the kernel's serial driver leaves it to the module."""
READY = "netreserve: ready"
"""init: swap is on, sinks are open, the module ticks, the application starts now."""
FAILED = "netreserve: FAILED "
"""init: what could not be done and why, one line; it powers off then."""
GUEST_PREFIX = "nr."

ControlName = Literal[
    "memalloc", "sender_memalloc", "head_reserve", "iface", "min_free_kb", "give_heads", "give_pages", "period_ms"
]


class Settings(Struct, frozen=True, kw_only=True):
    """What init reads from the command line, each field as `nr.<name>=<value>`; booleans are 0 or 1, empty ones left out."""

    address: str
    """`198.18.1.5/24`, of eth0."""
    neighbours: str = ""
    """`address/mac,...`: permanent ARP entries, so that no expiry adds a second cause to a hang."""
    storage_address: str = ""
    """A second address of eth0, in a small network that is shared with the storage target alone (transport `nvme`)."""
    target: str = ""
    """`host:port` of the storage target; empty: `disk` or no swap at all."""
    transport: Transport = "nbd"
    disk: bool = False
    """Swap on /dev/vda (policy `local`) instead of the target."""
    swap_offset: int = 0
    """Bytes from the start of the target's disk to this guest's swap area ..."""
    swap_bytes: int = 0
    """... and the area's size."""
    working_set_pages: int = 0
    touch_pages_per_s: int = 0
    """0: as fast as it can."""
    tasks: int = 1
    """Processes that share the working set, each with its own part."""
    work: Work = "write"
    files: bool = False
    """Its pages are those of files, in an ext4 on the disk, and there is no swap."""
    cgroup_bytes: int = 0
    """Limit on the application's control group, in which the storage socket is made; 0: none."""
    relay: bool = False
    """A process carries the block device's bytes to `target` and back ..."""
    relay_locked: bool = False
    """... with its memory locked ..."""
    relay_flusher: bool = False
    """... and PR_SET_IO_FLUSHER."""
    sinks: str = ""
    """`kind:port:sockets:rcvbuf_bytes:reader,...`."""
    min_free_kb: int = 0
    """vm.min_free_kbytes, set after swap is on; 0: the kernel's own."""
    boost_factor: int = -1
    """vm.watermark_boost_factor, in ten-thousandths of the high mark; -1: the kernel's own."""
    memalloc: bool = False
    sender_memalloc: bool = True
    """False: the block socket's sends have no right to the reserve (guest/module/sender.c)."""
    head_reserve: bool = False
    iface: bool = False
    """Drop reserve-backed packets that are not the target's (the interface policy's hook)."""
    udp_mem_pages: int = 0
    """All three values of net.ipv4.udp_mem; 0: the kernel's own."""
    tcp_mem_pages: int = 0
    rmem_max_bytes: int = 0
    """Third value of net.ipv4.tcp_rmem; 0: the kernel's own."""
    module: bool = True
    """Whether the policy module is loaded: only a benchmark of its cost goes without."""
    server: bool = False
    """This guest is a storage target (nvmet) at `target`, not an initiator; `swap_bytes` is its disk's size."""


def sinks_text(sinks: tuple[Sink, ...]) -> str:
    """`Settings.sinks` for these sinks."""
    return ",".join(f"{s.kind}:{s.port}:{s.sockets}:{s.rcvbuf_bytes}:{s.reader}" for s in sinks)


class Telemetry(Struct, frozen=True, kw_only=True):
    """One telemetry line; counters only grow. A key that the module does not print keeps its default."""

    t: int = 0
    """Milliseconds since boot (CLOCK_BOOTTIME)."""
    ack: int = 0
    """Number of the last command that is in force."""
    nak: int = 0
    """Number of the last command that could not be carried out."""
    memalloc: int = -1
    """SOCK_MEMALLOC on the block socket: 1, 0; -1: there is no block socket, or it is no longer connected."""
    sender_memalloc: int = 1
    """0: the block socket's sends are stripped of their right to the reserve."""
    head_reserve: int = 0
    iface: int = 0
    min_free_kb: int = 0
    free: int = 0
    """Pages, with those in per-CPU lists (`pcp`) not counted; likewise all below."""
    pcp: int = 0
    min: int = 0
    """Sum of the zones' watermarks without boosts, as are `low` and `high`."""
    boost: int = 0
    """What is added to each of the three for a while, the sum of all zones (vm.watermark_boost_factor)."""
    boost_factor: int = -1
    """vm.watermark_boost_factor; -1: this kernel has none, or does not show it."""
    low: int = 0
    high: int = 0
    lowest: int = -1
    """Fewest free pages seen at any tick or failed allocation since the last line."""
    dirty: int = 0
    writeback: int = 0
    anon: int = 0
    slab: int = 0
    swap_in: int = 0
    swap_out: int = 0
    read_in: int = 0
    """Pages read from block devices ..."""
    written: int = 0
    """... and pages whose writeback has ended, of files and swap together."""
    stalls: int = 0
    """Allocations that went into direct reclaim (allocstall)."""
    oom: int = 0
    """Tasks killed by the OOM killer (vm_event OOM_KILL)."""
    cgroup_max: int = 0
    """Limit of the control group that the block socket is charged to, and ..."""
    cgroup: int = 0
    """... what it uses. 0: it is charged to none."""
    in_flight: int = 0
    """Requests that the block device has not answered."""
    reads: int = 0
    writes: int = 0
    """Requests of the swap device that ended."""
    rx_packets: int = 0
    rx_dropped: int = 0
    """eth0's, as the driver and the stack count them (dev_get_stats)."""
    pfmemalloc_drop: int = 0
    """LINUX_MIB_PFMEMALLOCDROP: marked packets that an unflagged socket, TCP or UDP, may not have."""
    filter_drop: int = 0
    """The same counted by a return probe on sk_filter_trim_cap, which may miss a few; else as pfmemalloc_drop."""
    rcvbuf_drop: int = 0
    """UDP RcvbufErrors and TCP rcvq drops."""
    bare_sends: int = 0
    """Sends of the block socket that were stripped so ..."""
    bare_reclaimers: int = 0
    """... and those among them that a task in reclaim made, not a worker: such a one may not reclaim again, it waits."""
    block_drop: int = 0
    """Packets of the block connection that were lost for want of memory, as far as they can be told."""
    iface_drop: int = 0
    fail_head: int = -1
    """sk_buff heads that could not be allocated in a softirq: on reception ..."""
    fail_data: int = -1
    """... their data ..."""
    fail_page: int = -1
    """... and whole pages: every failed allocation of a single page (warn_alloc), whoever wanted it. Whoever
    wants several tries again with one. -1, of any of the three: not counted in this kernel, as not all probes could be
    planted."""
    head_fixed: int = 0
    """Head allocations that `head_reserve` let into the reserve."""
    udp_pages: int = 0
    tcp_pages: int = 0
    """net.ipv4.udp_mem's and tcp_mem's present use."""
    udp_packets: int = 0
    """Datagrams put into sockets (InDatagrams and those that wait)."""
    rcv_nxt: int = 0
    snd_una: int = 0
    snd_nxt: int = 0
    rto_ms: int = 0
    retransmits: int = 0
    """Of the block connection's TCP."""
    progress: int = 0
    """Pages touched again since the working set was populated ..."""
    populated: int = 0
    """... and in the first pass."""
    verified: int = 0
    corrupt: int = 0
    dead: int = 0
    """Eater processes that have ended."""


def parse_telemetry(line: str) -> Telemetry | None:
    """The line's values; None for a line that is torn or no telemetry. Keys that are not known are left out."""
    mark, *pairs = line.split() or [""]
    if mark != "T":
        return None
    values: dict[str, int] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not value.removeprefix("-").isdecimal():
            return None
        if name in Telemetry.__struct_fields__:
            values[name] = int(value)
    return Telemetry(**values) if "t" in values else None


def command_line(settings: Settings) -> str:
    """The guest's part of the kernel's command line."""
    default = Settings(address="")
    words = []
    for name in Settings.__struct_fields__:
        value = getattr(settings, name)
        if value != getattr(default, name):
            words.append(f"{GUEST_PREFIX}{name}={int(value) if isinstance(value, bool) else value}")
    return " ".join(words)
