"""f and g: packets a second beside SimPy 4, and how much faster than real time `classic` goes, under every policy."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure
from simarms import child, compiled_arms

from nodes.machine.policies import POLICIES

PAIRS = 3
"""Measured in turn; the best of each stands, since everything else only slows down."""
TIMES_SIMPY, TIMES_REAL = 10, 1000
CASES = {"read": "sockets read at once", "full": "sockets that nobody reads"}


def packets() -> Iterator[Figure]:
    """The same arrivals, allocations and releases: SimPy with an event a packet, and a simulated machine with its link."""
    for compiled in compiled_arms():
        for case, name in CASES.items():
            runs = [(_rate("ours", case, compiled), _rate("simpy", case, compiled)) for _ in range(PAIRS)]
            ours, simpy = (max(column) for column in zip(*runs, strict=True))
            yield Figure(
                part="f", name=f"{_code(compiled)}, {name}", value=ours, unit="packets/CPU s", peer=simpy,
                peer_name="SimPy", ratio=ours / simpy, aim=f"{TIMES_SIMPY} x SimPy", met=ours >= TIMES_SIMPY * simpy,
            )  # fmt: skip


def realtime() -> Iterator[Figure]:
    """Two-node classic, 45 s with 20 kpps of junk for 20 of them, on one core."""
    for compiled in compiled_arms():
        for policy in POLICIES:
            found = child("realtime", policy, compiled=compiled)
            times = found["virtual_s"] / found["cpu_s"]
            yield Figure(
                part="g", name=f"{_code(compiled)}, classic, {policy}", value=times, unit="x real time",
                aim=f"{TIMES_REAL} x", met=times >= TIMES_REAL,
                remark=f"{found['verdict']}, {found['cpu_s']:.2f} CPU s",
            )  # fmt: skip


def _rate(who: str, case: str, compiled: bool) -> float:
    found = child("packets", who, case, compiled=compiled)
    return float(found["sent"] / found["cpu_s"])


def _code(compiled: bool) -> str:
    return "compiled" if compiled else "plain Python"
