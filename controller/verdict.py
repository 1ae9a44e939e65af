"""The judgement of a run, from its samples and events alone.

    healthy       progress in the flood at 50 % of warmup's rate or more
    slow          less, but it went on
    starved       it stood still when the flood ended (or as good as still all along), and came back in the heal phase
    deadlocked    still standing when floods and faults are over and the longest legitimate wait is too: nothing moves,
                  and the machine names the cycle
    oom           a task was killed for want of memory
    panicked      the kernel gave up (tier kernel)
    inconclusive  the run proves nothing: the reason says why

What faults excuse: controller/evidence.py.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Container, Mapping, Sequence

from msgspec import Struct

from controller.evidence import HEAL_EXTENSION_NS, Evidence
from controller.experiment.verdicts import VERDICTS, VOID, VerdictName, worst
from controller.record import CycleEdge, NodeVerdict, Phase
from controller.trace import SILENCE_NS, Stall, growth, silence, within
from nodes.messages import Event, Sample, void_detail
from nodes.units import SECOND_NS, format_ns

HEALTHY_RATIO = 0.5
"""Design, section 7: progress within 50 % of warmup's rate."""
STILL_RATIO = 0.01
"""A hundredth of warmup's rate is no progress worth the name (own)."""
WARMUP_PRESSED_NS = SECOND_NS
"""Progress under pressure must have been seen for as long before the flood: ten samples (own)."""
PUMP_LOSS_RATIO = 0.01
"""Packets lost by the harness, as a share of all, above which the machine did not see the flood that was sent (own)."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What Result takes over."""

    verdict: VerdictName
    sentence: str
    data: str
    harness_fault: bool = False
    nodes: tuple[NodeVerdict, ...] = ()
    notes: tuple[str, ...] = ()


class Finding(Struct, frozen=True, kw_only=True):
    """The verdict on one node and why; `harness`: netreserve, not the patient, is to blame."""

    verdict: VerdictName
    reason: str
    harness: bool = False
    of_all: bool = False
    """The reason concerns the whole run, not this node alone."""


def void(t_ns: int, run: str, reason: str, *, node: str = "", harness: bool = False, exit_code: int = 0) -> Event:
    """The event that makes a run (or only `node`) prove nothing: a setting not in force, an acknowledgement that came
    late, a controller that restarted. `harness` and `exit_code`: see `void_detail`."""
    detail = void_detail(reason, harness=harness, exit_code=exit_code)
    return Event(t_ns=t_ns, node=node, run=run, kind="harness", detail=detail)


def judge(
    phases: Sequence[Phase],
    samples: Mapping[str, Sequence[Sample]],
    events: Sequence[Event],
    *,
    targets: Sequence[Sequence[Sample]] = (),
    proved: Container[str] = (),
) -> Judgement:
    """Judges every initiator in `samples`; what each of `targets` measured is evidence for all of them. Phases that a run
    never reached are missing from `phases`. `proved`: initiators whose last standstill the tier proved to last for ever
    (sim), so that no wait has to pass."""
    cases = [
        Evidence(name, phases, series, events, name in proved, targets) for name, series in sorted(samples.items())
    ]
    voids = [event for event in events if event.kind == "harness" and event.detail.get("void")]
    findings = [
        _voided(case, [v for v in voids if v.node == case.node or v.node not in samples]) or _finding(case)
        for case in cases
    ]
    nodes = tuple(_node_verdict(case, finding) for case, finding in zip(cases, findings, strict=True))
    verdict = worst(node.verdict for node in nodes)
    return Judgement(
        verdict=verdict,
        sentence=_sentence(verdict, nodes, findings, cases) if nodes else _nobody(voids),
        data=_data(nodes),
        harness_fault=verdict in VOID and (not nodes or any(finding.harness for finding in findings)),
        nodes=nodes,
        notes=tuple(note for case in cases for note in _notes(case)),
    )


def heal_needed_ns(
    phases: Sequence[Phase],
    samples: Mapping[str, Sequence[Sample]],
    events: Sequence[Event],
    planned_ns: int,
    extension_ns: int = HEAL_EXTENSION_NS,
) -> int:
    """How long the heal phase, planned to last `planned_ns`, must last in all for the verdict to be decided, at most
    `extension_ns` longer than planned; 0 when nobody stands still. For a runner, which gives the heal phase so far as the
    last of `phases` (its end is now) and extends it; of each node the samples `since_progress` are enough."""
    needed = [Evidence(name, phases, series, events).heal_needed_ns() for name, series in samples.items()]
    return min(max(needed, default=0), planned_ns + extension_ns)


# ---- one node


def _finding(case: Evidence) -> Finding:
    for question in _QUESTIONS:
        if finding := question(case):
            return finding
    return _standing(case, case.standing) if case.standing else _moving(case)


def _voided(case: Evidence, voids: Sequence[Event]) -> Finding | None:
    """`voids`: the events that do it, of the node itself or of whoever is not judged: what befalls a target or the
    controller concerns all."""
    first = min(voids, key=lambda event: event.t_ns, default=None)
    if first is None:
        return None
    reason, of_all = str(first.detail["void"]), first.node != case.node
    if of_all and first.node and not reason.startswith(first.node):
        reason = f"{first.node}: {reason}"
    return Finding(verdict="inconclusive", reason=reason, harness=bool(first.detail.get("harness")), of_all=of_all)


def _panicked(case: Evidence) -> Finding | None:
    event = next((event for event in case.events if event.kind == "panic"), None)
    if event is None:
        return None
    said = event.detail.get("line")
    reason = f"the kernel panicked{_in_run(case, event.t_ns)}{f': {said}' if said else ''}"
    return Finding(verdict="panicked", reason=reason)


def _killed(case: Evidence) -> Finding | None:
    event = next((event for event in case.events if event.kind == "oom"), None)
    if event is None:
        return None
    if event.detail.get("kind") == "real":
        return _inconclusive(
            "the container's own memory limit, not the modelled machine, killed the node", harness=True
        )
    return Finding(verdict="oom", reason=f"the machine killed a task for want of memory{_in_run(case, event.t_ns)}")


def _dead(case: Evidence) -> Finding | None:
    """An application whose page did not come back ends by SIGBUS: it stands still for ever, but waits for nothing."""
    died = next((sample for sample in case.samples if sample.state == "dead"), None)
    if died is None:
        return None
    reads = [event for event in case.events if event.kind == "io_error" and not event.detail.get("write")]
    if not reads:
        return _inconclusive(f"the application was dead{_in_run(case, died.t_ns)}, and no event tells what killed it")
    number = int(reads[0].detail.get("errno", 0))
    name = errno.errorcode.get(number, f"error {number}")
    reason = f"the application was killed: the target answered a read with {name}{_in_run(case, reads[0].t_ns)}"
    return _inconclusive(reason)


def _incomplete(case: Evidence) -> Finding | None:
    for name, phase in (("warmup", case.warmup), ("flood", case.flood), ("heal", case.heal)):
        if phase is None:
            return _inconclusive(f"the run ended before its {name} phase")
    return None


def _silent(case: Evidence) -> Finding | None:
    longest_ns, since_ns = silence(case.samples, case.phases[0].start_ns, case.phases[-1].end_ns)
    if longest_ns <= SILENCE_NS:
        return None
    reason = f"no sample came for {format_ns(longest_ns)}{_in_run(case, since_ns)}: the node was silent"
    return _inconclusive(reason, harness=True)


def _unpressed(case: Evidence) -> Finding | None:
    assert case.warmup
    span = within(case.samples, case.warmup.start_ns, case.warmup.end_ns)
    if not any(sample.swap_out_pages for sample in span):
        return _inconclusive("pressure not reached: no page was swapped out before the flood")
    if all(sample.free_pages > sample.high_pages for sample in span):
        return _inconclusive("pressure not reached: free memory never came down to the high watermark before the flood")
    pressed_ns = case.pressed_ns()
    if pressed_ns is None or case.warmup.end_ns - pressed_ns < WARMUP_PRESSED_NS:
        reason = f"less than {format_ns(WARMUP_PRESSED_NS)} of progress under pressure before the flood"
        return _inconclusive(f"{reason}: a longer warmup is needed")
    return None if case.warmup_rate() else _inconclusive("no progress in warmup: there is nothing to compare with")


def _harness_loss(case: Evidence) -> Finding | None:
    """In the phase that the verdict rests on: heal for a node that stands, the flood for one that goes on."""
    lost, seen = _pump_loss(case)
    if lost <= PUMP_LOSS_RATIO * (seen + lost):
        return None
    reason = f"the harness lost {lost} of {seen + lost} packets before machine or target saw them"
    return _inconclusive(reason, harness=True)


_QUESTIONS: tuple[Callable[[Evidence], Finding | None], ...] = (
    _panicked,
    _killed,
    _dead,
    _incomplete,
    _silent,
    _unpressed,
    _harness_loss,
)
"""Asked of a run that is not void, in this order; the first that has an answer decides."""


def _standing(case: Evidence, stall: Stall) -> Finding:
    since, waited_ns, needed_ns = _in_flood(case, stall.start_ns), case.waited_ns(stall), case.needed_ns(stall)
    if case.proved or waited_ns >= needed_ns:
        after = f"{format_ns(waited_ns)} after flood and faults ended" if waited_ns > 0 else "for ever"
        standing = f"no page was touched since {since}, still so {after}"
        doubt = "" if case.proved else case.doubt(stall)
        if doubt:
            return _inconclusive(f"stands still, but {doubt}: {standing}")
        return Finding(verdict="deadlocked", reason=standing)
    assert case.heal
    lasted = format_ns(case.heal.end_ns - case.heal.start_ns)
    needed = format_ns(case.heal_needed_ns())
    return _inconclusive(f"heal too short: needs {needed}, lasted {lasted}; no page was touched since {since}")


def _moving(case: Evidence) -> Finding:
    assert case.flood
    flood_end_ns = case.flood.end_ns
    across = next((stall for stall in case.stalls if stall.start_ns < flood_end_ns < stall.end_ns), None)
    if across is not None:
        since, later = _in_flood(case, across.start_ns), format_ns(across.end_ns - flood_end_ns)
        return Finding(verdict="starved", reason=f"no page was touched from {since} until {later} after its end")
    rate, before = case.flood_rate(), case.warmup_rate()
    if rate is None or before is None:
        return _inconclusive("faults covered the whole flood: nothing is left to judge")
    figures = f"{rate:.0f} pages/s in the flood, {before:.0f} before it"
    if rate < STILL_RATIO * before:
        return Finding(verdict="starved", reason=f"as good as no progress in the flood: {figures}")
    return Finding(verdict="healthy" if rate >= HEALTHY_RATIO * before else "slow", reason=figures)


def _inconclusive(reason: str, *, harness: bool = False) -> Finding:
    return Finding(verdict="inconclusive", reason=reason, harness=harness)


def _node_verdict(case: Evidence, finding: Finding) -> NodeVerdict:
    last = case.samples[-1] if case.samples else Sample(t_ns=0, node=case.node, run="")
    return NodeVerdict(
        node=case.node,
        verdict=finding.verdict,
        reason=finding.reason,
        warmup_pages_per_s=case.warmup_rate() or 0.0,
        flood_pages_per_s=case.flood_rate() or 0.0,
        heal_pages_per_s=case.heal_rate() or 0.0,
        recovery_ns=case.recovery_ns(),
        stalled_since_ns=case.standing.start_ns if case.standing else None,
        reserve_used_pages=max((sample.reserve_used_pages for sample in case.samples), default=0),
        corrupt_pages=last.corrupt_pages,
        verified_pages=last.verified_pages,
        cycle=case.cycle() if finding.verdict in ("deadlocked", "starved") else (),
    )


def _pump_loss(case: Evidence) -> tuple[int, int]:
    """Packets lost by the node's own queue and by any target's relay, and those that the node's machine saw."""
    phase = case.heal if case.standing else case.flood
    assert phase
    lost = sum(growth(series, "pump_drops", phase.start_ns, phase.end_ns) for series in (case.samples, *case.targets))
    return lost, growth(case.samples, "rx_packets", phase.start_ns, phase.end_ns)


def _notes(case: Evidence) -> list[str]:
    if not (case.flood and case.heal):
        return []
    lost, seen = _pump_loss(case)
    return [f"{case.node}: the harness itself lost {lost} of {seen + lost} packets"] if lost else []


def _data(nodes: Sequence[NodeVerdict]) -> str:
    corrupt = sum(node.corrupt_pages for node in nodes)
    if corrupt:
        return f"corrupt ({corrupt} pages)"
    return "intact" if nodes and all(node.verified_pages for node in nodes) else "unverified"


# ---- in words


def _sentence(
    verdict: VerdictName, nodes: Sequence[NodeVerdict], findings: Sequence[Finding], cases: Sequence[Evidence]
) -> str:
    """The story of the first node with the worst verdict."""
    node, finding, case = next(told for told in zip(nodes, findings, cases, strict=True) if told[0].verdict == verdict)
    others = sum(other.verdict == verdict for other in nodes) - 1
    who = f"{node.node} and {others} more" if others else node.node
    if verdict == "deadlocked":
        return f"Deadlock on {who} {_in_flood(case, node.stalled_since_ns or 0)}: {_story(node, case)}"
    tells_who = finding.of_all or node.reason.startswith(node.node)
    reason = node.reason if tells_who else f"{who}: {node.reason}"
    return f"{VERDICTS[verdict].word}: {reason}."


def _nobody(voids: Sequence[Event]) -> str:
    """Of a run in which no initiator said anything."""
    first = min(voids, key=lambda event: event.t_ns, default=None)
    why = f": {first.detail['void']}" if first else ""
    return f"Inconclusive: no initiator was recorded{why}."


def _story(node: NodeVerdict, case: Evidence) -> str:
    if not node.cycle:
        last = case.samples[-1]
        state = f"free {last.free_pages} pages (min {last.min_pages}), {last.in_flight} requests in flight"
        return f"{state}; no wait-for cycle was recorded."
    return f"{'; '.join(_step(edge) for edge in node.cycle)}, which only {node.cycle[0].waiter} can free."


def _step(edge: CycleEdge) -> str:
    return f"{edge.waiter} waits for {edge.resource} ({edge.have} there, {edge.need} needed)"


def _in_flood(case: Evidence, t_ns: int) -> str:
    if case.flood is None:
        return _in_run(case, t_ns).strip()
    if t_ns < case.flood.start_ns:
        return f"{format_ns(case.flood.start_ns - t_ns)} before the flood"
    if t_ns > case.flood.end_ns:
        return f"{format_ns(t_ns - case.flood.end_ns)} after the flood"
    return f"{format_ns(t_ns - case.flood.start_ns)} into the flood"


def _in_run(case: Evidence, t_ns: int) -> str:
    return f" {format_ns(max(t_ns - case.phases[0].start_ns, 0))} into the run" if case.phases else ""
