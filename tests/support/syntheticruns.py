"""Made-up but realistic runs: what a controller would have recorded, as records, for tests of whoever reads runs.

Times are Unix ns from START_NS; samples come at 10 Hz; a 64 MiB machine with min 256 pages. Figures follow the shape of
measured runs: under `none` the ring empties within a second of the flood, under `memalloc` junk is dropped early.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from controller.experiment.record import Check, NodeVerdict, Phase, Record, Result, Setting
from controller.experiment.verdicts import VerdictName
from nodes.eventkinds import Wait, detail_of
from nodes.messages import SAMPLE_INTERVAL_NS, Event, Sample

START_NS = 1_700_000_000 * 10**9
SECOND = 10**9
MIN, LOW, HIGH = 256, 320, 384
NODE = "initiator-1"


def recorded(result: Result, samples: Iterable[Sample] = (), events: Iterable[Event] = ()) -> Record:
    """A run as whoever reads runs is given it."""
    return Record(result=result, samples=list(samples), events=list(events))


@dataclass(frozen=True)
class Moment:
    """What a machine does around one instant: gauges, and rates per second of the counters."""

    free: int = 350
    reserve: int = 0
    in_flight: int = 48
    junk_bytes: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    state: str = "running"
    policy: str = "none"


CYCLE = (
    Wait(
        waiter="kswapd",
        resource="writes answered",
        need=1,
        have=0,
        who_frees="storage reply",
        why="kswapd frees a page only when one of 64 writes under way is answered; nothing else is left to write",
        source="physics.md section 1 steps 2-7, 12",
    ),
    Wait(
        waiter="storage reply",
        resource="receive buffers",
        need=1,
        have=0,
        who_frees="ring refill",
        why="no slot of the receive ring has a buffer, so the reply cannot land",
        source="physics.md section 1 step 8",
    ),
    Wait(
        waiter="ring refill",
        resource="free pages",
        need=97,
        have=88,
        who_frees="kswapd",
        why="it needs a page, and gets one only when at least 97 are free",
        source="physics.md section 2",
    ),
)
"""As `nodes.machine.waits` names them."""

BUSY = {"swap_out_pages": 950.0, "swap_in_pages": 940.0, "rx_packets": 4200.0, "progress_pages": 960.0}
CALM = Moment(rates=BUSY)
HUNG = Moment(free=88, reserve=168, in_flight=64, junk_bytes=15 << 20, state="stuck")


def deadlock(node: str = NODE) -> Record:
    """`none`: the flood starts at 5 s, free pages fall to 88 within a second, nothing moves after."""
    samples = trace(
        node,
        40,
        lambda t: (
            CALM
            if t < 5
            else Moment(free=220, reserve=60, in_flight=64, junk_bytes=9 << 20, rates={**BUSY, "rx_packets": 21_000.0})
            if t < 5.6
            else _hung(21_000.0 if t < 25 else 0.0)
        ),
    )
    events = [
        *phases_told(5, 25),
        *flood_told(5, 25),
        told(6.6, node, "stall", waits=[], cycle=msgspec.to_builtins(CYCLE)),
        told(8.6, node, "stall", waits=[], cycle=msgspec.to_builtins(CYCLE)),
    ]
    verdict = NodeVerdict(
        node=node,
        verdict="deadlocked",
        reason="64 writes wait for replies that no receive buffer can take (ring 0 of 256).",
        warmup_pages_per_s=960,
        flood_pages_per_s=29,
        stalled_since_ns=at(5.6),
        reserve_used_pages=168,
        verified_pages=5640,
        cycle=CYCLE,
    )
    sentence = (
        f"Deadlock on {node} 0.6 s into the flood: 64 writes wait for replies that no receive buffer can take"
        " (ring 0 of 256); free 88 pages, a refill needs more than 96."
    )
    checks = (
        Check(expectation="verdict: healthy", met=False, found="deadlocked"),
        Check(expectation="sometimes: reserve_used_pages > 0", met=True, found="168"),
    )
    return recorded(result("classic", "none", "deadlocked", sentence, (verdict,), checks, 1), samples, events)


def healthy(node: str = NODE) -> Record:
    """`memalloc`: the reserve is used and junk is dropped at the sockets; the rate halves and comes back."""
    busy = {"swap_out_pages": 700.0, "swap_in_pages": 690.0, "rx_packets": 23_500.0, "progress_pages": 705.0}
    flooded = Moment(
        free=196,
        reserve=121,
        in_flight=70,
        junk_bytes=2 << 20,
        rates={**busy, "early_drops": 17_800.0},
        policy="memalloc",
    )
    calm = Moment(rates=BUSY, policy="memalloc")
    samples = trace(node, 40, lambda t: flooded if 5 <= t < 25 else calm)
    verdict = NodeVerdict(
        node=node,
        verdict="healthy",
        reason="It kept 73 % of its rate in the flood.",
        warmup_pages_per_s=960,
        flood_pages_per_s=705,
        heal_pages_per_s=958,
        reserve_used_pages=133,
        verified_pages=32_110,
    )
    checks = (
        Check(expectation="verdict: healthy", met=True, found="healthy"),
        Check(expectation="sometimes: reserve_used_pages > 0", met=True, found="133"),
    )
    sentence = f"{node} stayed healthy: it kept 73 % of its rate in the flood, using at most 133 pages of its reserve."
    made = result("classic", "memalloc", "healthy", sentence, (verdict,), checks, 0)
    return recorded(made, samples, [*phases_told(5, 25), *flood_told(5, 25)])


def starved(node: str = NODE) -> Record:
    """No progress while junk flows; 1.4 s after it stops the machine goes on."""
    samples = trace(node, 40, lambda t: CALM if t < 5.4 or t >= 26.4 else _hung(16_000.0 if t < 25 else 0.0))
    events = [
        *phases_told(5, 25),
        *flood_told(5, 25),
        told(6.4, node, "stall", waits=[], cycle=[]),
        told(26.4, node, "recovered", stalled_ns=21 * SECOND),
    ]
    verdict = NodeVerdict(
        node=node,
        verdict="starved",
        reason="No page was touched for 19.6 s of the flood; it went on 1.4 s after the flood ended.",
        warmup_pages_per_s=960,
        flood_pages_per_s=19,
        heal_pages_per_s=880,
        recovery_ns=1_400_000_000,
        reserve_used_pages=168,
        verified_pages=14_000,
        cycle=CYCLE,
    )
    checks = (Check(expectation="verdict: starved", met=True, found="starved"),)
    return recorded(
        result("stalled-reader", "none", "starved", f"{node} starved: {verdict.reason}", (verdict,), checks, 0),
        samples,
        events,
    )


def inconclusive() -> Record:
    """Nothing was measured: the node never answered."""
    reason = "initiator-1 did not acknowledge its policy within 10 s."
    verdict = NodeVerdict(node=NODE, verdict="inconclusive", reason=reason)
    made = result(
        "classic", "memalloc", "inconclusive", f"Inconclusive: {reason}", (verdict,), (), 5, data="unverified"
    )
    return recorded(made, [], [told(0, "controller", "harness", what=reason)])


def cable_pull(node: str = NODE) -> Record:
    """The cable is out from 8 s to 18 s: nothing moves meanwhile, and all comes back."""

    def moment(t: float) -> Moment:
        if 8 <= t < 19.2:
            return Moment(free=300, in_flight=128, state="throttled", policy="mainline")
        return Moment(rates=BUSY, policy="mainline")

    events = [
        *phases_told(5, 20),
        told(8, node, "fault", fault="cut", action="begin", concerns=[]),
        told(9, node, "stall", waits=[], cycle=[]),
        told(18, node, "fault", fault="cut", action="end", concerns=[]),
        told(19.1, node, "reconnect", state="connected"),
        told(19.2, node, "recovered", stalled_ns=int(11.2 * SECOND)),
    ]
    verdict = NodeVerdict(
        node=node,
        verdict="slow",
        reason="No progress while the cable was out; it went on 1.2 s after.",
        warmup_pages_per_s=960,
        flood_pages_per_s=300,
        heal_pages_per_s=955,
        recovery_ns=1_200_000_000,
        verified_pages=21_000,
    )
    made = result(
        "cable-pull", "mainline", "slow", f"{node} was slow: {verdict.reason}", (verdict,), (), 0, ends=(5, 20, 35)
    )
    return recorded(made, trace(node, 35, moment), events)


def adhoc(node: str = NODE) -> Record:
    """A flood by hand under `none`; the person switches to `memalloc` at 14 s, and the machine comes back."""

    def moment(t: float) -> Moment:
        if 10.5 <= t < 14.8:
            return _hung(15_000.0)
        if 14.8 <= t < 22:
            return Moment(free=201, reserve=101, rates={**BUSY, "early_drops": 14_000.0}, policy="memalloc")
        return Moment(rates=BUSY, policy="none" if t < 14 else "memalloc")

    events = [
        *phases_told(10, 22),
        *flood_told(10, 22),
        told(11.5, node, "stall", waits=[], cycle=[]),
        told(14, node, "policy", policy="memalloc", allocator="slab", before="none"),
        told(14.8, node, "recovered", stalled_ns=int(4.3 * SECOND)),
    ]
    verdict = NodeVerdict(
        node=node,
        verdict="slow",
        reason="It stood still for 4.3 s of the flood, until the policy became memalloc.",
        warmup_pages_per_s=960,
        flood_pages_per_s=610,
        heal_pages_per_s=960,
        reserve_used_pages=168,
        verified_pages=26_000,
    )
    made = result(
        "adhoc",
        "none",
        "slow",
        f"{node} was slow: {verdict.reason}",
        (verdict,),
        (),
        0,
        kind="adhoc",
        ends=(10, 22, 37),
    )
    return recorded(made, trace(node, 37, moment), events)


def several(count: int) -> Record:
    """`count` initiators of one run: the first deadlocks, the others stay healthy."""
    runs = [deadlock("initiator-1"), *(healthy(f"initiator-{n}") for n in range(2, count + 1))]
    first = runs[0]
    nodes = tuple(run.result.nodes[0] for run in runs)
    made = result("classic", "none", "deadlocked", first.result.sentence, nodes, first.result.checks, 1)
    samples = sorted((s for run in runs for s in run.samples), key=lambda s: s.t_ns)
    return recorded(made, samples, first.events)


ALL: dict[str, Callable[[], Record]] = {
    "deadlock": deadlock,
    "healthy": healthy,
    "starved": starved,
    "inconclusive": inconclusive,
    "cable_pull": cable_pull,
    "adhoc": adhoc,
    "four": lambda: several(4),
}


# ---- the parts such runs are made of


def at(second: float) -> int:
    """Unix ns of `second` of the run."""
    return START_NS + round(second * SECOND)


def told(second: float, node: str, kind: str, /, **detail: object) -> Event:
    """An event at `second`."""
    return Event(t_ns=at(second), node=node, run="20231114T221320-abcd", detail=detail_of(kind, detail))


def phases_told(warmup_end: float, flood_end: float) -> list[Event]:
    """The controller's events at each phase's begin."""
    starts = {"warmup": 0.0, "flood": warmup_end, "heal": flood_end}
    return [told(second, "controller", "phase", phase=name) for name, second in starts.items()]


def flood_told(start: float, end: float) -> list[Event]:
    """The controller's events at the flood's begin and end."""
    return [
        told(start, "controller", "flood_start", kind="udp", rate_pps=20_000),
        told(end, "controller", "flood_stop"),
    ]


def trace(node: str, seconds: float, moment: Callable[[float], Moment], seed: int = 7) -> list[Sample]:
    """Samples of `node` at 10 Hz with a little noise on what moves."""
    chance, totals, samples, progress_ns = random.Random(seed), dict[str, float](), list[Sample](), START_NS
    step = SAMPLE_INTERVAL_NS / SECOND
    for tick in range(int(seconds / step)):
        second = tick * step
        now = moment(second)
        for name, rate in now.rates.items():
            totals[name] = totals.get(name, 0.0) + rate * step * chance.uniform(0.85, 1.15)
        if now.rates.get("progress_pages"):
            progress_ns = at(second)
        samples.append(_sample(node, second, now, totals, progress_ns, chance))
    return samples


def _sample(
    node: str, second: float, now: Moment, totals: dict[str, float], progress_ns: int, chance: random.Random
) -> Sample:
    moving = now.state == "running"
    return Sample(
        t_ns=at(second),
        node=node,
        run="20231114T221320-abcd",
        policy=now.policy,
        state=now.state,
        free_pages=now.free + (chance.randint(-25, 25) if moving else 0),
        min_pages=MIN,
        low_pages=LOW,
        high_pages=HIGH,
        reserve_used_pages=max(0, now.reserve + (chance.randint(-12, 12) if moving and now.reserve else 0)),
        in_flight=max(0, now.in_flight + (chance.randint(-6, 6) if moving else 0)),
        junk_held_bytes=now.junk_bytes,
        ring_free_slots=0 if now.state == "stuck" else 256,
        progress_age_ns=at(second) - progress_ns,
        verified_pages=int(totals.get("swap_in_pages", 0)),
        **{name: int(total) for name, total in totals.items()},
    )


def _hung(junk_pps: float) -> Moment:
    lost = {"rx_alloc_failures": junk_pps / 20, "no_buffer_drops": junk_pps, "block_drops": junk_pps / 4000}
    return Moment(
        free=HUNG.free, reserve=HUNG.reserve, in_flight=64, junk_bytes=HUNG.junk_bytes, state="stuck", rates=lost
    )


def result(
    scenario: str,
    policy: str,
    verdict: VerdictName,
    sentence: str,
    nodes: Iterable[NodeVerdict],
    checks: tuple[Check, ...],
    exit_code: int,
    *,
    data: str = "intact",
    kind: str = "scenario",
    ends: tuple[float, float, float] = (5, 25, 40),
) -> Result:
    """A result with phases ending at `ends` seconds and the settings of a 1 Gbit link."""
    bounds = (0.0, *ends)
    names = ("warmup", "flood", "heal")
    return Result(
        run="20231114T221320-abcd",
        scenario=scenario,
        kind="adhoc" if kind == "adhoc" else "scenario",
        policy=policy,
        seed=7,
        started_ns=START_NS,
        ended_ns=at(ends[-1]),
        verdict=verdict,
        sentence=sentence,
        data=data,
        exit_code=exit_code,
        phases=tuple(Phase(name=n, start_ns=at(bounds[i]), end_ns=at(bounds[i + 1])) for i, n in enumerate(names)),
        nodes=tuple(nodes),
        checks=checks,
        settings=(
            Setting(node=NODE, name="policy", asked=policy, in_force=policy, means="machine"),
            Setting(node=NODE, name="rate", asked="1 Gbit", in_force="1 Gbit", means="tbf"),
            Setting(node=NODE, name="delay", asked="200 us", in_force="200 us", means="nfqueue hold"),
            Setting(node=NODE, name="round trip, median", in_force="446 us", means="probe"),
        ),
        notes=("This kernel has no netem: delay is done by holding packets in NFQUEUE.",),
        environment={"kernel": "6.1.0-30-amd64", "docker": "20.10.24", "cpus": 2, "netreserve": "0.1.0"},
    )
