"""What an initiator answers and tells, whatever its tier."""

from __future__ import annotations

import asyncio

import pytest
from brokers import until
from msgspec import structs

from nodes.agent.tasks import end
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec, TargetSpec
from nodes.errors import LackingError, SettingError, UsageError
from nodes.eventkinds import Harness, PolicySet
from nodes.initiator import Initiator
from nodes.messages import Desired, Event, Reported
from nodes.network.interfaces import Interface

MACHINE = MachineConfig(memory_pages=2048, min_free_pages=64, working_set_pages=3072, touch_pages_per_s=3000)
SPEC = InitiatorSpec(machine=MACHINE, policy=PolicySpec(name="none"))


class Scripted(Initiator):
    """Fails as it is told."""

    tier = "container"

    def __init__(self) -> None:
        super().__init__("initiator-1", Interface(name="lo", address="127.0.0.1"))
        self.lacks: str = ""
        self.fails: Exception | None = None
        self.looks = 0

    def _probe(self) -> None:
        if self.lacks:
            raise LackingError(self.lacks)

    async def _make_true(self, desired: Desired, spec: InitiatorSpec) -> None:
        self._run = desired.run
        if self.fails is not None:
            raise self.fails

    def _read_back(self, bare: Reported) -> Reported:
        return structs.replace(bare, spec=SPEC)

    def _watch_once(self) -> None:
        self.looks += 1


def test_what_its_machine_lacks_is_its_status() -> None:
    node = Scripted()
    assert (node.status().state, node.status().tier, node.status().address) == ("online", "container", "127.0.0.1")
    node.lacks = "no NFQUEUE"
    assert (node.status().state, node.status().reason) == ("unable", "no NFQUEUE")


@pytest.mark.parametrize(
    ("fails", "error", "exit_code", "setting"),
    [
        (None, "", 0, ""),
        (UsageError("too\n  small"), "too small", 2, ""),
        (SettingError("there is no kernel trixy", "kernel"), "there is no kernel trixy", 2, "kernel"),
        (LackingError("no tun"), "no tun", 3, ""),
        (OSError(), "OSError", 6, ""),
        (MemoryError(), "MemoryError", 6, ""),
    ],
)
async def test_an_answer_is_what_is_in_force_and_why_no_more(
    fails: Exception | None, error: str, exit_code: int, setting: str
) -> None:
    node = Scripted()
    node.fails = fails
    answer = await node.apply(Desired(seq=7, run="r", spec=SPEC))
    assert (answer.seq, answer.run, answer.spec) == (7, "r", SPEC)
    assert (answer.error, answer.exit_code, answer.setting) == (error, exit_code, setting)


async def test_it_is_no_target() -> None:
    answer = await Scripted().apply(Desired(seq=1, run="r", spec=TargetSpec()))
    assert answer.error == "initiator-1 is an initiator: it cannot be a TargetSpec" and answer.exit_code == 2


async def test_what_happened_before_somebody_listened_is_told_first_and_a_fault_of_our_own_voids() -> None:
    node, told = Scripted(), list[Event]()
    await node.apply(Desired(seq=1, run="r", spec=SPEC))
    node._tell_switch(SPEC, SPEC)
    node._tell_switch(SPEC, structs.replace(SPEC, policy=PolicySpec(name="memalloc")))
    work = asyncio.create_task(node.run(told.append))
    await until(lambda: node.looks >= 2)
    asyncio.get_running_loop().call_soon(lambda: 1 // 0)
    await until(lambda: len(told) == 2)
    await end(work)
    switched, fault = told
    assert isinstance(switched.detail, PolicySet) and switched.detail.policy == "memalloc" and switched.run == "r"
    assert isinstance(fault.detail, Harness) and fault.detail.harness and "ZeroDivisionError" in fault.detail.void
