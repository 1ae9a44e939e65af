"""The end of a run: judged, checked against its expectations, written, reported. The same for every kind of run, also for
one that an earlier controller left behind."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence

import msgspec

from controller.experiment import expect, nextstep
from controller.experiment.exitcodes import EXIT_HARNESS, EXIT_INTERRUPTED, EXIT_MET, EXIT_NOT_MET
from controller.experiment.expect import Expectation
from controller.experiment.finding import step_after, voids_of
from controller.experiment.record import Phase, Result, RunRow, Setting
from controller.experiment.rescue import NOT_REVIVED, REVIVED, all_revived, before_rescue, by_hand, fates
from controller.experiment.rescued import judge
from nodes.messages import Event, Sample

INTERRUPTED = "interrupted"


def conclude(
    row: RunRow,
    phases: Sequence[Phase],
    samples: Sequence[Sample],
    events: Sequence[Event],
    *,
    initiators: Sequence[str],
    expectations: Sequence[Expectation] = (),
    settings: Sequence[Setting] = (),
    notes: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    environment: dict[str, object] | None = None,
    seed: int = 0,
    proved: Container[str] = (),
) -> Result:
    """The result of a run whose record is `samples` and `events`. Pure but for the clock. `proved`: initiators whose last
    standstill is known to last for ever."""
    series = by_node(samples, initiators)
    targets = [samples for name, samples in series.items() if name not in initiators]
    judgement = judge(phases, {name: series[name] for name in initiators}, events, targets=targets, proved=proved)
    result = Result(
        run=row.run,
        scenario=row.scenario,
        kind="adhoc" if row.kind == "adhoc" else "scenario",
        tier=row.tier,
        policy=row.policy,
        seed=seed,
        started_ns=row.started_ns,
        ended_ns=time.time_ns(),
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        next_step=judgement.next_step,
        data=judgement.data,
        refused=next((void.told.refused for void in voids_of(events)), None),
        harness_fault=judgement.harness_fault,
        phases=tuple(phases),
        nodes=judgement.nodes,
        checks=expect.evaluate(expectations, judgement, before_rescue(phases, series, events)[1]),
        settings=tuple(settings),
        notes=(*notes, *judgement.notes),
        environment=environment or {},
        metrics=expect.metrics(judgement) | dict(metrics or {}),
    )
    result = msgspec.structs.replace(result, exit_code=_exit_code(result, events))
    return _rescue_told(result, events) if by_hand(result) else result


def _exit_code(result: Result, events: Sequence[Event]) -> int:
    """A rescue by hand judges nothing: what is asked of it is that everybody comes back."""
    voids = [void.told for void in voids_of(events)]
    if any(detail.void == INTERRUPTED for detail in voids):
        return EXIT_INTERRUPTED
    if by_hand(result):
        if any(detail.harness for detail in voids):
            return EXIT_HARNESS
        return EXIT_MET if all_revived(result.nodes) else EXIT_NOT_MET
    own = voids[0].exit_code if voids and result.verdict == "inconclusive" else 0
    return own or expect.exit_code(result)


def _rescue_told(result: Result, events: Sequence[Event]) -> Result:
    """A rescue by hand, in a sentence that says what its exit code says; one that was ended early, by why."""
    words = {EXIT_MET: REVIVED, EXIT_NOT_MET: NOT_REVIVED}
    if word := words.get(result.exit_code):
        step = nextstep.OTHER_REMEDY if word == NOT_REVIVED else ""
        return msgspec.structs.replace(result, sentence=f"{word}: {fates(result.nodes)}.", next_step=step)
    told = (void.told for void in voids_of(events))
    ended = next(detail for detail in told if detail.void == INTERRUPTED or detail.harness)
    return msgspec.structs.replace(result, sentence=f"Inconclusive: {ended.void}.", next_step=step_after(ended))


def by_node(samples: Sequence[Sample], initiators: Sequence[str]) -> dict[str, list[Sample]]:
    """The samples of each node; an initiator that sent none has an empty list."""
    series: dict[str, list[Sample]] = {name: [] for name in initiators}
    for sample in samples:
        series.setdefault(sample.node, []).append(sample)
    return series
