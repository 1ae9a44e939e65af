"""Runs that nobody announced."""

from __future__ import annotations

import time

from brokers import until
from testbeds import SCENARIO, Testbed, failed

from controller.api import Failed, SetPolicy, State, StopRun
from nodes.config import PolicySpec
from nodes.eventkinds import FloodStart, PolicySet


async def test_a_flood_started_by_hand_is_recorded_and_judged(bed: Testbed) -> None:
    await until(lambda: bed.initiator.progress_pages > 2500)  # a warmup to compare with
    bed.locust.begin()
    await bed.phase("flood")
    await until(lambda: [item for item in bed.progress if item.phase == "flood" and item.elapsed_ns > 800_000_000])
    bed.locust.end()
    result = await bed.result()

    assert (result.kind, result.scenario, result.verdict) == ("adhoc", "adhoc", "healthy"), result.sentence
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal"]
    warmup = result.phases[0]
    assert warmup.end_ns - warmup.start_ns > 1_000_000_000
    record = bed.record()
    assert record.samples[0].t_ns < record.result.started_ns  # from the ring
    assert (record.folder / "locust.json").is_file()


async def test_a_flood_that_locust_tells_late_began_when_the_nodes_saw_it(bed: Testbed) -> None:
    await until(lambda: bed.initiator.progress_pages > 2500)
    before_ns = time.time_ns()
    bed.initiator.junked = bed.initiator.frozen = True
    seen = bed.initiator.junk_packets
    await until(lambda: bed.initiator.junk_packets > seen + 500)  # half a second
    bed.locust.begin()
    await bed.phase("flood")
    await bed.operator.ask(StopRun())
    result = await bed.result()

    flood = next(phase for phase in result.phases if phase.name == "flood")
    record = bed.record(result.run)
    (start,) = [event for event in record.events if event.kind == "flood_start"]
    first = next(sample for sample in record.samples if sample.junk_packets > seen)
    assert before_ns - 150_000_000 < start.t_ns == flood.start_ns < first.t_ns
    assert isinstance(start.detail, FloodStart) and (start.detail.noticed_after_ns or 0) > 400_000_000
    assert result.phases[0].end_ns == flood.start_ns


async def test_a_policy_switched_in_a_flood_is_an_event_between_its_start_and_stop(bed: Testbed) -> None:
    await until(lambda: bed.initiator.progress_pages > 2500)
    bed.locust.begin()
    await bed.phase("flood")
    answer = await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memalloc")))
    assert isinstance(answer, State)
    await until(lambda: any(row.policy == "memalloc" for row in bed.progress[-1].rows))
    bed.locust.end()
    result = await bed.result()

    kinds = [event.kind for event in bed.record().events if event.kind in ("flood_start", "policy", "flood_stop")]
    assert kinds == ["flood_start", "policy", "flood_stop"]
    assert bed.initiator.policy == "memalloc"
    assert result.policy == bed.row().policy == "none, then memalloc"


async def test_a_run_by_hand_is_called_by_the_policy_that_the_flood_met(bed: Testbed) -> None:
    await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memalloc")))
    await bed.phase("heal")  # switched before the flood, which the same run records
    bed.locust.begin()
    await bed.phase("flood")
    bed.locust.end()
    assert (await bed.result()).policy == "memalloc"


async def test_a_policy_switched_by_hand_alone_is_recorded_too(bed: Testbed) -> None:
    await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memalloc")))
    result = await bed.result()
    assert (result.kind, result.verdict) == ("adhoc", "inconclusive")
    assert "no junk flooded" in result.sentence
    (event,) = [event for event in bed.record().events if event.kind == "policy"]
    assert isinstance(event.detail, PolicySet) and event.node == "initiator-1"
    assert (event.detail.policy, event.detail.before) == ("memalloc", "none")


async def test_another_flood_in_the_heal_phase_takes_the_flood_phase_up_again(bed: Testbed) -> None:
    await until(lambda: bed.initiator.progress_pages > 2500)
    for _ in range(2):
        bed.locust.begin()
        await bed.phase("flood")
        bed.locust.end()
        await bed.phase("heal")
    result = await bed.result()
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal"]
    assert [event.kind for event in bed.record().events].count("flood_start") == 2


async def test_a_policy_that_is_not_acknowledged_fails_and_voids_the_run(bed: Testbed) -> None:
    bed.initiator.answers = lambda honest: None
    answer = await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memalloc")))
    assert isinstance(answer, Failed)
    assert answer.exit_code == 5
    assert "initiator-1: no acknowledgement" in (await bed.result()).sentence


async def test_a_scenario_is_refused_while_an_adhoc_run_records(bed: Testbed) -> None:
    bed.locust.begin()
    await bed.phase("flood")
    refusal = failed(await bed.ask_start(SCENARIO))
    assert refusal.exit_code == 2
    await bed.operator.ask(StopRun())
    assert (await bed.result()).exit_code == 130
