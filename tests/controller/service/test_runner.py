"""A scenario's run from the request to the record."""

from __future__ import annotations

import json

import pytest
from brokers import until
from testbeds import SCENARIO, Testbed, failed
from traces import CYCLE

from controller.api import StopRun
from controller.service.activity import JUDGING
from controller.service.runner import ScenarioRun
from nodes.config import InitiatorSpec, TargetSpec
from traffic.profiles import parse_form


async def test_a_run_goes_through_its_phases_and_is_written(bed: Testbed) -> None:
    started = await bed.start()
    result = await bed.result(started.run)

    assert (result.verdict, result.exit_code) == ("healthy", 0), result.sentence
    assert [phase.name for phase in result.phases] == ["warmup", "flood", "heal"]
    folder = bed.runs / started.folder
    assert json.loads((folder / "result.json").read_text())["verdict"] == "healthy"
    for name in ("scenario.yaml", "samples.csv", "events.jsonl", "env.json", "locust.json", "report.html", "junit.xml"):
        assert (folder / name).stat().st_size > 0, name
    assert (bed.runs / "latest").resolve() == folder.resolve()


async def test_a_warmup_goes_on_until_memory_is_short_and_puts_off_what_follows(bed: Testbed) -> None:
    bed.initiator.swaps = False
    started = await bed.start()
    await bed.told("warmup goes on: initiator-1 has not swapped out a page yet")
    bed.initiator.swaps = True
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("healthy", 0), result.sentence
    assert any("more than planned, until memory was short" in note for note in result.notes), result.notes
    warmup, flood, _ = result.phases
    assert warmup.end_ns - warmup.start_ns > 1_500_000_000 and flood.start_ns == warmup.end_ns


async def test_a_warmup_that_never_gets_there_is_bounded(bed: Testbed) -> None:
    bed.initiator.swaps = False
    started = await bed.start()
    result = await bed.result(started.run)
    assert result.verdict == "inconclusive" and "swapped out" in result.sentence
    assert any("and still initiator-1 has not swapped out" in note for note in result.notes), result.notes


async def test_nodes_are_set_up_as_planned_and_given_back(bed: Testbed) -> None:
    started = await bed.start()
    await bed.result(started.run)

    asked = next(desired for desired in bed.initiator.desired if desired.run == started.run)
    assert isinstance(asked.spec, InitiatorSpec)
    assert (asked.spec.policy.name, asked.spec.target) == ("memalloc", "198.18.1.21:10809")
    assert any(desired.run == started.run and isinstance(desired.spec, TargetSpec) for desired in bed.target.desired)
    await until(lambda: bed.initiator.run.startswith("idle-") and bed.initiator.policy == "none")


async def test_the_flood_goes_to_the_initiators_and_is_stopped(bed: Testbed) -> None:
    started = await bed.start()
    await bed.result(started.run)

    (swarm,) = bed.locust.swarms
    assert (swarm["kind"], swarm["rate"], swarm["targets"]) == ("udp", "1000 pps", "198.18.1.11")
    assert bed.locust.state == "stopped"
    kinds = [event.kind for event in bed.record().events]
    assert kinds.count("flood_start") == kinds.count("flood_stop") == 1


async def test_samples_and_events_are_the_same_in_folder_and_database(bed: Testbed) -> None:
    started = await bed.start()
    await bed.result(started.run)

    record = bed.record(started.run)
    assert len((record.folder / "samples.csv").read_text().splitlines()) == 1 + len(record.samples) > 50
    assert len((record.folder / "events.jsonl").read_text().splitlines()) == len(record.events)
    assert {sample.run for sample in record.samples} == {started.run}


async def test_progress_tells_phases_rows_and_the_result(bed: Testbed) -> None:
    started = await bed.start()
    await bed.result(started.run)

    mine = [item for item in bed.progress if item.run == started.run]
    assert {"warmup", "flood", "heal", "done"} <= {item.phase for item in mine}
    assert {row.node for row in mine[-1].rows} == {"initiator-1", "target-1"}
    healing = next(item for item in mine if item.phase == "heal" and item.message != JUDGING)
    heal, began_ns = bed.record().result.phases[-1], bed.record().result.started_ns
    assert healing.expected_ns == heal.start_ns - began_ns + 500_000_000, "from the request on, as elapsed_ns"
    assert mine[-1].folder == started.folder


async def test_a_run_that_is_judged_says_so_and_shows_no_machine(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drawn(*_: object) -> None:
        await until(lambda: bed.progress[-1].message == JUDGING)

    monkeypatch.setattr("controller.service.activity.write_report", drawn)
    started = await bed.start()
    await bed.result(started.run)
    judged = [item for item in bed.progress if item.message == JUDGING and item.result is None]
    assert judged and all(not item.rows and item.expected_ns > item.elapsed_ns for item in judged)


async def test_heal_is_extended_until_a_deadlock_is_certain(bed: Testbed) -> None:
    started = await bed.start(SCENARIO.replace("heal: 500 ms", "heal: 2500 ms"))
    await bed.phase("flood")
    bed.initiator.frozen = True
    await bed.phase("heal")
    await bed.initiator.tell("stall", waits=CYCLE, cycle=CYCLE)
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("deadlocked", 1), result.sentence
    heal = result.phases[-1]
    assert heal.end_ns - heal.start_ns > 7_000_000_000


async def test_a_late_acknowledgement_voids_the_run(bed: Testbed) -> None:
    bed.initiator.answer_delay_s = 3.0
    started = await bed.start()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert "initiator-1: no acknowledgement" in result.sentence


async def test_an_acknowledged_error_voids_the_run(bed: Testbed) -> None:
    import msgspec

    bed.target.answers = lambda honest: msgspec.structs.replace(honest, error="nbdkit does not start: no space")
    started = await bed.start()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert "target-1 cannot be what was asked: nbdkit does not start: no space" in result.sentence


async def test_another_value_in_force_voids_the_run(bed: Testbed) -> None:
    import msgspec

    def forgets(honest):  # type: ignore[no-untyped-def]
        machine = msgspec.structs.replace(honest.spec.machine, min_free_pages=300)
        return msgspec.structs.replace(honest, spec=msgspec.structs.replace(honest.spec, machine=machine))

    bed.initiator.answers = forgets
    started = await bed.start()
    result = await bed.result(started.run)
    assert result.verdict == "inconclusive"
    assert "initiator-1: machine.min_free_pages is 300, 256 was asked for" in result.sentence


async def test_a_node_that_dies_ends_the_run(bed: Testbed) -> None:
    started = await bed.start()
    await bed.phase("flood")
    await bed.initiator.die()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 6)
    assert "initiator-1 went offline" in result.sentence
    await until(lambda: bed.locust.state == "stopped")


async def test_a_flood_that_locust_does_not_start_is_a_harness_fault(bed: Testbed) -> None:
    bed.locust.deaf = True
    started = await bed.start()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 6)
    assert "Locust did not start in time" in result.sentence


@pytest.mark.parametrize("phase", ["warmup", "heal"])
async def test_a_flood_that_somebody_starts_voids_the_run(bed: Testbed, phase: str) -> None:
    started = await bed.start(SCENARIO.replace("heal: 500 ms", "heal: 5 s"))
    await bed.phase(phase)
    bed.locust.begin()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert f"Locust started in the {phase} phase, not by the scenario" in result.sentence
    assert bed.locust.state == "stopped"


async def test_a_flood_that_somebody_stops_voids_the_run(bed: Testbed) -> None:
    started = await bed.start(SCENARIO.replace("flood: 600 ms", "flood: 5 s"))
    await bed.phase("flood")
    await until(lambda: bed.locust.state == "running")
    await until(lambda: bed.progress[-1].elapsed_ns > 2_500_000_000)  # the controller has seen it go
    bed.locust.end()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert "Locust stopped in the flood phase, not by the scenario" in result.sentence


async def test_a_flood_as_asked_is_told_in_figures(bed: Testbed) -> None:
    started = await bed.start(SCENARIO.replace("flood: 600 ms", "flood: 2 s"))
    result = await bed.result(started.run)
    assert result.exit_code == 0, result.sentence
    assert result.metrics["flood.asked_pps"] == pytest.approx(1000)
    assert result.metrics["flood.sent_pps"] == pytest.approx(1000, rel=0.3)


async def test_a_flood_weaker_than_half_of_what_was_asked_voids_the_run(bed: Testbed) -> None:
    bed.locust.strength = 0.2
    started = await bed.start(SCENARIO.replace("flood: 600 ms", "flood: 2 s"))
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert "the flood was not in force" in result.sentence
    assert "% of the udp flood reached initiator-1" in result.sentence
    assert result.metrics["flood.sent_pps"] < 500


async def test_a_flood_that_reaches_nobody_voids_the_run(bed: Testbed) -> None:
    bed.initiator.junk_pps = lambda: 0
    started = await bed.start()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 5)
    assert "0% of the udp flood reached initiator-1: 0 of " in result.sentence


async def test_a_stopped_run_is_written_as_far_as_it_got(bed: Testbed) -> None:
    started = await bed.start()
    await bed.phase("flood")
    await bed.operator.ask(StopRun())
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 130)
    assert "interrupted" in result.sentence
    assert [phase.name for phase in result.phases] == ["warmup", "flood"]
    assert bed.locust.state == "stopped"


async def test_a_second_run_is_refused_while_one_goes_on(bed: Testbed) -> None:
    started = await bed.start()
    refusal = failed(await bed.ask_start())
    assert refusal.exit_code == 2
    assert started.run in refusal.message
    await bed.operator.ask(StopRun())
    await bed.result(started.run)


async def test_too_few_nodes_are_named_with_the_remedy(bed: Testbed) -> None:
    refusal = failed(await bed.ask_start(SCENARIO.replace("initiator: {count: 1", "initiator: {count: 2")))
    assert refusal.exit_code == 3
    assert "2 initiators, 1 online" in refusal.message
    assert "--scale initiator=2" in refusal.message


async def test_a_bad_scenario_is_refused_with_its_line(bed: Testbed) -> None:
    refusal = failed(await bed.ask_start(SCENARIO.replace("policy:", "polciy:"), file="mine.yaml"))
    assert refusal.exit_code == 2
    assert "mine.yaml:" in refusal.message


async def test_floods_at_once_are_one_swarm_and_each_is_in_force(bed: Testbed) -> None:
    two = SCENARIO.replace("phases:", "  - {kind: tcp, rate: 500 pps, start: 200 ms}\nphases:")
    started = await bed.start(two.replace("flood: 600 ms", "flood: 2 s"))
    result = await bed.result(started.run)

    (form,) = bed.locust.swarms
    video, logs = parse_form(form).floods
    assert (video.flood.kind, video.flood.rate_pps, video.flood.start_ns) == ("udp", 1000, 0)
    assert (logs.flood.kind, logs.flood.rate_pps, logs.flood.start_ns) == ("tcp", 500, 200_000_000)
    assert result.exit_code == 0, result.sentence
    assert 1300 < result.metrics["flood.asked_pps"] <= 1500


async def test_a_run_that_failed_is_told_and_hears_nothing_more(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(run: ScenarioRun) -> None:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(ScenarioRun, "_set_up", break_down)
        broken = await bed.start()
        result = await bed.result(broken.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", 6)
    assert "the controller failed: RuntimeError: out of order" in result.sentence
    assert (bed.runs / broken.folder / "report.html").is_file()
    started = await bed.start(SCENARIO.replace("warmup: 1500 ms", "warmup: 30 s"))
    await bed.phase("warmup")
    await bed.initiator.die()
    await bed.result(started.run)
    told = [event.detail.brief for event in bed.record(started.run).events if event.kind in ("node", "harness")]
    assert told == ["offline", "initiator-1 went offline in the warmup phase"]


async def test_a_worker_that_is_lost_while_it_sends_makes_the_run_a_fault_of_ours(bed: Testbed) -> None:
    started = await bed.start(SCENARIO.replace("flood: 600 ms", "flood: 3 s"))
    await bed.phase("flood")
    await until(lambda: bed.locust.user_count == 2)
    await until(lambda: bed.record(started.run).events[-1].kind == "flood_start")
    bed.locust.lost = {1}
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code, result.harness_fault) == ("inconclusive", 6, True)
    assert "1 of Locust's 2 workers was lost while they sent" in result.sentence


async def test_a_flood_without_workers_does_not_begin_and_says_what_brings_them_back(bed: Testbed) -> None:
    bed.locust.workers = 0
    refused = failed(await bed.ask_start())
    assert (refused.exit_code, "or with `netreserve up`" in refused.message) == (6, True)
