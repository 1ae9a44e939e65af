"""The end of a run: judged, checked against its expectations, written, reported. The same for every kind of run, also for
one that an earlier controller left behind."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence

from msgspec import structs

from controller.experiment import expect, nextstep
from controller.experiment.exitcodes import EXIT_HARNESS, EXIT_INTERRUPTED, EXIT_MET, EXIT_NOT_MET
from controller.experiment.expect import Expectation
from controller.experiment.finding import step_after, voids_of
from controller.experiment.record import Record, Result
from controller.experiment.rescue import NOT_REVIVED, REVIVED, all_revived, before_rescue, by_hand, fates
from controller.experiment.rescued import judge_record
from controller.experiment.trace import by_node
from nodes.messages import Event

INTERRUPTED = "interrupted"


def conclude(
    record: Record,
    initiators: Sequence[str],
    expectations: Sequence[Expectation] = (),
    *,
    proved: Container[str] = (),
) -> Record:
    """`record`, as its runner yielded it, with the result that it comes to. Pure but for the clock. `initiators`: who is
    judged; whoever else sent samples is evidence. `proved`: those whose last standstill is known to last for ever."""
    told, events = record.result, record.events
    judgement = judge_record(record, initiators, proved)
    everybody = dict.fromkeys([*initiators, *(sample.node for sample in record.samples)])
    _, seen, _ = before_rescue(told.phases, by_node(record.samples, everybody), events)
    result = structs.replace(
        told,
        ended_ns=time.time_ns(),
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        next_step=judgement.next_step,
        data=judgement.data,
        refused=next((void.told.refused for void in voids_of(events)), None),
        harness_fault=judgement.harness_fault,
        nodes=judgement.nodes,
        checks=expect.evaluate(expectations, judgement, seen),
        notes=(*told.notes, *judgement.notes),
        metrics=expect.metrics(judgement) | told.metrics,
    )
    result = structs.replace(result, exit_code=_exit_code(result, events))
    result = _rescue_told(result, events) if by_hand(result) else result
    return Record(result=result, samples=record.samples, events=events)


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
        return structs.replace(result, sentence=f"{word}: {fates(result.nodes)}.", next_step=step)
    told = (void.told for void in voids_of(events))
    ended = next(detail for detail in told if detail.void == INTERRUPTED or detail.harness)
    return structs.replace(result, sentence=f"Inconclusive: {ended.void}.", next_step=step_after(ended))
