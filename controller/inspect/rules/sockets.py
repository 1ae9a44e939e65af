"""What strangers' packets may hold in sockets that nobody reads, beside the reserve."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding
from nodes.units import format_bytes

HARD, PRESSURE = 2, 1
"""Places in tcp_mem and udp_mem (Documentation/networking/ip-sysctl.rst)."""
PAGE = "explanation/the-deadlock.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """Limits where storage is networked; present pressure anywhere."""
    sockets, reserve_kib = machine.sockets, machine.memory.min_kib
    limits = [each[HARD] for each in (sockets.tcp_mem_pages, sockets.udp_mem_pages) if len(each) > HARD]
    held_kib = sum(limits) * machine.memory.page_bytes >> 10
    if limits and reserve_kib and machine.networked and held_kib > reserve_kib:
        yield Finding(
            rule="sockets-may-hold",
            grade="caution" if any(store.use == "swap" for store in machine.networked) else "note",
            what=f"unread packets may hold {format_bytes(held_kib << 10)}, {held_kib / reserve_kib:.0f} times the reserve",
            why="the limits of TCP and UDP are shares of memory, none keeps the reserve free: a flood can sit on it",
            do=(
                "let a firewall drop what no program here waits for",
                f"sysctl -w net.ipv4.udp_mem='{_smaller(machine)}'",
            ),
            page=PAGE,
            source="net/ipv4/tcp.c tcp_init_mem; physics.md section 8",
        )
    for name, pages, limit in (
        ("TCP", sockets.tcp_pages, sockets.tcp_mem_pages),
        ("UDP", sockets.udp_pages, sockets.udp_mem_pages),
    ):
        if pages is not None and len(limit) > HARD and pages > limit[PRESSURE]:
            yield Finding(
                rule="sockets-pressure",
                grade="caution",
                what=f"{name} holds {format_bytes(pages * machine.memory.page_bytes)} now, above its pressure mark",
                why="above the last mark packets are refused, those of storage too",
                do=("ss -m", "find the program that does not read its sockets"),
                page=PAGE,
                source="/proc/net/sockstat; physics.md section 8",
            )


def _smaller(machine: Machine) -> str:
    """A quarter of the reserve, as three marks: junk alone then leaves the rest to others (own)."""
    most = max((machine.memory.min_kib or 0) * 1024 // machine.memory.page_bytes // 4, 64)
    return f"{most // 2} {most * 3 // 4} {most}"
