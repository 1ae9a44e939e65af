"""The rescue phase of a scenario, with a node that comes back when it is told the right thing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from testbeds import SCENARIO, Testbed
from traces import CYCLE

from controller.experiment.rescue import SetMin
from controller.service import rescuing
from controller.service.nodes import Node
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec
from nodes.eventkinds import Rescue
from nodes.messages import Desired, Reported, Sample, Status
from nodes.units import SECOND_NS

REMEDIES = "rescue: [{policy: memalloc}, {min_free: 2 MiB}, {min_free: 4 MiB}, {min_free: 8 MiB}, {policy: none}]\n"
RESCUED = SCENARIO.replace("heal: 500 ms", "heal: 2500 ms, rescue: 1 s").replace("expect:", f"{REMEDIES}expect:")


@pytest.mark.drawn
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
    assert any("min_free 4 MiB was not a remedy" in note for note in result.notes)
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


class Patient(Node):
    """An initiator that stands still, and does `on_change` when it is told something."""

    def __init__(self, name: str, on_change: Callable[[Patient], None]) -> None:
        super().__init__("initiator", name)
        self.on_change, self.state, self.pages, self.moved_ns = on_change, "stuck", 7, time.time_ns() - 10 * SECOND_NS
        spec = InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none"))
        self.desired = Desired(seq=1, run="r", spec=spec)
        self.says("online")
        self.measure()

    def says(self, state: Any) -> None:
        self.status = Status(node=self.name, role="initiator", state=state)

    def move(self) -> None:
        self.pages, self.moved_ns = self.pages + 1, time.time_ns()

    def measure(self) -> None:
        now_ns = time.time_ns()
        self.samples.append(
            Sample(
                t_ns=now_ns,
                node=self.name,
                run="r",
                state=self.state,
                progress_pages=self.pages,
                progress_age_ns=max(0, 10 * (now_ns - self.moved_ns)),  # time goes ten times as fast
            )
        )


async def told(*patients: Patient, remedies: int = 2) -> list[tuple[str, bool, str]]:
    """What a rescue tells of `patients`: who, whether it was revived, and why it was not tried."""
    said: list[tuple[str, bool, str]] = []

    def note(rescue: Rescue, node: str) -> None:
        said.append((node, rescue.revived, rescue.error))

    async def change(names: list[str], *rest: object) -> None:
        for patient in patients:
            if patient.name in names:
                patient.on_change(patient)

    async def measure() -> None:
        while True:
            for patient in patients:
                patient.measure()
            await asyncio.sleep(0.01)

    parts = SimpleNamespace(
        nodes=SimpleNamespace(change=change),
        timing=SimpleNamespace(ack_deadline_s=1),
    )
    measuring = asyncio.create_task(measure())
    try:
        run: Any = SimpleNamespace(parts=parts, note=note, message="", watch=SimpleNamespace(going=False))
        await rescuing.rescue(
            run, patients, [SetMin(min_free_pages=pages) for pages in range(300, 300 + remedies)], SECOND_NS // 2
        )
    finally:
        measuring.cancel()
    return said


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescuing, "LOOK_S", 0.01)
    monkeypatch.setattr(rescuing, "SHOWN_NS", rescuing.SHOWN_NS // 10)


@pytest.mark.usefixtures("hasty")
async def test_one_page_is_no_revival() -> None:
    def goes_on(patient: Patient) -> None:
        patient.moved_ns = time.time_ns() + 3600 * SECOND_NS

    twitching, living = Patient("twitching", Patient.move), Patient("living", goes_on)
    assert await told(twitching, living, remedies=1) == [("living", True, ""), ("twitching", False, "")]


@pytest.mark.usefixtures("hasty")
async def test_who_cannot_be_helped_any_more_is_told_once() -> None:
    def dies(patient: Patient) -> None:
        patient.state = "dead"

    gone, dead = Patient("gone", lambda patient: patient.says("offline")), Patient("dead", dies)
    assert await told(gone, dead, remedies=3) == [
        ("gone", False, ""),
        ("dead", False, ""),
        ("gone", False, "went offline"),
        ("dead", False, "it was dead by then"),
    ]
