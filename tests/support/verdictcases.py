"""Synthetic traces and the verdict that each deserves: every verdict, and every reason for none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import structs
from traces import CYCLE, NODE, WARMUP, at, event, phases, stretch, trace

from controller.experiment.evidence import fault_event
from controller.experiment.record import Phase
from controller.experiment.verdict import Judgement, judge, void
from nodes.eventkinds import GAVE_UP
from nodes.messages import Event, Sample

FINE = stretch(15, 1000, verified_pages=100)


@dataclass(frozen=True)
class Case:
    verdict: str
    samples: list[Sample]
    events: Sequence[Event] = ()
    phases: Sequence[Phase] = field(default_factory=phases)
    data: str = "intact"
    harness: bool = False
    target: Sequence[Sample] = ()

    def judged(self) -> Judgement:
        return judge(self.phases, {NODE: self.samples}, self.events, targets=[self.target])


def cut(begin: float, end: float, node: str = NODE, fault: str = "cut", concerns: tuple[str, ...] = ()) -> list[Event]:
    return [
        fault_event(at(begin), "r", node, fault, begins=True, concerns=concerns),
        fault_event(at(end), "r", node, fault, begins=False, concerns=concerns),
    ]


def stuck_from(seconds: float, heal: float, **fields: object) -> list[Sample]:
    """Stands still from `seconds` into the flood to the end of `heal` seconds."""
    return trace(WARMUP, stretch(seconds, 900), stretch(20 - seconds, 0), stretch(heal, 0, **fields))


def stalls(begin: int = 9, end: int = 65) -> list[Event]:
    """What a node tells of a standstill, every 2 s, with its cycle."""
    return [event(seconds, "stall", waits=CYCLE, cycle=CYCLE) for seconds in range(begin, end, 2)]


def hung_after(seconds: float, heal: float) -> list[Sample]:
    """Swaps and gets on for so long of the warmup, then never again."""
    return trace(stretch(seconds, 1000, swap_out_pages=1000, verified_pages=500), stretch(25 + heal - seconds, 0))


def hung_populating(seconds: float, heal: float) -> list[Sample]:
    """Never comes to a second pass over its working set, so that only ages show when it stopped."""
    samples = trace(stretch(seconds, 0, swap_out_pages=900, verified_pages=9), stretch(25 + heal - seconds, 0))
    touched = [min(sample.t_ns - number % 2, at(seconds)) for number, sample in enumerate(samples)]
    return [
        structs.replace(sample, progress_age_ns=sample.t_ns - t_ns)
        for sample, t_ns in zip(samples, touched, strict=True)
    ]


MET = [*CYCLE[:2], CYCLE[2] | {"have": 97}]
"""As CYCLE, but the page that the refill waits for is there."""
SEEN = event(40, "autopsy", waits=CYCLE, cycle=CYCLE)
MISSED = event(48, "autopsy", waits=CYCLE[:1], cycle=[], missing=["what storage reply waits for"])
"""Looks at a real kernel. The second did not see all: a task that runs is not among those that are blocked."""
WEAK = void(at(39), "r", "40% of the udp flood reached initiator-1", next_step="ask for less", hang_stands=True)
CASES: dict[str, Case] = {
    # ---- the machine lives
    "healthy: unimpressed": Case("healthy", trace(WARMUP, stretch(20, 950), FINE)),
    "healthy: just half": Case("healthy", trace(WARMUP, stretch(20, 500), FINE)),
    "healthy: a pause as long as a watchdog may take": Case(
        "healthy", trace(WARMUP, stretch(5, 1000), stretch(1.8, 0), stretch(13.2, 1000), FINE)
    ),
    "slow: under half": Case("slow", trace(WARMUP, stretch(20, 480), FINE)),
    "slow: stood for most of the flood, came back within it": Case(
        "slow", trace(WARMUP, stretch(2, 1000), stretch(12, 0), stretch(6, 1000), FINE)
    ),
    # ---- it stops and comes back
    "starved: comes back in heal": Case(
        "starved",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(4, 0), stretch(11, 1000)),
        [event(12, "stall", waits=CYCLE, cycle=CYCLE)],
    ),
    "starved: a trickle": Case("starved", trace(WARMUP, stretch(20, 5), FINE)),
    # ---- it does not come back
    "deadlocked: heal outlasts any retry": Case("deadlocked", stuck_from(3.2, 24), stalls(), phases(heal=24)),
    "deadlocked: block packets come and are refused": Case("deadlocked", stuck_from(3.2, 15, block_drops=1), stalls()),
    "deadlocked: stops only in heal": Case(
        "deadlocked", trace(WARMUP, stretch(20, 900), stretch(2, 900), stretch(13, 0, block_drops=1)), stalls(28)
    ),
    "inconclusive: no cycle recorded": Case(
        "inconclusive", stuck_from(3.2, 24), [event(30, "stall", waits=CYCLE[:1], cycle=[])], phases(heal=24)
    ),
    "inconclusive: a cycle in the flood alone": Case(
        "inconclusive", stuck_from(3.2, 24), stalls(9, 24), phases(heal=24)
    ),
    "livelock: no progress, but pages go out to the end": Case(
        "livelock", stuck_from(3.2, 24, swap_out_pages=10), stalls(), phases(heal=24)
    ),
    "inconclusive: no progress, and pages went out for a while": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(6, 0, swap_out_pages=10), stretch(18, 0)),
        stalls(),
        phases(heal=24),
    ),
    "inconclusive: the latest evidence shows no cycle": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [*stalls(9, 48), event(48, "stall", waits=CYCLE, cycle=[])],
        phases(heal=24),
    ),
    "inconclusive: a cycle in which a need is met": Case(
        "inconclusive", stuck_from(3.2, 24), [event(40, "stall", waits=MET, cycle=MET)], phases(heal=24)
    ),
    "inconclusive: an autopsy of the flood, repeated since": Case(
        "inconclusive",
        stuck_from(3.2, 24, tier="kernel"),
        [event(20, "autopsy", waits=CYCLE, cycle=CYCLE), *stalls(21)],
        phases(heal=24),
    ),
    "deadlocked: an autopsy since the flood ended": Case(
        "deadlocked",
        stuck_from(3.2, 24, tier="kernel"),
        [*stalls(), event(40, "autopsy", waits=CYCLE, cycle=CYCLE)],
        phases(heal=24),
    ),
    "deadlocked: a look that missed a running task, at a machine that had not moved since the one before": Case(
        "deadlocked", stuck_from(3.2, 24, tier="kernel"), [SEEN, MISSED], phases(heal=24)
    ),
    "inconclusive: a look that missed something, at a machine that had moved": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(38, 0, tier="kernel"), stretch(2.8, 0, in_flight=1, tier="kernel")),
        [SEEN, MISSED],
        phases(heal=24),
    ),
    "inconclusive: a whole look that shows no cycle, at a machine that has not moved": Case(
        "inconclusive",
        stuck_from(3.2, 24, tier="kernel"),
        [SEEN, event(48, "autopsy", waits=CYCLE[:1], cycle=[])],
        phases(heal=24),
    ),
    "inconclusive: no progress, but writes are answered with errors": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [*stalls(), event(40, "io_error", page=7, write=True, errno=5)],
        phases(heal=24),
    ),
    "inconclusive: no progress, but memory moves": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=351)),
        stalls(),
        phases(heal=24),
    ),
    "deadlocked: a real kernel's per-CPU lists move a little": Case(
        "deadlocked",
        trace(
            WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=414, tier="kernel")
        ),
        stalls(),
        phases(heal=24),
    ),
    "deadlocked: what left the per-CPU lists of several processors came to the zones' own": Case(
        "deadlocked",
        trace(
            WARMUP,
            stretch(3.2, 900),
            stretch(16.8, 0),
            stretch(12, 0, free_pages=350, pcp_pages=152, tier="kernel"),
            stretch(12, 0, free_pages=500, pcp_pages=2, tier="kernel"),
        ),
        stalls(),
        phases(heal=24),
    ),
    "inconclusive: no progress, but a real kernel's memory moves": Case(
        "inconclusive",
        trace(
            WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(12, 0), stretch(12, 0, free_pages=415, tier="kernel")
        ),
        stalls(),
        phases(heal=24),
    ),
    "deadlocked: what moved before the watchdog rang is not a sign of life": Case(
        "deadlocked",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(1.5, 0, swap_out_pages=9), stretch(22.5, 0)),
        stalls(),
        phases(heal=24),
    ),
    "inconclusive: heal too short to tell": Case("inconclusive", stuck_from(3.2, 15)),
    "inconclusive: refused, but only before the watchdog could help": Case(
        "inconclusive",
        trace(WARMUP, stretch(3.2, 900), stretch(16.8, 0), stretch(1, 0, block_drops=5), stretch(14, 0)),
    ),
    "inconclusive: refused, but the machine's own waits are not over": Case(
        "inconclusive", stuck_from(3.2, 6, block_drops=3), phases=phases(heal=6)
    ),
    # ---- its TCP gave up
    "deadlocked: stood until its TCP gave up, whatever befell it then": Case(
        "deadlocked",
        stuck_from(3.2, 200),
        [
            *stalls(9, 180),
            event(180, "reconnect", state="lost", reason=GAVE_UP),
            event(182, "oom", kind="modelled", free_pages=3, min_pages=9),
        ],
        phases(heal=200),
    ),
    "inconclusive: its TCP gave up while a cable was out": Case(
        "inconclusive",
        stuck_from(3.2, 200, state="dead"),
        [*stalls(9, 180), *cut(8, 170), event(180, "reconnect", state="lost", reason=GAVE_UP)],
        phases(heal=200),
    ),
    "inconclusive: its TCP gave up, and nobody saw a cycle": Case(
        "inconclusive",
        stuck_from(3.2, 200, state="dead"),
        [event(180, "reconnect", state="lost", reason=GAVE_UP)],
        phases(heal=200),
    ),
    # ---- it never needed the junk, or all of it
    "deadlocked: hung before the flood": Case("deadlocked", hung_after(2, 30), stalls(3, 55), phases(heal=30)),
    "deadlocked: hung in the flood, after too short a time under pressure": Case(
        "deadlocked",
        trace(
            stretch(4.5, 1000), stretch(0.5, 1000, swap_out_pages=900, verified_pages=9), stretch(20, 0), stretch(30, 0)
        ),
        stalls(6, 55),
        phases(heal=30),
    ),
    "deadlocked: hung while it populated": Case("deadlocked", hung_populating(3, 30), stalls(5, 55), phases(heal=30)),
    "inconclusive: hung before the flood, and nobody saw a cycle": Case(
        "inconclusive", hung_after(2, 30), phases=phases(heal=30)
    ),
    "inconclusive: hung before the flood, and not watched for long enough": Case(
        "inconclusive", hung_after(2, 10), stalls(3, 35), phases(heal=10)
    ),
    "inconclusive: never swapped, and stands": Case(
        "inconclusive", trace(stretch(2, 1000), stretch(53, 0)), phases=phases(heal=30), data="unverified"
    ),
    "deadlocked: under less junk than was asked": Case(
        "deadlocked", stuck_from(3.2, 24), [*stalls(), WEAK], phases(heal=24)
    ),
    "oom: under less junk than was asked": Case("oom", stuck_from(3.2, 15), [event(9, "oom", kind="modelled"), WEAK]),
    "starved: under less junk than was asked": Case(
        "starved", trace(WARMUP, stretch(3, 900), stretch(17, 0), stretch(4, 0), stretch(11, 1000)), [WEAK]
    ),
    "inconclusive: lived under less junk than was asked": Case(
        "inconclusive", trace(WARMUP, stretch(20, 950), FINE), [WEAK]
    ),
    # ---- faults
    "healthy: the cut is excused": Case(
        "healthy", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20)
    ),
    "healthy: the target's cut is excused too": Case(
        "healthy",
        trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE),
        cut(10, 20, "target-1", concerns=(NODE,)),
    ),
    "healthy: a target that does not answer": Case(
        "healthy",
        trace(WARMUP, stretch(5, 950), stretch(8, 0), stretch(7, 950), FINE),
        cut(10, 17, "target-1", "stalled", (NODE,)),
    ),
    "slow: another node's cut excuses nothing": Case(
        "slow", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20, "initiator-2")
    ),
    "slow: a fault that lets work go on excuses nothing": Case(
        "slow", trace(WARMUP, stretch(5, 950), stretch(12, 0), stretch(3, 950), FINE), cut(10, 20, fault="shape")
    ),
    "starved: stood long after the cut was over": Case(
        "starved",
        trace(WARMUP, stretch(3, 950), stretch(17, 0), stretch(3, 0), stretch(12, 950)),
        cut(8, 10),
    ),
    "deadlocked: never back after a cut": Case(
        "deadlocked", stuck_from(3, 30), [*cut(8, 18), *stalls()], phases(heal=30)
    ),
    "inconclusive: a cut that lasts into heal": Case("inconclusive", stuck_from(3, 15), cut(8, 35)),
    "inconclusive: the cut covers the flood": Case(
        "inconclusive", trace(WARMUP, stretch(20, 0), stretch(1, 0), stretch(14, 900)), cut(5, 25)
    ),
    "inconclusive: the flood is too short for two samples": Case(
        "inconclusive", trace(WARMUP, stretch(15, 900)), phases=phases(flood=0.05)
    ),
    # ---- it dies
    "oom: a task is killed": Case(
        "oom", stuck_from(3.2, 15), [event(9, "oom", free_pages=0, min_pages=256, kind="modelled")]
    ),
    "inconclusive: the container was killed": Case(
        "inconclusive", stuck_from(3.2, 15), [event(9, "oom", kills=1, kind="real")], harness=True
    ),
    "inconclusive: the target did not give a page back": Case(
        "inconclusive",
        stuck_from(3.2, 24, state="dead"),
        [event(8.2, "io_error", page=7, write=False, errno=5), *stalls()],
        phases(heal=24),
    ),
    "inconclusive: dead before anybody recorded why": Case(
        "inconclusive", stuck_from(3.2, 24, state="dead"), phases=phases(heal=24)
    ),
    "oom: dead of it": Case("oom", stuck_from(3.2, 15, state="dead"), [event(9, "oom", kind="guest", kills=1)]),
    "panicked: the guest's kernel gave up": Case(
        "panicked",
        stuck_from(3.2, 15, state="dead", tier="kernel"),
        [event(9, "panic", line="Kernel panic - not syncing: Fatal exception in interrupt")],
    ),
    "panicked: for want of memory": Case(
        "panicked",
        stuck_from(3.2, 15, state="dead", tier="kernel"),
        [
            event(9, "oom", kind="guest", kills=1),
            event(9, "panic", line="Kernel panic - not syncing: System is deadlocked"),
        ],
    ),
    # ---- it proves nothing
    "inconclusive: nothing swapped before the flood": Case(
        "inconclusive", trace(stretch(5, 1000), stretch(20, 950, swap_out_pages=900, verified_pages=9), FINE)
    ),
    "inconclusive: swapped before the record began, and not in warmup": Case(
        "inconclusive",
        trace(stretch(0.1, 0, swap_out_pages=9000), stretch(4.9, 1000), stretch(20, 950, swap_out_pages=900), FINE)[1:],
    ),
    "healthy: swaps though its marks, as they were given, are far below": Case(
        "healthy",
        trace(stretch(5, 1000, swap_out_pages=900, free_pages=900, boost_pages=800), stretch(20, 950), FINE),
        data="intact",
    ),
    "deadlocked: a guest that swapped above the high mark, and stands with nothing free": Case(
        "deadlocked",
        trace(
            stretch(5, 1000, swap_out_pages=900, free_pages=900, boost_pages=800, tier="kernel"),
            stretch(3, 900, swap_out_pages=900, free_pages=900, tier="kernel"),
            stretch(41, 0, free_pages=0, tier="kernel"),
        ),
        [event(40, "autopsy", waits=CYCLE, cycle=CYCLE)],
        phases(heal=24),
        data="unverified",
    ),
    "inconclusive: pressure only just before the flood": Case(
        "inconclusive",
        trace(stretch(4.5, 1000), stretch(0.5, 1000, swap_out_pages=900, verified_pages=9), stretch(20, 950), FINE),
    ),
    "inconclusive: swapping, but still populating when the flood begins": Case(
        "inconclusive",
        trace(stretch(4.5, 0, swap_out_pages=900, verified_pages=9), stretch(0.5, 1000), stretch(20, 950), FINE),
    ),
    "healthy: populates first, then is measured": Case(
        "healthy",
        trace(stretch(3.5, 0, swap_out_pages=900, verified_pages=9), stretch(1.5, 1000), stretch(20, 510), FINE),
    ),
    "slow: populates first, then is measured": Case(
        "slow",
        trace(stretch(3.5, 0, swap_out_pages=900, verified_pages=9), stretch(1.5, 1000), stretch(20, 490), FINE),
    ),
    "inconclusive: progress ended before the flood": Case(
        "inconclusive",
        trace(
            stretch(1, 0, swap_out_pages=900, verified_pages=9),
            stretch(0.1, 10),
            stretch(3.9, 0),
            stretch(20, 10),
            FINE,
        ),
    ),
    "inconclusive: no progress in warmup": Case(
        "inconclusive", trace(stretch(5, 0, swap_out_pages=100, verified_pages=9), stretch(20, 10), FINE)
    ),
    "inconclusive: node silent in the flood": Case(
        "inconclusive",
        trace(WARMUP, stretch(5, 950), stretch(3, 950, silent=True), stretch(12, 950), FINE),
        harness=True,
    ),
    "inconclusive: node silent at the end": Case(
        "inconclusive", trace(WARMUP, stretch(20, 950), stretch(12, 950), stretch(3, 950, silent=True)), harness=True
    ),
    "healthy: two seconds without a sample are borne": Case(
        "healthy", trace(WARMUP, stretch(5, 950), stretch(1.8, 950, silent=True), stretch(13.2, 950), FINE)
    ),
    "inconclusive: no samples at all": Case("inconclusive", [], data="unverified", harness=True),
    "inconclusive: interrupted in the flood": Case(
        "inconclusive", trace(WARMUP, stretch(4, 950)), phases=phases(flood=4, heal=0)
    ),
    "inconclusive: a setting not in force": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950), FINE),
        [void(at(1), "r", "initiator-1: delay asked 200 us, in force 0 us", node=NODE)],
    ),
    "inconclusive: a fault of the node's own": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [event(9, "harness", void="a fault of netreserve's own: OSError: Bad file descriptor", harness=True)],
        phases(heal=24),
        harness=True,
    ),
    "inconclusive: the target died": Case(
        "inconclusive",
        stuck_from(3.2, 24),
        [event(9, "harness", node="target-1", void="nbdkit ended by itself (exit code -9)", harness=True)],
        phases(heal=24),
        harness=True,
    ),
    "healthy: a round trip that could not be measured is a note": Case(
        "healthy",
        trace(WARMUP, stretch(20, 950), FINE),
        [event(1, "harness", what="round trip not measured: no answer")],
    ),
    "inconclusive: controller restarted": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950), FINE),
        [void(at(9), "r", "controller restarted", harness=True)],
        harness=True,
    ),
    "inconclusive: a void run is void though a task was killed": Case(
        "inconclusive",
        stuck_from(3.2, 15),
        [event(9, "oom", kind="modelled"), void(at(10), "r", "acknowledgement of policy late")],
    ),
    "inconclusive: harness lost packets of the flood": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950, rx_packets=20_000, pump_drops=400), FINE),
        harness=True,
    ),
    "inconclusive: the target's relay lost packets": Case(
        "inconclusive",
        trace(WARMUP, stretch(20, 950, rx_packets=20_000), FINE),
        harness=True,
        target=trace(stretch(5, 0), stretch(20, 0, pump_drops=400), stretch(15, 0), node="target-1"),
    ),
    "healthy: harness lost a few packets": Case(
        "healthy", trace(WARMUP, stretch(20, 950, rx_packets=20_000, pump_drops=100), FINE)
    ),
    "deadlocked: what the harness lost in the flood does not explain heal": Case(
        "deadlocked",
        trace(
            WARMUP, stretch(3, 900), stretch(17, 0, rx_packets=20_000, pump_drops=900), stretch(15, 0, block_drops=1)
        ),
        stalls(),
    ),
    # ---- data
    "healthy: corrupt data": Case(
        "healthy", trace(WARMUP, stretch(20, 950, corrupt_pages=0.1), FINE), data="corrupt (2 pages)"
    ),
    "healthy: nothing came back to be verified": Case(
        "healthy",
        trace(stretch(5, 1000, swap_out_pages=900), stretch(20, 950), stretch(15, 950)),
        data="unverified",
    ),
}
