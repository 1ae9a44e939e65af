"""The finding on one initiator: questions asked of its evidence, of which the first that has an answer decides."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from controller.experiment import nextstep
from controller.experiment.evidence import ALWAYS_NS, LONGEST_WAIT_NS, Evidence, Span
from controller.experiment.telling import in_flood, in_run
from controller.experiment.trace import SILENCE_NS, Stall, growth, silence
from controller.experiment.verdicts import SURVIVED, VerdictName
from nodes.eventkinds import Harness, IoError, OutOfMemory, Panic
from nodes.messages import Event
from nodes.units import SECOND_NS, format_ns

HEALTHY_RATIO = 0.5
"""Design, section 7: progress within 50 % of warmup's rate."""
STILL_RATIO = 0.01
"""Less than a hundredth of warmup's rate does not count as progress (own)."""
WARMUP_PRESSED_NS = SECOND_NS
"""Progress under pressure must have been seen for as long before the flood: ten samples (own)."""
PUMP_LOSS_RATIO = 0.01
"""Packets lost by the harness, as a share of all, above which the machine did not see the flood that was sent (own)."""


class Finding(Struct, frozen=True, kw_only=True):
    """The verdict on one node and why; `harness`: netreserve, not the patient, is to blame."""

    verdict: VerdictName
    reason: str
    next_step: str = ""
    """Of an inconclusive one, always: what to do about it."""
    harness: bool = False
    of_all: bool = False
    """The reason concerns the whole run, not this node alone."""
    seen: Span | None = None
    """Of a standstill: since when, and until when, evidence tells what it stood in."""

    def __post_init__(self) -> None:
        assert bool(self.next_step) == (self.verdict == "inconclusive"), self.reason


class Void(NamedTuple):
    """An event that makes a run, or one node, prove nothing."""

    t_ns: int
    node: str
    told: Harness


def voids_of(events: Iterable[Event]) -> list[Void]:
    """Those of `events`, in the order in which they happened."""
    found = [
        Void(event.t_ns, event.node, event.detail)
        for event in events
        if isinstance(event.detail, Harness) and event.detail.void
    ]
    return sorted(found, key=lambda void: void.t_ns)


def find(case: Evidence, voids: Sequence[Void]) -> Finding:
    """`voids`: the events that make the run prove nothing, of the node itself or of whoever is not judged: what befalls a
    target or the controller concerns all. Less junk than was asked for proves no survival, but who hung under it did."""
    total = [void for void in voids if not void.told.hang_stands]
    if total:
        return _voided(case, total)
    found = _finding(case)
    return _voided(case, voids) if voids and found.verdict in SURVIVED else found


def _finding(case: Evidence) -> Finding:
    for question in _QUESTIONS:
        if finding := question(case):
            return finding
    return _standing(case, case.standing) if case.standing else _moving(case)


def _voided(case: Evidence, voids: Sequence[Void]) -> Finding:
    _, node, told = voids[0]
    reason, of_all = told.void, node != case.node
    if of_all and node and not reason.startswith(node):
        reason = f"{node}: {reason}"
    step = step_after(told)
    return Finding(verdict="inconclusive", reason=reason, next_step=step, harness=told.harness, of_all=of_all)


def step_after(told: Harness) -> str:
    """What to do about what makes a run prove nothing."""
    return told.next_step or nextstep.after_void(harness=told.harness, exit_code=told.exit_code)


def _panicked(case: Evidence) -> Finding | None:
    found = next(((event.t_ns, event.detail) for event in case.events if isinstance(event.detail, Panic)), None)
    if found is None:
        return None
    t_ns, told = found
    reason = f"the kernel panicked{in_run(case, t_ns)}{f': {told.line}' if told.line else ''}"
    return Finding(verdict="panicked", reason=reason)


def _given_up(case: Evidence) -> Finding | None:
    """Its TCP gave up, a quarter of an hour after the last answer: what stood so long without a hindrance had hung, whatever
    befell it then. With one, the connection would have ended on any machine."""
    gave_up_ns, stall = case.gave_up_ns(), case.standing
    if gave_up_ns is None or stall is None:
        return None
    free_ns = max(case.calm_ns(), stall.start_ns)
    told = f"no page was touched since {in_flood(case, stall.start_ns)}, and TCP gave up{in_run(case, gave_up_ns)}"
    if gave_up_ns - free_ns > LONGEST_WAIT_NS and case.cycle(free_ns, gave_up_ns):
        return Finding(verdict="deadlocked", reason=told, seen=(stall.start_ns, gave_up_ns))
    return _inconclusive(f"{told}: all block requests failed", nextstep.SHORTER_FAULT)


def _killed(case: Evidence) -> Finding | None:
    found = next(((event.t_ns, event.detail) for event in case.events if isinstance(event.detail, OutOfMemory)), None)
    if found is None:
        return None
    t_ns, told = found
    if told.whose == "real":
        return _inconclusive(
            "the container's own memory limit, not the modelled machine, killed the node",
            nextstep.MORE_MEMORY,
            harness=True,
        )
    return Finding(verdict="oom", reason=f"the machine killed a task for want of memory{in_run(case, t_ns)}")


def _dead(case: Evidence) -> Finding | None:
    """An application whose page did not come back ends by SIGBUS: it stands still for ever, but waits for nothing."""
    died = next((sample for sample in case.samples if sample.state == "dead"), None)
    if died is None:
        return None
    failed = [(event.t_ns, event.detail) for event in case.events if isinstance(event.detail, IoError)]
    t_ns, read = next(((t_ns, told) for t_ns, told in failed if not told.write), (0, None))
    if read is None:
        reason = f"the application was dead{in_run(case, died.t_ns)}, and no event tells what killed it"
        return _inconclusive(reason, nextstep.READ_LOG)
    name = errno.errorcode.get(read.errno, f"error {read.errno}")
    reason = f"the application was killed: the target answered a read with {name}{in_run(case, t_ns)}"
    return _inconclusive(reason, nextstep.MEND_TARGET)


def _incomplete(case: Evidence) -> Finding | None:
    for name, phase in (("warmup", case.warmup), ("flood", case.flood), ("heal", case.heal)):
        if phase is None:
            return _inconclusive(f"the run ended before its {name} phase", nextstep.FINISH)
    return None


def _silent(case: Evidence) -> Finding | None:
    longest_ns, since_ns = silence(case.samples, case.phases[0].start_ns, case.phases[-1].end_ns)
    if longest_ns <= SILENCE_NS:
        return None
    reason = f"no sample came for {format_ns(longest_ns)}{in_run(case, since_ns)}: the node was silent"
    return _inconclusive(reason, nextstep.LESS_LOAD, harness=True)


def _hung(case: Evidence) -> Finding | None:
    """A machine that swapped, or is proved to hang, and stands to the end: how fast it was before matters only to those
    that live. It may have stood when the flood began; then it needed no junk."""
    stall = case.standing
    if stall is None or not (case.proved or case.samples[-1].swap_out_pages):
        return None
    return _standing(case, stall)


def _unpressed(case: Evidence) -> Finding | None:
    assert case.warmup
    warmup_ns = case.warmup.end_ns - case.warmup.start_ns
    if not case.swapped_out_pages():
        return _inconclusive("pressure not reached: no page was swapped out in warmup", nextstep.MORE_PRESSURE)
    pressed_ns = case.pressed_ns()
    if pressed_ns is None or case.warmup.end_ns - pressed_ns < WARMUP_PRESSED_NS:
        reason = f"less than {format_ns(WARMUP_PRESSED_NS)} of progress under pressure before the flood"
        return _inconclusive(reason, nextstep.longer_warmup(warmup_ns))
    if case.warmup_rate():
        return None
    return _inconclusive("no progress in warmup: there is nothing to compare with", nextstep.longer_warmup(warmup_ns))


def _harness_loss(case: Evidence) -> Finding | None:
    """In the phase that the verdict rests on: heal for a node that stands, the flood for one that goes on."""
    lost, seen = pump_loss(case)
    if lost <= PUMP_LOSS_RATIO * (seen + lost):
        return None
    reason = f"the harness lost {lost} of {seen + lost} packets before machine or target saw them"
    return _inconclusive(reason, nextstep.LESS_LOAD, harness=True)


_QUESTIONS: tuple[Callable[[Evidence], Finding | None], ...] = (
    _panicked,
    _given_up,
    _killed,
    _dead,
    _incomplete,
    _silent,
    _harness_loss,
    _hung,
    _unpressed,
)
"""Asked of a run that is not void, in this order; the first that has an answer decides."""


def _standing(case: Evidence, stall: Stall) -> Finding:
    since, waited_ns, needed_ns = in_flood(case, stall.start_ns), case.waited_ns(stall), case.needed_ns(stall)
    seen = (stall.start_ns, ALWAYS_NS)
    if not case.proved and waited_ns < needed_ns:
        assert case.heal
        lasted, heal_needed_ns = format_ns(case.heal.end_ns - case.heal.start_ns), case.heal_needed_ns()
        reason = (
            f"heal too short: needs {format_ns(heal_needed_ns)}, lasted {lasted}; no page was touched since {since}"
        )
        return _inconclusive(reason, nextstep.longer_heal(heal_needed_ns), seen=seen)
    after = f"{format_ns(waited_ns)} after flood and faults ended" if waited_ns > 0 else "for ever"
    standing = f"no page was touched since {since}, still so {after}"
    return (
        Finding(verdict="deadlocked", reason=standing, seen=seen) if case.proved else _observed(case, stall, standing)
    )


def _observed(case: Evidence, stall: Stall, standing: str) -> Finding:
    """What a standstill is that outlasted every wait. After the driver's last chance to refill nothing may have moved, and
    the machine must have named its cycle since all hindrance ended (physics.md section 12, invariants)."""
    seen = (stall.start_ns, ALWAYS_NS)
    answered, lately = case.answered(stall)
    if lately:
        reason = f"{answered} pages went out or came in, and {standing}"
        return Finding(verdict="livelock", reason=reason, seen=seen)
    longer = nextstep.longer_heal(2 * case.heal_needed_ns())
    doubts: list[tuple[str, str]] = []
    if failed := case.failed(stall):
        doubts.append((f"{failed} requests were answered with errors", nextstep.MEND_TARGET))
    elif answered:
        doubts.append((f"requests went on being answered for a while ({answered} pages)", longer))
    elif moved := case.free_moved(stall):
        doubts.append((f"free memory moved between {moved[0]} and {moved[1]} pages", longer))
    elif not case.cycle_since_calm(stall):
        doubts.append(("no cycle was recorded after flood and faults ended", nextstep.look_at_waits(case.node)))
    for doubt, step in doubts:
        return _inconclusive(f"stands still, but {doubt}: {standing}", step, seen=seen)
    return Finding(verdict="deadlocked", reason=standing, seen=seen)


def _moving(case: Evidence) -> Finding:
    assert case.flood
    flood_end_ns = case.flood.end_ns
    across = next((stall for stall in case.stalls if stall.start_ns < flood_end_ns < stall.end_ns), None)
    if across is not None:
        since, later = in_flood(case, across.start_ns), format_ns(across.end_ns - flood_end_ns)
        reason = f"no page was touched from {since} until {later} after its end"
        return Finding(verdict="starved", reason=reason, seen=(across.start_ns, flood_end_ns))
    rate, before = case.flood_rate(), case.warmup_rate()
    if rate is None or before is None:
        return _unmeasured(case)
    figures = f"{rate:.0f} pages/s in the flood, {before:.0f} before it"
    if rate < STILL_RATIO * before:
        reason = f"as good as no progress in the flood: {figures}"
        return Finding(verdict="starved", reason=reason, seen=(case.flood.start_ns, flood_end_ns))
    return Finding(verdict="healthy" if rate >= HEALTHY_RATIO * before else "slow", reason=figures)


def _unmeasured(case: Evidence) -> Finding:
    """No progress could be measured: faults took all the time there was, or a phase was too short for two samples."""
    assert case.flood
    if case.excused:
        longer = nextstep.longer_flood(case.flood.end_ns - case.flood.start_ns)
        return _inconclusive("faults covered the whole flood: nothing is left to judge", longer)
    return _inconclusive("warmup or flood was too short for two samples: nothing can be judged", nextstep.LONGER_PHASES)


def _inconclusive(reason: str, next_step: str, *, harness: bool = False, seen: Span | None = None) -> Finding:
    return Finding(verdict="inconclusive", reason=reason, next_step=next_step, harness=harness, seen=seen)


def pump_loss(case: Evidence) -> tuple[int, int]:
    """Packets lost by the node's own queue and by any target's relay, and those that the node's machine saw."""
    phase = case.heal if case.standing else case.flood
    assert phase
    lost = sum(growth(series, "pump_drops", phase.start_ns, phase.end_ns) for series in (case.samples, *case.targets))
    return lost, growth(case.samples, "rx_packets", phase.start_ns, phase.end_ns)
