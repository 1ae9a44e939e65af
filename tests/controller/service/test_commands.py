"""What an operator asks and is told."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest
from brokers import Ear, until
from scriptednode import ScriptedNode
from testbeds import SCENARIO, Testbed, failed

from controller.api import Command, SetPolicy, SetShape, StartFlood, State, StopFlood, StopRun
from controller.experiment.scenario import Scenario, parse
from nodes.config import OPEN_LINK, InitiatorSpec, PolicySpec, Shape
from nodes.floods import Flood
from nodes.messages import Desired, Reported, Status, encode, topic

AS_OPEN = Flood(kind="udp", sockets=4, reader="stalled", rcvbuf_bytes=4 << 20)
"""What meets the default sink."""


async def test_the_state_shows_nodes_and_what_is_in_force(bed: Testbed) -> None:
    state = await bed.state()
    assert {node.status.node: node.status.state for node in state.nodes} == {
        "initiator-1": "online",
        "target-1": "online",
    }
    assert all(node.reported is not None for node in state.nodes)
    assert (state.run, state.flood) == ("", "stopped")


async def test_a_node_that_never_sent_a_sample_has_no_age(bed: Testbed) -> None:
    mute = Status(node="initiator-9", role="initiator", state="online", address="198.18.1.19")
    async with bed.broker.client("initiator", "initiator-9") as client:
        await client.publish(topic("initiator", "initiator-9", "status"), encode(mute), qos=1)

    async def ages() -> dict[str, int]:
        return {node.status.node: node.age_ns for node in (await bed.state()).nodes}

    async with asyncio.timeout(10):
        while not ((found := await ages()).get("initiator-9") == 0 and found["initiator-1"]):
            pass
    assert found["initiator-1"] < 60_000_000_000


async def test_nodes_of_another_time_are_not_shown(bed: Testbed) -> None:
    gone = Status(node="initiator-7", role="initiator", state="offline")
    async with bed.broker.client("initiator", "initiator-7") as client:
        await client.publish(topic("initiator", "initiator-7", "status"), encode(gone), qos=1, retain=True)
    async with ScriptedNode(bed.broker, "initiator", "initiator-8", "198.18.1.18") as late:
        await until(lambda: late.desired)  # the controller knows it, and so what was said before
        state = await bed.state()
    assert {node.status.node for node in state.nodes} == {"initiator-1", "initiator-8", "target-1"}


async def test_a_scenario_that_takes_long_to_read_keeps_nobody_waiting(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, read = threading.Event(), threading.Event()

    def slow(*asked: str) -> Scenario:
        reading.set()
        assert read.wait(30)
        return parse(*asked)

    monkeypatch.setattr("controller.service.conductor.parse", slow)
    starting = asyncio.create_task(bed.start())
    try:
        await until(reading.is_set)
        assert (await bed.state()).run == ""
    finally:
        read.set()
    assert (await bed.state()).run in ("", (await starting).run)


async def test_a_shape_changes_only_what_it_names(bed: Testbed) -> None:
    await bed.operator.ask(SetShape(shape=Shape(rate_bps=10_000_000), node="initiator-1"))
    await bed.operator.ask(SetShape(shape=Shape(delay_ns=5_000_000), node="initiator-1"))
    shape = bed.initiator.desired[-1].shape
    assert (shape.rate_bps, shape.delay_ns, shape.cut) == (10_000_000, 5_000_000, False)
    assert bed.target.desired[-1].shape.delay_ns == 0


async def test_an_unknown_policy_is_refused_with_the_known_ones(bed: Testbed) -> None:
    refusal = failed(await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memaloc"))))
    assert refusal.exit_code == 2
    assert "did you mean 'memalloc'?" in refusal.message


async def test_an_unknown_node_is_refused_with_the_known_ones(bed: Testbed) -> None:
    refusal = failed(await bed.operator.ask(SetPolicy(policy=PolicySpec(name="none"), node="initiator-9")))
    assert refusal.exit_code == 2
    assert "initiator-1" in refusal.message


async def test_stopping_nothing_is_refused(bed: Testbed) -> None:
    assert failed(await bed.operator.ask(StopRun())).message.startswith("no run is going on")


async def test_locusts_reason_reaches_the_operator(bed: Testbed) -> None:
    bed.locust.refusal = "rate: '1 kbit' is not a rate"
    refusal = failed(await bed.operator.ask(StartFlood(flood=AS_OPEN, duration_ns=1_000_000_000)))
    assert refusal.exit_code == 6
    assert "rate: '1 kbit' is not a rate" in refusal.message


async def test_a_flood_through_the_controller_goes_to_the_sockets_that_are_open(bed: Testbed) -> None:
    asked_before = len(bed.initiator.desired)
    two = msgspec.structs.replace(AS_OPEN, sockets=2)
    answer = await bed.operator.ask(StartFlood(flood=two, duration_ns=5_000_000_000))
    assert isinstance(answer, State), answer
    assert answer.flood.startswith("running")
    assert (bed.locust.swarms[0]["sockets"], bed.locust.swarms[0]["port"]) == ("2", "9000")
    assert len(bed.initiator.desired) == asked_before  # a running machine keeps its sinks
    await bed.operator.ask(StopFlood())
    assert bed.locust.state == "stopped"


@pytest.mark.parametrize("changes", [{"sockets": 5}, {"reader": "app"}, {"rcvbuf_bytes": 212_992}], ids=str)
async def test_a_flood_for_other_sockets_is_told_what_is_open(bed: Testbed, changes: dict[str, object]) -> None:
    other = msgspec.structs.replace(AS_OPEN, **changes)
    refusal = failed(await bed.operator.ask(StartFlood(flood=other, duration_ns=1_000_000_000)))
    assert refusal.exit_code == 2
    assert refusal.message.startswith("udp junk meets 4 x 4 MiB, reader 'stalled', at initiator-1, not ")
    assert refusal.message.endswith("1 to 4 sockets as they are there can be flooded, others need a scenario")
    assert not bed.locust.swarms


@pytest.mark.parametrize(
    "command",
    [
        SetPolicy(policy=PolicySpec(name="none")),
        SetShape(shape=Shape(delay_ns=1_000_000)),
        StartFlood(flood=AS_OPEN, duration_ns=1_000_000_000),
        StopFlood(),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_nothing_is_changed_by_hand_while_a_scenario_runs(bed: Testbed, command: Command) -> None:
    started = await bed.start(SCENARIO.replace("flood: 600 ms", "flood: 2 s"))
    await bed.phase("flood")
    asked_before = len(bed.initiator.desired)
    refusal = failed(await bed.operator.ask(command))
    assert refusal.exit_code == 2
    assert refusal.message.startswith(f"scenario run {started.run} is going on")
    assert len(refusal.message.splitlines()) == 1
    result = await bed.result(started.run)
    assert (result.verdict, result.policy) == ("healthy", "memalloc"), result.sentence
    assert all(desired.run != started.run for desired in bed.initiator.desired[asked_before:])
    assert len(bed.locust.swarms) == 1


async def retained(bed: Testbed, role: str, name: str) -> Desired:
    """What the broker would tell `name` if it were started anew."""
    async with Ear(bed.broker.client("controller", "fixes-ear"), topic(role, name, "desired")) as ear:
        await until(lambda: ear.heard)
        return msgspec.convert(ear.heard[0][1], Desired)


async def test_a_refused_change_is_taken_back_at_every_node_and_spoils_no_later_one(bed: Testbed) -> None:
    def without_netem(honest: Reported) -> Reported:
        if not honest.shape.duplicate_ratio:
            return honest
        return msgspec.structs.replace(honest, shape=OPEN_LINK, error="duplicate needs netem", exit_code=3)

    bed.initiator.answers = without_netem
    refusal = failed(await bed.operator.ask(SetShape(shape=Shape(duplicate_ratio=0.01))))
    assert "initiator-1 cannot be what was asked: duplicate needs netem" in refusal.message
    assert refusal.exit_code == 3, "this machine lacks it"
    await until(lambda: [bed.initiator.desired[-1].shape, bed.target.desired[-1].shape] == [OPEN_LINK, OPEN_LINK])
    assert (await retained(bed, "initiator", "initiator-1")).shape == OPEN_LINK
    assert isinstance(await bed.operator.ask(SetShape(shape=Shape(delay_ns=1_000_000))), State)


async def test_a_refused_policy_is_neither_retained_nor_given_after_the_next_run(bed: Testbed) -> None:
    def keeps_its_disk(honest: Reported) -> Reported:
        assert isinstance(honest.spec, InitiatorSpec)
        refused = honest.spec.policy.name == "local"
        return msgspec.structs.replace(honest, error="its disk is another one") if refused else honest

    bed.initiator.answers = keeps_its_disk
    failed(await bed.operator.ask(SetPolicy(policy=PolicySpec(name="local"))))
    await until(lambda: bed.initiator.policy == "none")
    spec = (await retained(bed, "initiator", "initiator-1")).spec
    assert isinstance(spec, InitiatorSpec) and spec.policy.name == "none"
    await bed.result()
    bed.progress.clear()
    started = await bed.start()
    await bed.result(started.run)
    await until(lambda: bed.initiator.run.startswith("idle-"))
    assert bed.initiator.policy == "none"


async def test_a_change_that_nobody_acknowledged_is_taken_back(bed: Testbed) -> None:
    bed.initiator.answers = lambda honest: None
    failed(await bed.operator.ask(SetShape(shape=Shape(delay_ns=1_000_000))))
    await until(lambda: bed.initiator.desired[-1].shape == OPEN_LINK)
