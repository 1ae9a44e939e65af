"""Planned floods as Locust is asked for them: those that overlap go out together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from nodes.floods import PlannedFlood
from traffic.profiles import Aimed

Swarm = tuple[PlannedFlood, ...]
"""Floods that overlap, in the order of their starts: one test of Locust's, which has one at a time."""


def swarms(floods: Sequence[PlannedFlood]) -> list[Swarm]:
    """All `floods`, those that overlap together."""
    found: list[Swarm] = []
    for item in sorted(floods, key=lambda item: item.start_ns):
        if found and item.start_ns < max(other.end_ns for other in found[-1]):
            found[-1] = (*found[-1], item)
        else:
            found.append((item,))
    return found


def aimed(swarm: Swarm) -> list[Aimed]:
    """`swarm` as Locust is asked for it: each flood's times count from the first's start; one that ends with the last is
    stopped with it."""
    began_ns, ended_ns = swarm[0].start_ns, max(item.end_ns for item in swarm)
    return [
        Aimed(
            flood=structs.replace(
                item.flood,
                start_ns=item.start_ns - began_ns,
                duration_ns=0 if item.end_ns == ended_ns else item.end_ns - item.start_ns,
            ),
            port=item.port,
        )
        for item in swarm
    ]
