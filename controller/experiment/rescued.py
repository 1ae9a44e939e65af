"""The judgement of a run in which a rescue may have been tried: the verdict on what came before it, and what it did."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from msgspec import structs

from controller.experiment.finding import voids_of
from controller.experiment.record import NodeVerdict, Phase, Record
from controller.experiment.rescue import Series, before_rescue, fates, outcome, rescue_began_ns, rescues_of
from controller.experiment.trace import by_node
from controller.experiment.verdict import Judgement
from controller.experiment.verdict import judge as judge_plainly
from nodes.messages import Event, Sample


def judge_record(record: Record, initiators: Sequence[str], proved: Container[str] = ()) -> Judgement:
    """The judgement of `record` on each of `initiators`; `proved`: see `verdict.judge`."""
    others = sorted({sample.node for sample in record.samples}.difference(initiators))
    return judge(
        record.result.phases,
        by_node(record.samples, initiators),
        record.events,
        targets=list(by_node(record.samples, others).values()),
        proved=proved,
    )


def judge(
    phases: Sequence[Phase],
    samples: Series,
    events: Sequence[Event],
    *,
    targets: Sequence[Sequence[Sample]] = (),
    proved: Container[str] = (),
) -> Judgement:
    """As `verdict.judge`, of the record up to the rescue; with what was tried then, and whether it helped."""
    judgement = judge_plainly(*before_rescue(phases, samples, events), targets=targets, proved=proved)
    began_ns = rescue_began_ns(phases)
    if began_ns is None:
        return judgement
    nodes = tuple(structs.replace(node, rescues=rescues_of(events, node.node)) for node in judgement.nodes)
    later = [event for event in events if event.t_ns > began_ns]
    return structs.replace(
        judgement,
        nodes=nodes,
        sentence=" ".join(filter(None, (judgement.sentence, _sentence(nodes)))),
        notes=(*judgement.notes, *_notes(nodes, samples, later)),
    )


def _sentence(nodes: Sequence[NodeVerdict]) -> str:
    """`It was revived by policy memalloc after 4.2 s.`"""
    tried = [node for node in nodes if node.rescues]
    if len(nodes) == 1 and tried:
        return f"It was {outcome(tried[0].rescues)}."
    told = fates(tried)
    return f"{told[0].upper()}{told[1:]}." if tried else ""


def _notes(nodes: Sequence[NodeVerdict], samples: Series, later: Sequence[Event]) -> Iterator[str]:
    """What happened in the rescue that the verdict does not regard."""
    for node in nodes:
        untried = (rescue for rescue in node.rescues if rescue.error)
        yield from (f"{node.node}: {rescue.remedy} was not a remedy: {rescue.error}" for rescue in untried)
        series = samples[node.node]
        corrupt = (series[-1].corrupt_pages if series else 0) - node.corrupt_pages
        if corrupt > 0:
            yield f"{node.node}: {corrupt} pages came back wrong after the rescue"
    yield from (f"in the rescue: {void.told.void}" for void in voids_of(later))
