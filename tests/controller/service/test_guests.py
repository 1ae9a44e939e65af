"""A run on guests: which nodes it takes, what it keeps of them, and that they are left as they are afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from brokers import Broker, until
from scriptednode import ScriptedNode
from testbeds import SCENARIO, Testbed, failed

from controller.api import RunStarted, StartRescue, StopRun
from controller.experiment.rescue import SwitchTo
from controller.service.connections import Timing
from nodes.config import InitiatorSpec, PolicySpec
from nodes.kernel import accelerator, boot, life
from nodes.messages import Reported

ROOMY = SCENARIO.replace("memory: 64 MiB", "memory: 80 MiB")
"""No kernel boots in 64 MiB."""


@pytest.fixture
async def guest(bed: Testbed, broker: Broker) -> AsyncIterator[ScriptedNode]:
    node = ScriptedNode(broker, "initiator", "kernel-initiator-1", "198.18.1.31", tier="kernel")
    node.junk_pps = lambda: bed.locust.rate_pps
    node.answers = lambda honest: msgspec.structs.replace(honest, means={"accelerator": "tcg", "kernel": "6.12.1"})
    async with node:
        yield node


async def test_a_run_takes_guests_and_says_what_carried_them(bed: Testbed, guest: ScriptedNode) -> None:
    started = await bed.start(ROOMY.replace("policy: memalloc", "policy: memalloc+head_reserve"), tier="kernel")
    await bed.phase("flood")
    await guest.tell("console", lines=[[time.time_ns(), "netreserve: ready"]])
    result = await bed.result(started.run)

    assert (result.tier, result.verdict) == ("kernel", "healthy"), result.sentence
    assert result.policy == "memalloc+head_reserve"
    assert [node.node for node in result.nodes] == ["kernel-initiator-1"]
    assert "kernel-initiator-1 is Linux 6.12.1, run by QEMU (tcg)" in result.notes
    (swarm,) = bed.locust.swarms
    assert swarm["targets"] == "198.18.1.31"
    assert (
        (bed.runs / started.folder / "nodes" / "kernel-initiator-1.console.log")
        .read_text()
        .endswith("Z netreserve: ready\n")
    )
    assert not [event for event in bed.record(started.run).events if event.kind == "console"]


@pytest.mark.parametrize(("told", "exit_code"), [(2, 2), (3, 3), (5, 5), (6, 5), (0, 5)])
async def test_what_a_guest_cannot_be_ends_the_run_with_its_code(
    bed: Testbed, guest: ScriptedNode, told: int, exit_code: int
) -> None:
    guest.answers = lambda honest: msgspec.structs.replace(honest, error="there is no kernel trixy", exit_code=told)
    started = await bed.start(ROOMY, tier="kernel")
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code) == ("inconclusive", exit_code)
    assert "kernel-initiator-1 cannot be what was asked: there is no kernel trixy" in result.sentence
    assert bed.record(started.run).result.exit_code == exit_code


@pytest.mark.parametrize(("told", "exit_code"), [(2, 5), (3, 3), (5, 5), (6, 5), (0, 5)])
async def test_what_a_container_cannot_be_ends_the_run_with_what_its_machine_lacks_or_with_5(
    bed: Testbed, told: int, exit_code: int
) -> None:
    bed.initiator.answers = lambda honest: msgspec.structs.replace(honest, error="no space", exit_code=told)
    result = await bed.result((await bed.start()).run)
    assert (result.verdict, result.exit_code) == ("inconclusive", exit_code)


def test_a_node_has_told_that_its_guests_do_not_start_before_the_controller_gives_up() -> None:
    slowest = accelerator.choose(lambda: "no KVM")
    own_s = 2 * boot.READY_S * slowest.patience + life.FIGURES_S * slowest.patience
    assert own_s < Timing().boot_deadline_s < own_s + 30


async def test_a_guest_stays_as_it_is_until_another_run(bed: Testbed, guest: ScriptedNode) -> None:
    await bed.result((await bed.start(ROOMY, tier="kernel")).run)
    kernel_run = guest.run
    later = await bed.start()
    await bed.result(later.run)
    runs = list(dict.fromkeys(desired.run for desired in bed.target.desired))
    assert runs[runs.index(kernel_run) + 1] == later.run  # no default in between: the guest's swap lies there
    spec = guest.desired[-1].spec
    assert guest.run == later.run and isinstance(spec, InitiatorSpec) and not spec.target  # it stands aside
    await until(lambda: bed.target.run.startswith("idle-"))


async def test_without_guests_there_is_no_run_of_their_tier(bed: Testbed) -> None:
    refused = failed(await bed.ask_start(ROOMY, tier="kernel"))
    assert refused.exit_code == 3
    assert refused.message == (
        "the scenario needs 1 kernel initiator, 0 online: start more with `netreserve up --kernel 1`"
    )


async def test_a_guest_alone_does_not_serve_a_run_of_containers(bed: Testbed, guest: ScriptedNode) -> None:
    await bed.initiator.die()

    async def offline() -> bool:
        return any(node.status.state == "offline" for node in (await bed.state()).nodes)

    async with asyncio.timeout(10):
        while not await offline():
            pass
    refused = failed(await bed.ask_start())
    assert (refused.exit_code, "1 initiator, 0 online" in refused.message) == (3, True)


async def test_a_flood_by_hand_and_a_policy_for_all_are_not_for_guests(bed: Testbed, guest: ScriptedNode) -> None:
    def never(honest: Reported) -> None:
        raise AssertionError(f"{honest.node} was asked")

    guest.answers = never
    from controller.api import SetPolicy, State
    from nodes.config import PolicySpec

    answer = await bed.operator.ask(SetPolicy(policy=PolicySpec(name="memalloc")))
    assert isinstance(answer, State)
    assert bed.initiator.policy == "memalloc" and not guest.desired


async def test_an_unknown_tier_is_refused(bed: Testbed) -> None:
    refused = failed(await bed.ask_start(tier="sim"))
    assert (refused.exit_code, refused.message) == (2, "the testbed runs tier container or kernel, not 'sim'")


async def test_a_guest_that_a_run_left_hanging_is_rescued(bed: Testbed, guest: ScriptedNode) -> None:
    def answer(honest: Reported) -> Reported:
        assert isinstance(honest.spec, InitiatorSpec)
        guest.frozen &= honest.spec.policy.name != "mainline"
        return honest

    started = await bed.start(tier="kernel")
    await bed.phase("flood")
    guest.answers, guest.frozen = answer, True
    await bed.operator.ask(StopRun())
    await bed.result(started.run)
    await until(lambda: guest.progress_age_ns > 2_200_000_000)
    rescue = await bed.operator.ask(StartRescue(remedies=(SwitchTo(policy=PolicySpec(name="mainline")),)))
    assert isinstance(rescue, RunStarted), rescue
    result = await bed.result(rescue.run)

    assert (result.tier, result.exit_code) == ("kernel", 0), result.sentence
    (node,) = result.nodes  # others take no part
    assert (node.node, node.rescues[0].revived) == ("kernel-initiator-1", True)
    assert guest.run == started.run
