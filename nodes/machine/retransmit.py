"""The retransmission timer of the block connection, as far as it decides how long a wait is legitimate."""

from __future__ import annotations

from nodes.units import MS_NS, SECOND_NS

RTO_MIN_NS = 200 * MS_NS
"""TCP_RTO_MIN; the first timeout on a link with a short round trip (physics.md section 12)."""
RTO_MAX_NS = 120 * SECOND_NS
"""TCP_RTO_MAX."""
RETRIES2 = 15
"""net.ipv4.tcp_retries2: when the timer runs out once more after so many tries without an answer, the connection ends with
ETIMEDOUT. From 200 ms on that is 924.6 s after the last answer, which is the kernel's own lower bound
(retransmits_timed_out, tcp_model_timeout: net/ipv4/tcp_timer.c of 6.1 and 6.12; physics.md section 0)."""


class RetransmitTimer:
    """RTO doubling from 200 ms to 120 s while bytes are unacknowledged; any progress of the peer starts it again."""

    __slots__ = ("deadline_ns", "retransmissions", "rto_ns", "tries")

    def __init__(self) -> None:
        self.rto_ns = RTO_MIN_NS
        self.deadline_ns: int | None = None
        self.retransmissions = 0
        self.tries = 0
        """Retransmissions since the peer's last sign of life."""

    @property
    def gives_up(self) -> bool:
        """Has a real TCP tried often enough?"""
        return self.tries > RETRIES2

    def on_sent(self, now_ns: int) -> None:
        """Bytes were sent; the timer runs if it did not."""
        if self.deadline_ns is None:
            self.deadline_ns = now_ns + self.rto_ns

    def on_progress(self, now_ns: int, outstanding: bool) -> None:
        """The peer acknowledged something; `outstanding` bytes remain."""
        self.rto_ns, self.tries = RTO_MIN_NS, 0
        self.deadline_ns = now_ns + self.rto_ns if outstanding else None

    def expired(self, now_ns: int) -> bool:
        """True when a retransmission is due now; the next one comes after twice the time."""
        if self.deadline_ns is None or now_ns < self.deadline_ns:
            return False
        self.retransmissions += 1
        self.tries += 1
        self.rto_ns = min(2 * self.rto_ns, RTO_MAX_NS)
        self.deadline_ns = now_ns + self.rto_ns
        return True
