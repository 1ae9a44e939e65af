"""All that the record says about one initiator: its standstills, which of them a fault excuses, its rates, its cycle.

Faults: while a link is cut or a target stalls, no progress is expected. A standstill that begins in such a window is
excused up to the longest legitimate wait after its end, and its time counts neither for nor against the flood's rate.
A node that still stands after that is judged like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.experiment.record import Phase
from controller.experiment.trace import STALL_NS, Stall, growth, phase, rate_per_s, stalls, within, without
from nodes.eventkinds import GAVE_UP, Autopsy, FaultSet, Stalled, Wait
from nodes.machine.retransmit import RTO_MAX_NS, RTO_MIN_NS
from nodes.messages import Event, Sample
from nodes.units import SECOND_NS

BIO_ROUND_NS = 5 * SECOND_NS
"""mempool_alloc sleeps up to 5 s before it tries again (physics.md section 2)."""
WATCHDOG_NS = 2 * SECOND_NS
"""A driver's forced receive interrupt (physics.md section 4)."""
LONGEST_WAIT_NS = RTO_MAX_NS + BIO_ROUND_NS + WATCHDOG_NS
"""127 s: no legitimate wait is longer (`legitimate_wait_ns`)."""
HEAL_EXTENSION_NS = LONGEST_WAIT_NS + STALL_NS + SECOND_NS
"""So much longer than planned a heal phase lasts at most, in every tier. A machine that stops just as the planned phase ends
may wait for LONGEST_WAIT_NS; before that the record takes STALL_NS to show that it stands, and a sample may come late (own:
1 s)."""
FREE_JITTER_PAGES = 64
"""Free memory of a real kernel that hangs may move by as much: per-CPU lists are filled and drained, 63 pages at a time
(own; in the first hangs that were seen, on one processor, it did not move at all)."""
EXAMINED_NS = 13 * SECOND_NS
"""Within so long a real kernel that stands is asked anew what its tasks wait for (every 10 s: nodes/kernel/watch.py) and has
answered (own: 3 s)."""
STOPS = ("cut", "stalled", "down")
"""Settings of a link and of a target during which nothing can progress, and the words for them in fault events."""

Span = tuple[int, int]
"""Begin and end of a span of time, both included, ns."""
ALWAYS_NS = 1 << 63
"""Later than the end of any record."""


def legitimate_wait_ns(stalled_ns: int) -> int:
    """How long a node that has stood still for `stalled_ns` may rightly go on waiting when nothing hinders it any more:
    for the peer's next retransmission (its timeout doubles, so that comes after at most as long again), then a bio round
    and a watchdog period. Before that, a standstill proves nothing."""
    retry_ns = min(max(stalled_ns, RTO_MIN_NS), RTO_MAX_NS)
    return retry_ns + BIO_ROUND_NS + WATCHDOG_NS


def fault_event(t_ns: int, run: str, node: str, fault: str, *, begins: bool, concerns: Sequence[str] = ()) -> Event:
    """The event of a fault that begins or ends at `node`. `fault` is one of STOPS, or the kind of fault that the settings
    belong to; `concerns`: the initiators that it keeps from working."""
    return Event(
        t_ns=t_ns,
        node=node,
        run=run,
        detail=FaultSet(fault=fault, action="begin" if begins else "end", concerns=tuple(concerns)),
    )


class Evidence:
    """The record of one initiator. `proved`: the tier itself proved its last standstill to last for ever.
    `targets`: what each storage target measured."""

    def __init__(
        self,
        node: str,
        phases: Sequence[Phase],
        samples: Sequence[Sample],
        events: Sequence[Event],
        proved: bool = False,
        targets: Sequence[Sequence[Sample]] = (),
    ) -> None:
        self.node, self.proved, self.targets = node, proved, targets
        self.phases = list(phases)
        self.warmup, self.flood, self.heal = (phase(phases, name) for name in ("warmup", "flood", "heal"))
        self.samples = sorted(samples, key=lambda sample: sample.t_ns)
        in_order = sorted(events, key=lambda event: event.t_ns)
        self.events = [event for event in in_order if event.node in (node, "")]
        self._is_examined = any(event.kind == "autopsy" for event in self.events)
        self.windows = _windows(in_order, node, phases[-1].end_ns if phases else 0)
        found = stalls(self.samples)
        self.standing = next((stall for stall in found if stall.open), None)
        """The standstill that the record ends in."""
        self.excused = [stall for stall in found if self._is_excused(stall)]
        self.stalls = [stall for stall in found if stall not in self.excused]

    def calm_ns(self) -> int:
        """When floods and faults had ended."""
        return max([self.flood.end_ns if self.flood else 0, *(end_ns for _, end_ns in self.windows)])

    def needed_ns(self, stall: Stall) -> int:
        """How long `stall` must last, after all hindrance ended, to be called a deadlock.

        When block packets arrived after the driver's last chance to refill, and were refused, the peer's next try
        cannot fare better: only the machine's own waits remain.
        """
        refused = growth(self.samples, "block_drops", self._free_ns(stall) + WATCHDOG_NS, stall.end_ns) > 0
        stood_ns = max(self.calm_ns() - stall.start_ns, 0)
        wait_ns = BIO_ROUND_NS + WATCHDOG_NS if refused else legitimate_wait_ns(stood_ns)
        return max(wait_ns, EXAMINED_NS) if self._is_examined else wait_ns

    def waited_ns(self, stall: Stall) -> int:
        """How long `stall` lasted after all hindrance ended."""
        return stall.end_ns - self._free_ns(stall)

    def answered(self, stall: Stall) -> tuple[int, int]:
        """Pages that went out or came in during `stall`, after the driver's last chance to refill: in all, and of these in
        the later half of that time. What moves before has been under way since the hindrance."""
        quiet_ns = self._quiet_ns(stall)
        return self._answered(quiet_ns, stall.end_ns), self._answered((quiet_ns + stall.end_ns) // 2, stall.end_ns)

    def _answered(self, since_ns: int, until_ns: int) -> int:
        return sum(growth(self.samples, name, since_ns, until_ns) for name in ("swap_in_pages", "swap_out_pages"))

    def failed(self, stall: Stall) -> int:
        """Requests that the target answered with an error in that time."""
        return sum(event.kind == "io_error" and event.t_ns >= self._quiet_ns(stall) for event in self.events)

    def free_moved(self, stall: Stall) -> tuple[int, int] | None:
        """The least and the most free pages in that time, those in per-CPU lists among them: from one to the other they move
        also in a kernel that hangs. None when free memory did not change."""
        quiet = within(self.samples, self._quiet_ns(stall), stall.end_ns)
        free = [sample.free_pages + sample.pcp_pages for sample in quiet]
        moved = free and max(free) - min(free) > self._jitter_pages()
        return (min(free), max(free)) if moved else None

    def gave_up_ns(self) -> int | None:
        """When its TCP ended the block connection for want of answers, if it did (tier sim)."""
        return next((event.t_ns for event in self.events if getattr(event.detail, "reason", "") == GAVE_UP), None)

    def cycle_since_calm(self, stall: Stall) -> tuple[Wait, ...]:
        """The cycle that the machine named in `stall` after all hindrance had ended."""
        return self.cycle(self._free_ns(stall), ALWAYS_NS)

    def _quiet_ns(self, stall: Stall) -> int:
        return self._free_ns(stall) + WATCHDOG_NS

    def _jitter_pages(self) -> int:
        return FREE_JITTER_PAGES if any(sample.tier == "kernel" for sample in self.samples[-1:]) else 0

    def heal_needed_ns(self) -> int:
        """How long the heal phase must last in all for this node to be judged; 0 when it does not stand still."""
        if self.standing is None or self.heal is None:
            return 0
        return max(self.calm_ns(), self.standing.start_ns) + self.needed_ns(self.standing) - self.heal.start_ns

    def swapped_out_pages(self) -> int:
        """In warmup. Pages are swapped out only while memory is short, whatever the marks were: a real kernel raises them
        for a while (`Sample.boost_pages`) and then reclaims far above the high mark that it was given."""
        return growth(self.samples, "swap_out_pages", self.warmup.start_ns, self.warmup.end_ns) if self.warmup else 0

    def pressed_ns(self) -> int | None:
        """When, in warmup, pages had been swapped out and the application made progress: the first pass over its working
        set fills memory and swaps, but is none (nodes/machine/workload.py)."""
        if self.warmup is None or not self.swapped_out_pages():
            return None
        span = within(self.samples, self.warmup.start_ns, self.warmup.end_ns)
        return next((sample.t_ns for sample in span if sample.swap_out_pages > 0 and sample.progress_pages > 0), None)

    def warmup_rate(self) -> float | None:
        """Progress under pressure, pages per second: the only rate that the flood's can be compared with."""
        start_ns = self.pressed_ns()
        return (
            rate_per_s(self.samples, [(start_ns, self.warmup.end_ns)]) if start_ns is not None and self.warmup else None
        )

    def flood_rate(self) -> float | None:
        """Progress in the flood, less the time that faults excuse; None when they cover all of it."""
        if self.flood is None:
            return None
        holes = [(stall.start_ns, stall.end_ns) for stall in self.excused]
        return rate_per_s(self.samples, without(self.flood.start_ns, self.flood.end_ns, holes))

    def heal_rate(self) -> float | None:
        """Progress in the heal phase."""
        return rate_per_s(self.samples, [(self.heal.start_ns, self.heal.end_ns)]) if self.heal else None

    def recovery_ns(self) -> int | None:
        """The longest time from the end of a standstill's cause, flood or fault, to progress; None: none outlived it."""
        ended = [stall.end_ns - self._cause_end_ns(stall) for stall in [*self.stalls, *self.excused] if not stall.open]
        return max((time_ns for time_ns in ended if time_ns > 0), default=None)

    def cycle(self, since_ns: int, until_ns: int) -> tuple[Wait, ...]:
        """The wait-for cycle that the latest evidence in a span of time shows; empty when that shows none, whatever older
        evidence showed. Of a real kernel only autopsies are evidence: its other events repeat what the last one said."""
        kind = Autopsy if self._is_examined else Stalled
        told = [event for event in self.events if isinstance(event.detail, kind) and since_ns <= event.t_ns <= until_ns]
        while len(told) > 1 and self._overlooked(told[-2], told[-1]):
            told.pop()
        cycle = getattr(told[-1].detail, "cycle", ()) if told else ()
        return () if any(edge.have >= edge.need for edge in cycle) else cycle

    def _overlooked(self, earlier: Event, later: Event) -> bool:
        """Whether `later` saw less than `earlier` of the same state: an autopsy that says what it is missing, of a machine
        in which nothing moved between the two. A task that tries again and again runs now and then, and one that runs is
        not among the blocked tasks that a kernel prints (kernel/sched/core.c, show_state_filter)."""
        span = within(self.samples, earlier.t_ns, later.t_ns)
        counted = {(s.progress_pages, s.swap_in_pages, s.swap_out_pages, s.in_flight) for s in span}
        free = [sample.free_pages + sample.pcp_pages for sample in span] or [0]
        stood = len(counted) == 1 and max(free) - min(free) <= self._jitter_pages()
        return isinstance(later.detail, Autopsy) and bool(later.detail.missing) and stood

    def _free_ns(self, stall: Stall) -> int:
        """Since when nothing hinders it any more."""
        return max(self.calm_ns(), stall.start_ns)

    def _cause_end_ns(self, stall: Stall) -> int:
        window = self._window_of(stall)
        if window:
            return window[1]
        begun_in_flood = self.flood is not None and self.flood.start_ns <= stall.start_ns < self.flood.end_ns
        return self.flood.end_ns if self.flood and begun_in_flood else stall.end_ns

    def _is_excused(self, stall: Stall) -> bool:
        window = self._window_of(stall)
        if window is None or stall.open:
            return False
        return stall.end_ns <= window[1] + legitimate_wait_ns(window[1] - stall.start_ns)

    def _window_of(self, stall: Stall) -> Span | None:
        """The fault that the standstill began in, with those that came before it had to be over; a standstill younger than
        STALL_NS when the fault came was none before it."""
        found = next((span for span in self.windows if span[0] - STALL_NS < stall.start_ns < span[1]), None)
        for span in self.windows:
            if found and span[0] <= found[1] + legitimate_wait_ns(found[1] - stall.start_ns):
                found = (found[0], max(found[1], span[1]))
        return found


def _windows(events: Sequence[Event], node: str, end_ns: int) -> list[Span]:
    """When faults kept `node` from any progress; a fault that nobody ended lasts to the end."""
    begun: dict[tuple[str, str], int] = {}
    windows: list[Span] = []
    for event in events:
        told = event.detail
        if not isinstance(told, FaultSet) or told.fault not in STOPS:
            continue
        if event.node != node and node not in told.concerns:
            continue
        key = (event.node, told.fault)
        if told.action == "begin":
            begun.setdefault(key, event.t_ns)
        elif key in begun:
            windows.append((begun.pop(key), event.t_ns))
    return sorted([*windows, *((start_ns, end_ns) for start_ns in begun.values())])
