"""h: does a packet cost more when more initiators are simulated, and how much memory does each take?"""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure
from simarms import child, compiled_arms

COUNTS = (1, 8, 64, 512)
GROWTH_MAX = 1.3
REPEATS = {1: 5, 8: 3}
"""Short runs are repeated; the best stands."""


def figures() -> Iterator[Figure]:
    """Swapping initiators, eight to a target, each under 5 kpps of junk that its application reads."""
    for compiled in compiled_arms():
        first_s = 0.0
        for count in COUNTS:
            runs = [child("scaling", str(count), compiled=compiled) for _ in range(REPEATS.get(count, 1))]
            found = min(runs, key=lambda run: run["cpu_s"])
            packet_s = found["cpu_s"] / found["packets"]
            first_s = first_s or packet_s
            yield Figure(
                part="h", name=f"{'compiled' if compiled else 'plain Python'}, initiators: {count}", value=1 / packet_s,
                unit="packets/CPU s", ratio=packet_s / first_s, peer=1 / first_s, peer_name="1 initiator",
                aim=f"a packet costs at most {GROWTH_MAX} x" if count == COUNTS[-1] else "",
                met=packet_s <= GROWTH_MAX * first_s if count == COUNTS[-1] else None,
                remark=f"{found['kib']:,.0f} KiB and {found['swapped']:,.0f} pages out each",
            )  # fmt: skip
