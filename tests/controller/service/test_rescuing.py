"""The rescue phase of a scenario, with a node that comes back when it is told the right thing."""

from __future__ import annotations

import msgspec
import pytest
from testbeds import SCENARIO, Testbed
from traces import CYCLE

from nodes.config import InitiatorSpec
from nodes.messages import Reported
from nodes.units import SECOND_NS

REMEDIES = "rescue: [{policy: memalloc}, {min_free: 2 MiB}, {min_free: 4 MiB}, {min_free: 8 MiB}, {policy: none}]\n"
RESCUED = SCENARIO.replace("heal: 500 ms", "heal: 2500 ms, rescue: 1 s").replace("expect:", f"{REMEDIES}expect:")


async def test_remedies_are_tried_until_one_helps_and_the_verdict_stays(bed: Testbed) -> None:
    def answer(honest: Reported) -> Reported:
        assert isinstance(honest.spec, InitiatorSpec)
        pages = honest.spec.machine.min_free_pages
        bed.initiator.frozen &= pages != 2048
        return msgspec.structs.replace(honest, error="no such memory") if pages == 1024 else honest

    bed.initiator.answers = answer
    started = await bed.start(RESCUED)
    await bed.phase("flood")
    bed.initiator.frozen = True
    await bed.phase("heal")
    await bed.initiator.tell("stall", waits=CYCLE, cycle=CYCLE)
    result = await bed.result(started.run)

    assert (result.verdict, result.exit_code) == ("deadlocked", 1), result.sentence
    assert "It was revived by min_free 8 MiB after " in result.sentence
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal", "rescue"]
    in_force, waited, refused, helped = result.nodes[0].rescues
    assert (in_force.remedy, in_force.error) == ("policy memalloc", "it was in force already")
    assert (waited.revived, waited.error, waited.after_ns) == (False, "", pytest.approx(SECOND_NS, rel=0.9))
    assert "no such memory" in refused.error
    assert any("min_free 4 MiB was no remedy" in note for note in result.notes)
    assert (helped.revived, 0 < helped.after_ns < SECOND_NS) == (True, True)
    record = bed.record(result.run)
    assert [event.node for event in record.events if event.kind == "rescue"] == ["initiator-1"] * 4
    assert "Rescue of initiator-1" in (record.folder / "report.html").read_text()


async def test_a_machine_that_lives_is_not_rescued(bed: Testbed) -> None:
    started = await bed.start(RESCUED)
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("healthy", 0)
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal"]
    assert "nobody stood still after the heal phase: no rescue was tried" in result.notes
