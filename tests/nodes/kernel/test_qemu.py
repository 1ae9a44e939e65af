from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import netspaces
import pytest
import tinyguest

from nodes.errors import HarnessError, LackingError
from nodes.kernel import qemu
from nodes.kernel.accelerator import choose
from nodes.kernel.commandline import Guest
from nodes.kernel.console import Console
from nodes.kernel.qemu import Qemu
from nodes.kernel.telemetry import Feed

DEADLINE_S = 20.0


def guest(folder: Path) -> Guest:
    (folder / "initramfs").write_bytes(b"")
    return Guest(
        kernel=tinyguest.write(folder / "kernel"), initramfs=folder / "initramfs", words="", memory_bytes=64 << 20,
        cpus=1, nic="e1000e", mac="02:00:00:00:00:05", tap="tap0",
    )  # fmt: skip


async def talk() -> dict[str, Any]:
    """Runs the tiny guest and tells what was seen of it."""
    running, feed, console = Qemu(), Feed(), Console(lambda line: None, lambda line: None)
    try:
        await running.start(guest(running.folder), choose(lambda: "no"))
        await console.open(running.console)
        await feed.channel.open(running.telemetry)
        async with asyncio.timeout(DEADLINE_S):
            ready = await console.ready()
            while not feed.heard_ns:
                await asyncio.sleep(0.01)
        answer = await console.sysrq(running.monitor, "w")
        seen = {
            "ready": ready, "progress": feed.newest.progress, "answer": answer, "status": await running.monitor.status(),
            "usage": running.usage(), "pid": running.pid, "folder": running.folder,
        }  # fmt: skip
    finally:
        console.channel.close()
        feed.channel.close()
        await running.close()
    return {**seen, "usage_after": running.usage(), "pid_after": running.pid}


def in_a_namespace(work: Any) -> Any:
    with netspaces.namespace() as space:
        netspaces.ip("-n", space, "tuntap", "add", "tap0", "mode", "tap")
        return netspaces.run_in(space, lambda: asyncio.run(work()))


@pytest.mark.qemu
def test_a_guest_runs_speaks_and_is_spoken_to_and_leaves_nothing() -> None:
    seen = in_a_namespace(talk)
    assert (seen["ready"], seen["progress"], seen["status"]) == ("", 3, "running")
    assert "w" in [line.strip("\0") for line in seen["answer"]], "the key came through, after its BREAK"
    assert seen["usage"][0] > 10 << 20 and seen["usage"][1] > 0
    assert seen["usage_after"] == (0, 0) and seen["pid_after"] == 0
    assert not seen["folder"].exists() and not Path(f"/proc/{seen['pid']}").exists()


@pytest.mark.qemu
def test_a_qemu_that_is_killed_is_noticed() -> None:
    async def work() -> int:
        running = Qemu()
        try:
            await running.start(guest(running.folder), choose(lambda: "no"))
            os.kill(running.pid, 9)
            return await asyncio.wait_for(running.ended(), DEADLINE_S)
        finally:
            await running.close()

    assert in_a_namespace(work) == -9


@pytest.mark.qemu
def test_a_qemu_that_hears_no_signal_is_killed_though_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> int:
        running = Qemu()
        try:
            await running.start(guest(running.folder), choose(lambda: "no"))
            os.kill(running.pid, signal.SIGSTOP)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(running.stop(), 0.05)
            return await asyncio.wait_for(running.ended(), DEADLINE_S)
        finally:
            await running.close()

    monkeypatch.setattr(qemu, "TERM_S", DEADLINE_S)
    assert in_a_namespace(work) == -signal.SIGKILL


@pytest.mark.qemu
def test_a_qemu_that_cannot_start_is_told_with_its_own_words() -> None:
    async def refused(change: dict[str, Any]) -> Exception:
        running = Qemu()
        with pytest.raises((HarnessError, LackingError)) as refusal:
            await running.start(msgspec.structs.replace(guest(running.folder), **change), choose(lambda: "no"))
        await running.close()
        return refusal.value

    async def work() -> list[str]:
        return [str(await refused({"kernel": Path("/nowhere")})), str(await refused({"tap": "tap9/"}))]

    no_kernel, no_tap = in_a_namespace(work)
    assert "/nowhere" in no_kernel
    assert "tap9/" in no_tap


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as empty:
        monkeypatch.setenv("PATH", empty)
        with pytest.raises(LackingError, match="qemu-system-x86_64 is missing: install the package"):
            qemu.probe()
