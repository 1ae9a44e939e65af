from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import netspaces
import pytest
import tinykernels
from msgspec.structs import replace

from controller.experiment.finding import voids_of
from nodes.config import OPEN_LINK, GuestSpec, InitiatorSpec, MachineConfig, PolicySpec
from nodes.eventkinds import ConsoleLines, Harness, Stalled
from nodes.kernel import boot, control, watch
from nodes.kernel.accelerator import choose
from nodes.kernel.arm import KernelArm
from nodes.messages import Desired, Event, Reported
from nodes.network.interfaces import Interface, interfaces

EMULATED = choose(lambda: "no KVM is wanted")
SPEC = InitiatorSpec(
    machine=MachineConfig(memory_pages=18_432, cpus=1),
    policy=PolicySpec(name="none"),
    target=f"{netspaces.RIGHT}:10809",
)
DEADLINE_S = 30.0


class Node:
    """An arm at work in the present namespace."""

    def __init__(self) -> None:
        self.arm = KernelArm("initiator-1", Interface("left", netspaces.LEFT))
        self.arm._accelerator = EMULATED
        self.events: list[Event] = []
        self.seq = 0

    async def apply(self, spec: Any = SPEC, run: str = "run-1", **shape: Any) -> Reported:
        self.seq += 1
        return await self.arm.apply(Desired(seq=self.seq, run=run, spec=spec, shape=replace(OPEN_LINK, **shape)))

    def kinds(self) -> set[str]:
        return {event.kind for event in self.events}

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.02)


def at_work(kernels: Path, story: Callable[[Node], Awaitable[Any]]) -> Any:
    """What `story` returns, told in a namespace with a neighbour; nothing may be left of the guest."""

    async def tell() -> Any:
        node = Node()
        running = asyncio.create_task(node.arm.run(node.events.append))
        try:
            return await story(node)
        finally:
            await node.arm.close()
            running.cancel()

    def work() -> Any:
        found = asyncio.run(tell())
        assert [interface.name for interface in interfaces()] == ["lo", "left"], "the address is back"
        links = subprocess.run(("ip", "-br", "link"), capture_output=True, text=True, check=True).stdout
        assert "tap0" not in links and "br0" not in links
        return found

    with pytest.MonkeyPatch.context() as patch, netspaces.pair() as (left, _):
        patch.setenv("NETRESERVE_KERNELS_DIR", str(kernels))
        return netspaces.run_in(left, work)


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    return tinykernels.write(tmp_path / "vm")


@pytest.mark.qemu
def test_a_guest_boots_is_read_back_cut_and_ended(kernels: Path) -> None:
    async def story(node: Node) -> Any:
        status = node.arm.status()
        booted = await node.apply()
        sample = node.arm.sample()
        pulled = await node.apply(cut=True)
        again = await node.apply(run="run-2")
        await node.until(lambda: {"console", "telemetry"} <= node.kinds())
        return status, booted, sample, pulled, again, node.events

    status, booted, sample, pulled, again, events = at_work(kernels, story)
    assert (status.state, status.tier, status.address) == ("online", "kernel", netspaces.LEFT)
    assert (booted.error, booted.exit_code) == ("", 0) and booted.spec == SPEC and booted.shape == OPEN_LINK
    assert booted.means == {"accelerator": "tcg", "kernel": "0.0.1-tiny"}
    assert booted.measured["boot_ns"] > 0
    assert (sample.tier, sample.policy, sample.progress_pages, sample.state) == ("kernel", "none", 3, "running")
    assert pulled.shape.cut and pulled.means["cut"] == "bridge port disabled"
    assert again.error == "" and not again.shape.cut
    assert [event for event in events if isinstance(event.detail, ConsoleLines) and event.detail.lines]
    assert any("emulated" in event.detail.what for event in events if isinstance(event.detail, Harness))


@pytest.mark.qemu
def test_a_change_that_the_guest_does_not_acknowledge_is_an_error_and_not_in_force(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ACK_S", 0.05)

    async def story(node: Node) -> Any:
        await node.apply()
        flagged = await node.apply(replace(SPEC, policy=PolicySpec(name="memalloc")))
        rebuilt = await node.apply(replace(SPEC, swap_offset_bytes=4096))
        return flagged, rebuilt

    flagged, rebuilt = at_work(kernels, story)
    assert "did not carry out 'memalloc 1'" in flagged.error and flagged.spec.policy.name == "none"
    assert "start a new run" in rebuilt.error and rebuilt.spec == SPEC


@pytest.mark.qemu
def test_a_guest_that_stands_still_is_examined_and_its_silence_told(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "AUTOPSY_AFTER_NS", 1)

    async def story(node: Node) -> Any:
        await node.apply()
        await node.until(lambda: {"stall", "autopsy"} <= node.kinds())
        return node.events, node.arm.sample().state

    events, state = at_work(kernels, story)
    assert state == "stuck"
    assert any("no telemetry" in event.detail.what for event in events if isinstance(event.detail, Harness))
    assert next(event.detail for event in events if isinstance(event.detail, Stalled)).cycle == ()


@pytest.mark.qemu
def test_a_guest_that_never_gets_ready_is_told_with_its_last_words(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "READY_S", 0.2)
    image = (kernels / "tiny" / "vmlinux").read_bytes()
    (kernels / "tiny" / "vmlinux").write_bytes(image.replace(b"netreserve: ready", b"I'm not quite ok."))

    async def story(node: Node) -> Any:
        return await node.apply(), node.arm.sample().state

    reported, state = at_work(kernels, story)
    assert "did not start: it was not ready after" in reported.error and reported.spec is None and state == "idle"


@pytest.mark.qemu
def test_a_qemu_that_ends_without_its_guests_doing_voids_the_run(kernels: Path) -> None:
    async def story(node: Node) -> Any:
        await node.apply()
        assert node.arm._life is not None
        await node.arm._life.qemu.stop()
        await node.until(lambda: any(voids_of(node.events)))
        return node.arm.sample().state

    assert at_work(kernels, story) == "dead"


@pytest.mark.qemu
def test_a_flag_that_changes_in_the_run_voids_it(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STRAYED_AFTER_NS", 1)

    def voids(node: Node) -> list[str]:
        return [void.told.void for void in voids_of(node.events)]

    async def story(node: Node) -> list[str]:
        await node.apply()
        life, looker = node.arm._life, node.arm._watch
        assert life is not None and looker is not None
        life.feed.newest = replace(life.feed.newest, memalloc=1, dead=SPEC.machine.tasks)
        for _ in range(3):
            looker.look(node.arm.sample())
        assert not voids(node), "what a dead guest's flag is does not matter"
        life.feed.newest = replace(life.feed.newest, dead=0)
        await node.until(lambda: bool(voids(node)))
        for _ in range(3):
            looker.look(node.arm.sample())
        return voids(node)

    assert at_work(kernels, story) == ["a setting was lost in the run: policy is memalloc, none was asked for"]


@pytest.mark.qemu
def test_a_flag_is_not_looked_at_while_it_is_being_changed(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STRAYED_AFTER_NS", 1)
    monkeypatch.setattr(control, "ACK_S", 0.5)

    async def story(node: Node) -> Any:
        await node.apply()
        life = node.arm._life
        assert life is not None
        changing = asyncio.create_task(node.apply(replace(SPEC, policy=PolicySpec(name="memalloc", head_reserve=True))))
        await node.until(lambda: life._changing)
        life.feed.newest = replace(life.feed.newest, head_reserve=1)  # half of it
        said = life.strayed()
        await changing
        return said, life.strayed()

    during, after = at_work(kernels, story)
    assert during == "" and after == "policy is none+head_reserve, none was asked for"


@pytest.mark.qemu
def test_what_cannot_be_closed_keeps_nothing_else_open(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(node: Node) -> str:
        async def fails() -> None:
            raise OSError("the folder is gone")

        await node.apply()
        assert node.arm._life is not None
        running = node.arm._life.qemu
        close = running.close
        monkeypatch.setattr(running, "close", fails)
        with pytest.raises(OSError, match="the folder is gone"):
            await node.arm.close()
        links = subprocess.run(("ip", "-br", "link"), capture_output=True, text=True, check=True).stdout
        await close()
        return links

    links = at_work(kernels, story)
    assert "left" in links and "tap0" not in links and "br0" not in links


@pytest.mark.qemu
def test_wishes_that_cannot_be_met_are_refused_before_anything_moves(kernels: Path) -> None:
    machine = SPEC.machine

    async def story(node: Node) -> list[Reported]:
        wishes = (
            replace(SPEC, policy=PolicySpec(name="nta", allocator="nta-v1")),
            replace(SPEC, guest=GuestSpec(kernel="trixy")),
            replace(SPEC, machine=replace(machine, nic="igb")),
            replace(SPEC, machine=replace(machine, memory_pages=16_384)),
        )
        answers = []
        for number, wish in enumerate(wishes):
            reported = await node.apply(wish, run=f"run-{number}")
            assert reported.spec is None and interfaces()[-1].address == netspaces.LEFT
            answers.append(reported)
        return answers

    policy, kernel, nic, memory = at_work(kernels, story)
    assert "use the container tier" in policy.error and policy.exit_code == 3
    assert "trixy" in kernel.error and "tiny" in kernel.error and kernel.exit_code == 2
    assert "igb" in nic.error and "e1000e" in nic.error and nic.exit_code == 3
    assert "72 MiB" in memory.error and memory.exit_code == 2


@pytest.mark.qemu
def test_without_a_storage_target_there_is_no_guest(kernels: Path) -> None:
    idle = replace(SPEC, target="")

    async def story(node: Node) -> Any:
        return await node.apply(idle), await node.apply(idle), node.arm.sample().state

    first, second, state = at_work(kernels, story)
    assert first.spec == second.spec == idle and first.error == "" and state == "idle"


def test_a_machine_without_kernels_is_unable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRESERVE_KERNELS_DIR", str(tmp_path))
    monkeypatch.setattr("nodes.kernel.qemu.probe", lambda: None)
    status = KernelArm("initiator-1", Interface("left", netspaces.LEFT)).status()
    assert status.state == "unable" and "no kernel" in status.reason
