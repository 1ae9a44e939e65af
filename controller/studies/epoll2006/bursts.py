"""Waiting instead of work: what a saving makes of the rate when the client sends connections in bursts.

Polyakov's client made 30 000 connections in bursts of 3000, a second apart (EPB, 28 July 2006; physics.md section 0). A
rate is connections over the time until the last was served. The server takes one connection after the other. A SYN that
finds the queue of the listening socket full is lost, and TCP sends it again after 3 s, then 6, 12, 24 and 48 s more
(TCP_TIMEOUT_INIT and tcp_syn_retries = 5 of 2.6.17); then the client gives up. While all wait for their retries the server
has nothing to do: so a rate is not the inverse of a request's work, and need not follow a saving in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise

CONNECTIONS, BURST_CONNECTIONS, BETWEEN_S = 30_000, 3000, 1.0
LOT_CONNECTIONS = 20
"""Sent, lost and served together, so that it takes seconds (own)."""
RETRIES_S = (3.0, 6.0, 12.0, 24.0, 48.0)
BACKLOGS = (128, 1024)
"""Of the listening socket: somaxconn, and what a person may raise it to (own)."""
SPREADS_S = (0.25, 0.5, 1.0)
"""How long the client takes to send a burst (own)."""
REQUESTS_US = range(50, 630, 10)
"""Times of a request that are tried: up to that of the lowest claimed rate (own)."""


def rate(request_s: float, backlog: int, spread_s: float) -> float:
    """Connections served a second, over the time until the last of them was served."""
    lots, bursts = BURST_CONNECTIONS // LOT_CONNECTIONS, CONNECTIONS // BURST_CONNECTIONS
    sent = [(burst * BETWEEN_S + lot * spread_s / lots, 0) for burst in range(bursts) for lot in range(lots)]
    heapify(sent)
    free_s, served = 0.0, 0
    while sent:
        now_s, tries = heappop(sent)
        if free_s - now_s < backlog * request_s:
            free_s = max(free_s, now_s) + LOT_CONNECTIONS * request_s
            served += LOT_CONNECTIONS
        elif tries < len(RETRIES_S):
            heappush(sent, (now_s + RETRIES_S[tries], tries + 1))
    return served / free_s


@dataclass(frozen=True)
class Queue:
    """One queue and client, over all REQUESTS_US."""

    backlog: int
    spread_s: float
    reached_rps: tuple[int, ...]
    """Rates within the claimed baseline that a request's time gives; none where it gives none."""
    steepest_us: int
    """With 10 us less work than this a request, the rate rises most..."""
    from_rps: int
    to_rps: int
    unmoved_us: int
    """...and over so many us it does not rise by 1 % at all."""

    @property
    def ratio(self) -> float:
        return self.to_rps / self.from_rps


def queues(baselines_rps: tuple[int, ...]) -> list[Queue]:
    """Every queue and client."""
    return [_queue(backlog, spread_s, baselines_rps) for backlog in BACKLOGS for spread_s in SPREADS_S]


def _queue(backlog: int, spread_s: float, baselines_rps: tuple[int, ...]) -> Queue:
    rates = {us: round(rate(us / 1e6, backlog, spread_s)) for us in REQUESTS_US}
    less, more = max(pairwise(REQUESTS_US), key=lambda pair: rates[pair[0]] / rates[pair[1]])
    reached = sorted({found for found in rates.values() if min(baselines_rps) <= found <= max(baselines_rps)})
    return Queue(backlog, spread_s, tuple(reached), more, rates[more], rates[less], _unmoved(rates))


def _unmoved(rates: dict[int, int]) -> int:
    """The widest stretch of request times, in us, at whose ends the rate is the same within 1 %."""
    return max(more - less for less in rates for more in rates if more >= less and rates[less] <= 1.01 * rates[more])
