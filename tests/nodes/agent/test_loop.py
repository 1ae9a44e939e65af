from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from agentarms import RecordingArm
from brokers import Broker, Ear, until
from hypothesis import given
from hypothesis import strategies as st

from nodes.agent.access import Broker as Address
from nodes.agent.bus import Bus
from nodes.agent.loop import Agent, next_tick
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec, TargetSpec
from nodes.errors import HarnessError
from nodes.eventkinds import FaultSet
from nodes.messages import Desired, Event, Reported, encode, topic

DESIRED = topic("target", "target-1", "desired")


def wish(seq: int, **changes: object) -> bytes:
    return encode(Desired(seq=seq, run="r1", spec=msgspec.structs.replace(TargetSpec(), **changes)))


async def ask(controller: Ear, payload: bytes) -> None:
    await controller.client.publish(DESIRED, payload, qos=1, retain=True)


async def reported(controller: Ear, seq: int) -> dict[str, object]:
    found = await until(lambda: [one for one in controller.of("reported") if one["seq"] == seq])
    return dict(found[-1])


class TestWishes:
    async def test_a_wish_is_answered_with_what_is_in_force(self, controller: Ear, agent_with) -> None:
        async with agent_with(RecordingArm()):
            await ask(controller, wish(1, rate_bps=5000))
            found = await reported(controller, 1)
            assert found["spec"]["rate_bps"] == 5000
            assert found["run"] == "r1" and not found["error"]

    async def test_a_wish_from_before_the_agent_is_heard(self, controller: Ear, agent_with) -> None:
        await ask(controller, wish(7))
        arm = RecordingArm()
        async with agent_with(arm):
            await reported(controller, 7)
            assert arm.applied == [7]

    async def test_of_many_wishes_the_newest_wins_and_only_one_is_carried_out_at_a_time(
        self, controller: Ear, agent_with
    ) -> None:
        arm = RecordingArm()
        async with agent_with(arm):
            arm.gate.clear()
            await ask(controller, wish(1))
            await until(lambda: arm.at_once)
            for seq in range(2, 30):
                await ask(controller, wish(seq))
            await until(lambda: [one for one in controller.of("desired") if one["seq"] == 29])
            arm.gate.set()
            await reported(controller, 29)
            assert arm.applied == [1, 29]
            assert arm.at_once_most == 1

    @pytest.mark.parametrize(
        ("payload", "seq", "part", "exit_code"),
        [
            (b"no json", 0, "JSON", 6),
            (b'{"seq": 3, "run": "r1", "spec": {"type": "target", "size_byte": 1}}', 3, "size_byte", 6),
            (b'{"seq": 4, "run": "r1", "spec": {"type": "toaster"}}', 4, "toaster", 6),
            (b'{"seq": 5, "run": "r1", "spec": {"type": "target", "rate_bps": "fast"}}', 5, "int", 6),
            (b'{"seq": 5, "more": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 0, "RecursionError", 6),
            (wish(6, stalled=True), 6, "this arm cannot stall", 3),
            (
                encode(
                    Desired(
                        seq=8, run="r1", spec=InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none"))
                    )
                ),
                8,
                "role 'target' and cannot be 'initiator'",
                2,
            ),
        ],
    )
    async def test_a_bad_wish_is_answered_and_changes_nothing(
        self, controller: Ear, agent_with, payload: bytes, seq: int, part: str, exit_code: int
    ) -> None:
        async with agent_with(RecordingArm()):
            await ask(controller, wish(1, rate_bps=77))
            await reported(controller, 1)
            await ask(controller, payload)
            found = await reported(controller, seq)
            assert part in found["error"] and "\n" not in found["error"]
            assert found["exit_code"] == exit_code
            assert found["spec"]["rate_bps"] == 77, "what was in force still is"
            await ask(controller, wish(100))
            good = await reported(controller, 100)
            assert (good["error"], good["exit_code"]) == ("", 0), "the agent goes on"

    async def test_a_wish_of_before_is_not_regarded(self, controller: Ear, agent_with) -> None:
        arm = RecordingArm()
        async with agent_with(arm):
            await ask(controller, wish(200, rate_bps=77))
            await reported(controller, 200)
            await ask(controller, wish(199, rate_bps=5))  # as a broker that crashed repeats it
            await ask(controller, wish(201))
            await reported(controller, 201)
            assert arm.applied == [200, 201]

    async def test_a_fault_of_its_own_costs_a_wish_alone(self, controller: Ear, agent_with) -> None:
        class Faulty(RecordingArm):
            async def apply(self, desired: Desired) -> Reported:
                if desired.seq == 1:
                    raise KeyError("page")
                return await super().apply(desired)

        async with agent_with(Faulty()):
            await ask(controller, wish(1))
            found = await reported(controller, 1)
            assert (found["error"], found["exit_code"]) == ("the node failed: KeyError: 'page'", 6)
            await ask(controller, wish(2))
            assert (await reported(controller, 2))["error"] == ""

    async def test_acknowledgements_come_fast(self, controller: Ear, agent_with) -> None:
        async with agent_with(RecordingArm()):
            times = []
            for seq in range(1, 51):
                start = time.perf_counter()
                await ask(controller, wish(seq))
                await reported(controller, seq)
                times.append(time.perf_counter() - start)
            assert sorted(times)[40] < 0.03, "an answer that waits behind its own acknowledgement takes 40 ms"


class TestLife:
    async def test_online_then_offline(self, controller: Ear, agent_with) -> None:
        arm = RecordingArm()
        async with agent_with(arm):
            await until(lambda: controller.of("status"))
            assert controller.of("status")[-1]["state"] == "online"
            assert controller.of("status")[-1]["address"] == "198.18.1.9"
        await until(lambda: controller.of("status")[-1]["state"] == "offline")
        assert arm.closed

    async def test_an_unable_node_says_why_and_refuses(self, controller: Ear, agent_with) -> None:
        async with agent_with(RecordingArm(lack="no NFQUEUE here")) as agent:
            await until(lambda: [one for one in controller.of("status") if one["reason"] == "no NFQUEUE here"])
            assert agent.ailment() == "no NFQUEUE here"
            await ask(controller, wish(1))
            found = await reported(controller, 1)
            assert ("no NFQUEUE here" in found["error"], found["exit_code"]) == (True, 3)

    async def test_after_a_broker_restart_all_is_as_before(self, broker: Broker, agent_with) -> None:
        arm = RecordingArm()
        async with agent_with(arm) as agent:
            async with Ear(broker.client("controller", "c1"), "netreserve/#") as ear:
                await ask(ear, wish(1))
                await reported(ear, 1)
            broker.stop()
            await until(agent.ailment)
            assert arm.emit is not None
            arm.emit(Event(t_ns=1, node="target-1", run="r1", detail=FaultSet(fault="cut")))
            broker.start()
            async with Ear(broker.client("controller", "c2"), "netreserve/#") as ear:
                await until(lambda: ear.of("event"))
                assert [one["detail"] for one in ear.of("event")] == [
                    {"fault": "cut", "action": "begin", "concerns": []}
                ], "told late, told once"
                assert (await reported(ear, 1))["spec"], "still retained"
                await until(lambda: ear.of("status")[-1:] and ear.of("status")[-1]["state"] == "online")
                assert arm.applied == [1], "a repeated wish is not a new wish"
                await ask(ear, wish(2))
                await reported(ear, 2)
            assert not agent.ailment()

    async def test_a_killed_agent_is_told_by_its_last_will(self, broker: Broker, controller: Ear) -> None:
        process = _agent_process(broker)
        await until(lambda: [one for one in controller.of("status") if one["state"] == "online"])
        process.kill()
        await until(lambda: controller.of("status")[-1]["state"] == "offline")
        process.wait()

    async def test_sigterm_is_a_clean_end(self, broker: Broker, controller: Ear) -> None:
        process = _agent_process(broker)
        await until(lambda: [one for one in controller.of("status") if one["state"] == "online"])
        process.send_signal(signal.SIGTERM)
        await until(lambda: controller.of("status")[-1]["state"] == "offline")
        assert controller.of("status")[-1]["reason"] == "", "by its own word, not by its will"
        assert process.wait(10) == 0


class TestSamples:
    async def test_ten_a_second_without_drift_and_none_sent_late(self, controller: Ear, agent_with) -> None:
        arm = RecordingArm()
        async with agent_with(arm):
            await until(lambda: len(arm.sampled_s) > 10)
            time.sleep(0.35)  # a loop that is held up: the ticks meanwhile are lost, not caught up with
            count = len(arm.sampled_s)
            await until(lambda: len(arm.sampled_s) > count + 10)
        phases = [(at - arm.sampled_s[0]) / 0.1 for at in arm.sampled_s]
        assert all(abs(phase - round(phase)) < 0.3 for phase in phases[1:11]), "on the schedule"
        ticks = (arm.sampled_s[-1] - arm.sampled_s[0]) / 0.1
        assert len(arm.sampled_s) <= round(ticks) - 1, "at least two were skipped"
        await until(lambda: len(controller.of("sample")) >= 20)

    @given(tick=st.integers(0, 1000), elapsed_s=st.floats(0, 1e6))
    def test_the_next_tick_is_new_and_not_in_the_past(self, tick: int, elapsed_s: float) -> None:
        following = next_tick(tick, elapsed_s, 0.1)
        assert following > tick
        assert following * 0.1 >= elapsed_s - 1e-6
        assert following == tick + 1 or (following - 1) * 0.1 <= elapsed_s + 1e-6, "none is skipped that is to come"


def _agent_process(broker: Broker) -> subprocess.Popen[bytes]:
    script = Path(__file__).parents[2] / "support" / "agentarms.py"
    environment = {"PORT": str(broker.port), "NETRESERVE_CREDENTIALS": str(broker.folder / "target/credentials.json")}
    return subprocess.Popen([sys.executable, script], env=os.environ | environment)


async def test_an_arm_that_ends_ends_the_agent(broker: Broker, controller: Ear) -> None:
    class Ending(RecordingArm):
        async def run(self, emit: object) -> None:
            await until(lambda: not bus.trouble)

    arm, bus = Ending(), Bus(Address("127.0.0.1", broker.port), broker.account("target"), "target", "target-1")
    with pytest.raises(HarnessError, match="ended by itself"):
        await asyncio.wait_for(Agent("target", "target-1", arm, bus).run(asyncio.Event()), 10)
    assert arm.closed
