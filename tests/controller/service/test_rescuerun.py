"""A rescue that a person asks for, on a node that comes back when its policy is memalloc."""

from __future__ import annotations

import pytest
from brokers import until
from testbeds import SCENARIO, Testbed, failed

from controller.api import RunStarted, StartRescue, StopRun
from controller.experiment.record import Result
from controller.experiment.rescue import EndFlood, SetMin, SwitchTo
from nodes.config import InitiatorSpec, PolicySpec
from nodes.messages import Reported
from nodes.units import SECOND_NS

MEMALLOC = SwitchTo(policy=PolicySpec(name="memalloc"))


@pytest.fixture
async def hung(bed: Testbed) -> Testbed:
    """The initiator stands still, between runs, until its policy is memalloc."""

    def answer(honest: Reported) -> Reported:
        assert isinstance(honest.spec, InitiatorSpec)
        bed.initiator.frozen &= honest.spec.policy.name != "memalloc"
        return honest

    bed.initiator.answers = answer
    bed.initiator.frozen = True
    await until(lambda: bed.initiator.progress_age_ns > 2.2 * SECOND_NS)
    return bed


async def rescued(bed: Testbed, *remedies: SetMin | SwitchTo | EndFlood, wait_s: float = 1) -> Result:
    answer = await bed.operator.ask(StartRescue(remedies=remedies, wait_ns=round(wait_s * SECOND_NS)))
    assert isinstance(answer, RunStarted), answer
    return await bed.result(answer.run)


async def test_remedies_are_tried_on_a_live_node_and_recorded(hung: Testbed) -> None:
    life = hung.initiator.run
    result = await rescued(hung, EndFlood(), SetMin(), MEMALLOC, SetMin())

    assert (result.kind, result.scenario, result.exit_code) == ("adhoc", "rescue", 0), result.sentence
    assert result.sentence.startswith("Revived: initiator-1 was revived by policy memalloc after ")
    (node,) = result.nodes
    flood, higher, memalloc = node.rescues
    assert (flood.remedy, flood.error) == ("flood stopped", "no flood was going on")
    assert (higher.remedy, higher.revived, higher.error) == ("min_free doubled", False, "")
    assert memalloc.revived
    assert hung.initiator.run == life  # the machine that hung, not another one
    record = hung.record(result.run)
    assert record.folder.parent.name == "rescue"
    assert (record.folder / "report.html").is_file()
    assert [event.kind for event in record.events].count("rescue") == 3


async def test_a_run_by_hand_ends_for_a_rescue_which_may_stop_its_flood(hung: Testbed) -> None:
    hung.locust.begin()
    await hung.phase("flood")
    result = await rescued(hung, EndFlood(), MEMALLOC)
    assert hung.locust.state == "stopped"
    assert [(told.remedy, told.revived) for told in result.nodes[0].rescues] == [
        ("flood stopped", False),
        ("policy memalloc", True),
    ]
    (adhoc,) = await until(lambda: [item.result for item in hung.progress if item.result and item.scenario == "adhoc"])
    assert (adhoc.scenario, adhoc.verdict) == ("adhoc", "inconclusive")
    assert "it ended early, for a rescue" in adhoc.notes


async def test_a_rescue_can_be_stopped_and_is_not_disturbed(hung: Testbed) -> None:
    answer = await hung.operator.ask(StartRescue(remedies=(SetMin(),)))
    assert isinstance(answer, RunStarted)
    await hung.phase("rescue")
    second = failed(await hung.operator.ask(StartRescue()))
    assert second.exit_code == 2 and "`netreserve rescue`" in second.message
    await hung.operator.ask(StopRun())
    result = await hung.result(answer.run)
    assert (result.exit_code, result.nodes[0].rescues) == (130, ())


async def test_what_cannot_be_is_refused(bed: Testbed) -> None:
    nobody = failed(await bed.operator.ask(StartRescue()))
    assert (nobody.exit_code, nobody.message) == (
        3,
        "nobody stands still: initiator-1 is running: there is nobody to rescue",
    )
    assert failed(await bed.operator.ask(StartRescue(node="target-1"))).exit_code == 2
    assert failed(await bed.operator.ask(StartRescue(wait_ns=0))).exit_code == 2
    unknown = SwitchTo(policy=PolicySpec(name="memaloc"))
    assert "memalloc" in failed(await bed.operator.ask(StartRescue(remedies=(unknown,)))).message
    started = await bed.start(SCENARIO)
    going = failed(await bed.operator.ask(StartRescue()))
    assert going.exit_code == 2 and started.run in going.message
    await bed.operator.ask(StopRun())
    await bed.result(started.run)
