"""When to send: an open loop that keeps a rate whatever happens to the packets. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SECOND_NS = 1_000_000_000
BURST_NS = 50 * 1_000_000
"""The longest delay of the sender that is made up for: a scheduler's hiccup is, a stopped process is not (own)."""


@dataclass(slots=True)
class Pacer:
    """Tells how many packets are due, on an absolute schedule: in any span of time at most the rate's share and one burst.

    The rate is `rate_pps` divided by `shares` (the users it is spread over), kept exactly. What became due more than a
    burst ago is given up and counted in `skipped`: a sender that was held up does not flood to make up for it.
    """

    rate_pps: int
    shares: int
    start_ns: int
    sent: int = 0
    skipped: int = 0

    @property
    def burst(self) -> int:
        """The most packets that are ever due at once."""
        return max(1, self.rate_pps * BURST_NS // (self.shares * SECOND_NS))

    def take(self, now_ns: int) -> int:
        """Packets to send now; they count as sent."""
        behind = self._scheduled(now_ns) - self.sent - self.skipped
        due = max(0, min(behind, self.burst))
        self.skipped += max(0, behind - due)
        self.sent += due
        return due

    def next_ns(self) -> int:
        """When the next packet is due."""
        packets = self.sent + self.skipped + 1
        return self.start_ns - (-packets * SECOND_NS * self.shares // self.rate_pps)

    def _scheduled(self, now_ns: int) -> int:
        return (now_ns - self.start_ns) * self.rate_pps // (self.shares * SECOND_NS)
