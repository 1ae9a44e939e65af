"""The judgement of a run, from its samples and events alone.

    healthy       progress in the flood at 50 % of warmup's rate or more
    slow          less, but it went on
    starved       it stood still when the flood ended (or as good as still all along), and came back in the heal phase
    livelock      as deadlocked, but requests go on being answered: it works, and gets nowhere
    deadlocked    still standing when floods and faults are over and the longest legitimate wait is too: nothing moves,
                  and the machine names the cycle. It may have hung before the flood
    oom           a task was killed for want of memory
    panicked      the kernel gave up (tier kernel)
    inconclusive  the run proves nothing: the reason says why, and the next step what to do about it

How one initiator comes to its verdict: finding.py. What faults excuse: evidence.py.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from msgspec import Struct

from controller.experiment import nextstep
from controller.experiment.evidence import HEAL_EXTENSION_NS, Evidence
from controller.experiment.finding import Finding, Void, find, pump_loss, step_after, voids_of
from controller.experiment.record import NodeVerdict, Phase
from controller.experiment.telling import headline
from controller.experiment.verdicts import VERDICTS, VOID, VerdictName, worst
from nodes.eventkinds import Harness
from nodes.messages import Event, Sample


class Judgement(Struct, frozen=True, kw_only=True):
    """What Result takes over."""

    verdict: VerdictName
    sentence: str
    data: str
    next_step: str = ""
    """Of an inconclusive run: what to do about it."""
    harness_fault: bool = False
    nodes: tuple[NodeVerdict, ...] = ()
    notes: tuple[str, ...] = ()


def void(
    t_ns: int,
    run: str,
    reason: str,
    *,
    node: str = "",
    harness: bool = False,
    exit_code: int = 0,
    next_step: str = "",
    hang_stands: bool = False,
) -> Event:
    """The event that makes a run (or only `node`) prove nothing: a setting not in force, an acknowledgement that came
    late, a controller that restarted. What else it says: see `Harness`."""
    detail = Harness(void=reason, harness=harness, exit_code=exit_code, next_step=next_step, hang_stands=hang_stands)
    return Event(t_ns=t_ns, node=node, run=run, detail=detail)


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
    voids = voids_of(events)
    findings = [find(case, [v for v in voids if v.node == case.node or v.node not in samples]) for case in cases]
    nodes = tuple(_node_verdict(case, finding) for case, finding in zip(cases, findings, strict=True))
    verdict = worst(node.verdict for node in nodes)
    return Judgement(
        verdict=verdict,
        sentence=_sentence(verdict, nodes, findings, cases) if nodes else _nobody(voids),
        next_step=_next_step(verdict, nodes, voids),
        data=_data(nodes),
        harness_fault=verdict in VOID and (not nodes or any(finding.harness for finding in findings)),
        nodes=nodes,
        notes=(*_weak_floods(voids, verdict), *(note for case in cases for note in _notes(case))),
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


def _node_verdict(case: Evidence, finding: Finding) -> NodeVerdict:
    last = case.samples[-1] if case.samples else Sample(t_ns=0, node=case.node, run="")
    return NodeVerdict(
        node=case.node,
        verdict=finding.verdict,
        reason=finding.reason,
        next_step=finding.next_step,
        warmup_pages_per_s=case.warmup_rate() or 0.0,
        flood_pages_per_s=case.flood_rate() or 0.0,
        heal_pages_per_s=case.heal_rate() or 0.0,
        recovery_ns=case.recovery_ns(),
        stalled_since_ns=case.standing.start_ns if case.standing else None,
        reserve_used_pages=max((sample.reserve_used_pages for sample in case.samples), default=0),
        corrupt_pages=last.corrupt_pages,
        verified_pages=last.verified_pages,
        cycle=case.cycle(*finding.seen) if finding.seen else (),
    )


def _notes(case: Evidence) -> list[str]:
    if not (case.flood and case.heal):
        return []
    lost, seen = pump_loss(case)
    return [f"{case.node}: the harness itself lost {lost} of {seen + lost} packets"] if lost else []


def _data(nodes: Sequence[NodeVerdict]) -> str:
    corrupt = sum(node.corrupt_pages for node in nodes)
    if corrupt:
        return f"corrupt ({corrupt} pages)"
    return "intact" if nodes and all(node.verified_pages for node in nodes) else "unverified"


def _weak_floods(voids: Sequence[Void], verdict: VerdictName) -> Iterator[str]:
    """How much junk there was, of a run that is judged though there was less than asked."""
    if verdict != "inconclusive":
        yield from (void.told.void for void in voids if void.told.hang_stands)


def _sentence(
    verdict: VerdictName, nodes: Sequence[NodeVerdict], findings: Sequence[Finding], cases: Sequence[Evidence]
) -> str:
    """The story of the first node with the worst verdict."""
    node, finding, case = next(told for told in zip(nodes, findings, cases, strict=True) if told[0].verdict == verdict)
    others = sum(other.verdict == verdict for other in nodes) - 1
    return headline(VERDICTS[verdict].word, node, case, others, finding.of_all)


def _nobody(voids: Sequence[Void]) -> str:
    """Of a run in which no initiator said anything."""
    why = f": {voids[0].told.void}" if voids else ""
    return f"Inconclusive: no initiator was recorded{why}."


def _next_step(verdict: VerdictName, nodes: Sequence[NodeVerdict], voids: Sequence[Void]) -> str:
    """That of the first node with the worst verdict."""
    if nodes:
        return next(node.next_step for node in nodes if node.verdict == verdict)
    return step_after(voids[0].told) if voids else nextstep.RECORDED
