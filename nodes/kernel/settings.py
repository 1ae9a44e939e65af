"""What a guest is told at boot, from what its node is to be."""

from __future__ import annotations

from nodes.config import BLOCK_PORT, InitiatorSpec
from nodes.errors import UsageError
from nodes.kernel import storageguest
from nodes.kernel.filesystem import files_pages
from nodes.kernel.policies import switches_of
from nodes.kernel.protocol import Settings, sinks_text
from nodes.kernel.wiring import Wired
from nodes.machine.policies.netmem import tcp_mem_pages
from nodes.units import PAGE_BYTES

LIFTED_PAGES = 1_000_000
"""udp_mem and tcp_mem of lab.md section 2: more than any guest has, so that only the watermarks decide."""
LIFTED_RMEM_BYTES = 6 << 20
"""tcp_rmem's own default for machines with memory (tcp.rst); the same lab raised it to 2 MiB in small guests."""
PERIOD_MS = 250
"""Of telemetry: progress that is a second old is seen as such in four lines (own)."""
KIB_PER_PAGE = PAGE_BYTES >> 10


def target_host(target: str) -> str:
    """The host of `host:port`. Raises UsageError."""
    return _host_and_port(target)[0]


def settings_of(spec: InitiatorSpec, wired: Wired) -> Settings:
    """For a guest on the cable `wired`. Raises what `switches_of` raises, and UsageError unless
    the target is `host:port`."""
    machine, switches, local = spec.machine, switches_of(spec.policy), spec.policy.name == "local"
    network_pages, rmem_bytes = _caps(spec)
    peers = [(wired.peer_address, wired.peer_mac), (storageguest.TARGET, wired.storage_mac)]
    target = f"{wired.peer_address}:{_host_and_port(spec.target)[1]}"
    shares_disk, files = not (local or wired.storage_mac), spec.guest.pages == "files"
    return Settings(
        address=wired.address,
        neighbours=",".join(f"{address}/{mac}" for address, mac in peers if mac),
        storage_address=storageguest.INITIATOR_ADDRESS if wired.storage_mac else "",
        target="" if local else storageguest.SERVICE if wired.storage_mac else target,
        transport=spec.guest.transport,
        disk=local,
        swap_offset=spec.swap_offset_bytes if shares_disk else 0,
        swap_bytes=machine.working_set_pages * PAGE_BYTES,
        working_set_pages=files_pages(machine.working_set_pages) if files else machine.working_set_pages,
        touch_pages_per_s=machine.touch_pages_per_s,
        tasks=machine.tasks,
        work=spec.guest.work,
        files=files,
        cgroup_bytes=(spec.guest.cgroup_pages or 0) * PAGE_BYTES,
        relay=spec.guest.relay,
        relay_locked=spec.guest.relay_locked,
        relay_flusher=spec.guest.relay_flusher,
        sinks=sinks_text(spec.sinks),
        min_free_kb=machine.min_free_pages * KIB_PER_PAGE,
        boost_factor=-1 if spec.guest.boost_factor is None else spec.guest.boost_factor,
        memalloc=switches.memalloc,
        sender_memalloc=switches.sender_memalloc,
        head_reserve=switches.head_reserve,
        iface=switches.iface,
        udp_mem_pages=network_pages,
        tcp_mem_pages=network_pages,
        rmem_max_bytes=rmem_bytes,
    )


def _caps(spec: InitiatorSpec) -> tuple[int, int]:
    """Pages for udp_mem and tcp_mem, bytes for tcp_rmem's third; 0 leaves the kernel's own."""
    if spec.policy.name == "netmem":
        pages = tcp_mem_pages(spec.machine.memory_pages)[2]
        return pages, pages * PAGE_BYTES
    return (LIFTED_PAGES, LIFTED_RMEM_BYTES) if spec.guest.caps == "lifted" else (0, 0)


def _host_and_port(target: str) -> tuple[str, int]:
    host, colon, port = target.partition(":")
    if not host or (colon and not (port.isdigit() and 0 < int(port) < 65_536)):
        raise UsageError(
            f"'{target}' is not a storage target: 'host:port' is needed, for example 'target:{BLOCK_PORT}'"
        )
    return host, int(port) if colon else BLOCK_PORT
