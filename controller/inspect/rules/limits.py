"""cgroup limits: around who serves storage, and around ourselves where we look from inside a container."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding
from controller.inspect.rules.daemons import concerning
from nodes.units import format_bytes

NEAR = 0.9
"""Within a tenth of its limit a cgroup reclaims for each allocation (own)."""
PAGE = "howto/is-my-machine-safe.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """A finding for each storage process with a limit, and for a container what it cannot see."""
    for daemon in concerning(machine):
        if daemon.limit_kib is None:
            continue
        near = daemon.used_kib is not None and daemon.used_kib > NEAR * daemon.limit_kib
        used = f", {format_bytes(daemon.used_kib << 10)} used" if daemon.used_kib is not None else ""
        yield Finding(
            rule="limit-daemon-near" if near else "limit-daemon",
            grade="caution" if near else "note",
            what=f"{daemon.name} ({daemon.pid}): its cgroup may have {format_bytes(daemon.limit_kib << 10)}{used}",
            why="at its limit it waits for reclaim of its own pages, or is killed, though the machine has memory",
            do=("systemctl set-property UNIT MemoryMax=infinity MemoryMin=256M, or raise its pod's limit",),
            page=PAGE,
            source="mm/memcontrol.c; Documentation/admin-guide/cgroup-v2.rst",
        )
    if machine.contained:
        yield Finding(
            rule="limit-contained",
            grade="caution",
            what="this looks like the inside of a container",
            why="swap and memory are those of the host; its processes, file systems and cards cannot be seen from here",
            do=("run `netreserve inspect` on the host",),
            page=PAGE,
            source="/proc/1/cgroup and /proc/mounts",
        )
    total = machine.memory.total_kib
    if machine.own_limit_kib and total and machine.own_limit_kib < total:
        yield Finding(
            rule="limit-own",
            grade="note",
            what=f"memory is limited to {format_bytes(machine.own_limit_kib << 10)} here",
            why="at this limit processes wait for reclaim inside the cgroup, or are killed, while the machine is well",
            page=PAGE,
            source="mm/memcontrol.c",
        )
