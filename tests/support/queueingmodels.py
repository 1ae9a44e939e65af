"""Closed forms of queueing theory and what the simulator's link and disk give instead, as intervals by batch means.

Each check answers `Found`: what theory says, and an interval in which the simulator's value lies with a confidence of
99.9 %. Sources: Kleinrock, Queueing Systems I (1975), sections 3.2 (M/M/1), 3.6 (M/M/1/K), 5.6 (M/G/1: Pollaczek-Khinchine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from random import Random

from scipy import stats

from nodes.config import Queueing, Shape, TargetSpec
from nodes.sim.link import Line
from nodes.sim.streams import stream
from nodes.sim.target import Disk
from nodes.units import SECOND_NS, US_NS

CONFIDENCE = 0.999
BATCHES = 25
SKIPPED = 2
"""Batches at the beginning that are not counted: the queue is empty at first."""
MEAN_BYTES = 1000
RATE_BPS = 100_000_000
SERVICE_NS = MEAN_BYTES * 8 * SECOND_NS // RATE_BPS
"""80 us for a packet of mean size."""
ENDLESS = 10**9


@dataclass(frozen=True)
class Found:
    """A check's outcome."""

    name: str
    unit: str
    theory: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        return self.low <= self.theory <= self.high

    @property
    def half_width(self) -> float:
        """Of the interval, as a share of its middle."""
        return (self.high - self.low) / (self.high + self.low)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the mean of a stationary series lies: batch means and Student's t (Law, Simulation Modeling, section 9.5)."""
    size = len(values) // (BATCHES + SKIPPED)
    means = [sum(values[i * size : (i + 1) * size]) / size for i in range(SKIPPED, BATCHES + SKIPPED)]
    low, high = stats.t.interval(CONFIDENCE, BATCHES - 1, loc=sum(means) / BATCHES, scale=stats.sem(means))
    return float(low), float(high)


def exponential(mean: float, random: Random) -> float:
    return -log(1.0 - random.random()) * mean


def line(shape: Shape, *, queue: int = ENDLESS, burst: int = 1, seed: int = 1) -> Line:
    """A line of a link with `shape`."""
    made = Line(stream(seed, "line"), Queueing(queue_packets=queue, loss_burst_packets=burst))
    made.shape(shape)
    return made


def poisson(load: float, packets: int, random: Random) -> Iterator[int]:
    """Arrival times of a Poisson stream that offers `load` of the line's rate."""
    now = 0.0
    for _ in range(packets):
        now += exponential(SERVICE_NS / load, random)
        yield round(now)


Sizes = Callable[[Random], int]


def exponential_size(random: Random) -> int:
    return max(1, round(exponential(MEAN_BYTES, random)))


def fixed_size(_random: Random) -> int:
    return MEAN_BYTES


def waits_us(made: Line, load: float, packets: int, sizes: Sizes, seed: int = 1) -> tuple[list[float], list[float]]:
    """Waiting times of the packets that passed, us, and for each packet whether the queue refused it."""
    random, waited, refused = stream(seed, "arrivals"), [], []
    for now_ns in poisson(load, packets, random):
        size = sizes(random)
        left_ns = made.send(now_ns, size, 1)
        refused.append(0.0 if made.passed else 1.0)
        if made.passed:
            waited.append((left_ns - now_ns - size * 8 * SECOND_NS // RATE_BPS) / US_NS)
    return waited, refused


def mm1(load: float, packets: int) -> Found:
    """Mean wait: rho / (1 - rho) service times."""
    waited, _ = waits_us(line(Shape(rate_bps=RATE_BPS)), load, packets, exponential_size)
    theory = load / (1 - load) * SERVICE_NS / US_NS
    return Found(f"M/M/1 wait at load {load}", "us", theory, *interval(waited))


def md1(load: float, packets: int) -> Found:
    """Mean wait: rho / (2 (1 - rho)) service times."""
    waited, _ = waits_us(line(Shape(rate_bps=RATE_BPS)), load, packets, fixed_size)
    theory = load / (2 * (1 - load)) * SERVICE_NS / US_NS
    return Found(f"M/D/1 wait at load {load}", "us", theory, *interval(waited))


def mm1k(load: float, places: int, packets: int) -> tuple[Found, Found]:
    """Loss and mean wait with `places` packets in the system at most, the one in service included."""
    made = line(Shape(rate_bps=RATE_BPS), queue=places - 1)
    waited, refused = waits_us(made, load, packets, exponential_size)
    share = [load**n for n in range(places + 1)]
    share = [value / sum(share) for value in share]
    inside = sum(n * p for n, p in enumerate(share))
    wait = (inside / (load * (1 - share[-1])) - 1) * SERVICE_NS / US_NS  # Little's law, less the service
    name = f"M/M/1/{places}"
    return (
        Found(f"{name} loss at load {load}", "", share[-1], *interval(refused)),
        Found(f"{name} wait at load {load}", "us", wait, *interval(waited)),
    )


def loss_runs(loss: float, burst: int, packets: int) -> tuple[list[float], list[float]]:
    """For each packet whether it was lost, and the lengths of the bursts."""
    made = line(Shape(loss_ratio=loss), burst=burst)
    lost, runs = [], [0.0]
    for number in range(packets):
        made.send(number * US_NS, MEAN_BYTES, 1)
        gone = not made.passed
        lost.append(float(gone))
        if gone:
            runs[-1] += 1
        elif runs[-1]:
            runs.append(0.0)
    return lost, [run for run in runs if run]


def losses(loss: float, burst: int, packets: int) -> tuple[Found, Found]:
    """Share lost, and the mean length of a burst (independent losses: 1 / (1 - loss))."""
    lost, runs = loss_runs(loss, burst, packets)
    length = burst if burst > 1 else 1 / (1 - loss)
    name = f"{'Gilbert' if burst > 1 else 'Bernoulli'} {loss:.0%}"
    return (
        Found(f"{name} share", "", loss, *interval(lost)),
        Found(f"{name} burst of {burst}", "packets", length, *interval(runs)),
    )


def disk(load: float, requests: int) -> Found:
    """A disk with a rate is an M/D/1 queue of its requests (a page each); the latency comes on top."""
    spec = TargetSpec(rate_bps=RATE_BPS, latency_ns=200 * US_NS)
    served = Disk(stream(1, "disk"))
    served.spec = spec
    service_ns = 4096 * 8 * SECOND_NS // RATE_BPS
    random, now, waited = stream(1, "requests"), 0.0, []
    for _ in range(requests):
        now += exponential(service_ns / load, random)
        waited.append((served.done_ns(round(now), 1) - round(now) - service_ns - spec.latency_ns) / US_NS)
    theory = load / (2 * (1 - load)) * service_ns / US_NS
    return Found(f"disk as M/D/1 at load {load}", "us", theory, *interval(waited))


def all_checks(packets: int) -> Iterable[Found]:
    """Every check above, with as many packets each."""
    for load in (0.3, 0.7, 0.9):
        yield mm1(load, packets)
        yield md1(load, packets)
    for load, places in ((0.5, 2), (0.9, 5), (1.5, 10)):
        yield from mm1k(load, places, packets)
    for loss, burst in ((0.01, 1), (0.2, 1), (0.01, 10), (0.3, 4)):
        yield from losses(loss, burst, packets)
    yield disk(0.7, packets)
