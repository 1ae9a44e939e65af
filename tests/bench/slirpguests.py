"""Guests for benchmarks: the product's own QEMU, console and telemetry, but on QEMU's user network, which needs no rights,
with the target container's nbdkit on this machine's loopback. What is measured is what an initiator would run."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from freeports import free_port
from msgspec import Struct
from msgspec.structs import replace

from nodes.config import TargetSpec
from nodes.kernel import accelerator, initramfs, kernels
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.boot import until_ready
from nodes.kernel.commandline import Guest
from nodes.kernel.console import Console
from nodes.kernel.kernels import Kernel
from nodes.kernel.protocol import Settings, command_line
from nodes.kernel.qemu import Qemu
from nodes.kernel.settings import LIFTED_PAGES, PERIOD_MS
from nodes.kernel.telemetry import Feed
from nodes.target.server import Server
from nodes.units import PAGE_BYTES

NIC, MEMORY_BYTES, WORKING_SET_PAGES, MIN_FREE_KB = "e1000e", 128 << 20, (160 << 20) // PAGE_BYTES, 4096
"""scenarios/kernel-tcp.yaml's."""
ADDRESS, HOST, MAC = "198.18.44.5/24", "198.18.44.2", "52:54:00:12:34:56"
NETWORK = "user,id=data,restrict=off,ipv6=off,net=198.18.44.0/24,host=198.18.44.2,dhcpstart=198.18.44.15"
NEIGHBOURS = f"{HOST}/52:55:c6:12:2c:02"
"""Told to the guest, as an initiator's is told its neighbours: QEMU's own host is 52:55 and its address."""
POLL_S = 0.05


class Setup(Struct, frozen=True, kw_only=True):
    """What all guests of a benchmark have in common."""

    kernel: Kernel
    nic: str
    accelerator: Accelerator

    def archive(self, *, module: bool = True, options: str = "") -> bytes:
        """The initramfs that an initiator's guest gets, with or without the module; `options` for the module."""
        told = f"period_ms={PERIOD_MS} {options}".strip()
        return initramfs.compose(self.kernel, self.nic, module=module, options={kernels.OWN: told})

    @property
    def text(self) -> str:
        """For a remark."""
        return f"{self.kernel.release}, {self.nic}, {self.accelerator.name}"


class Running(Struct, frozen=True, kw_only=True):
    """A guest that has said READY."""

    qemu: Qemu
    console: Console
    feed: Feed
    boot_s: float
    """From power-on to READY."""
    panics: list[str]

    async def until(self, condition: Callable[[], bool], what: str, limit_s: float) -> None:
        """Waits for `condition()`. Raises RuntimeError when it does not come true, or when the guest ends."""
        end = time.monotonic() + limit_s
        while not condition():
            self.check()
            if time.monotonic() > end:
                raise RuntimeError(f"no {what} within {limit_s:g} s; the guest's last words: {self.console.last_words}")
            await asyncio.sleep(POLL_S)

    def check(self) -> None:
        """Raises RuntimeError when the guest is no more or has lost a page."""
        if not self.qemu.pid or self.panics or self.feed.newest.corrupt or self.feed.newest.dead:
            raise RuntimeError(f"the guest did not live; its last words: {self.console.last_words}")


class _SlirpQemu(Qemu):
    """On QEMU's own network instead of a tap; all other arguments are those of every initiator."""

    async def _spawn(self, arguments: list[str], inherited: tuple[int, ...]) -> None:
        at = arguments.index("-netdev") + 1
        await super()._spawn([*arguments[:at], NETWORK, *arguments[at + 1 :]], inherited)


def setup(kernel: str = "", nic: str = NIC) -> Setup:
    """Raises LackingError when there is no such kernel."""
    return Setup(kernel=kernels.find(kernel), nic=nic, accelerator=accelerator.choose())


def settings(port: int) -> Settings:
    """A guest that swaps as fast as it can with nbdkit on `port`, and never hangs for want of the flag."""
    return Settings(
        address=ADDRESS, neighbours=NEIGHBOURS, target=f"{HOST}:{port}", swap_bytes=WORKING_SET_PAGES * PAGE_BYTES,
        min_free_kb=MIN_FREE_KB, working_set_pages=WORKING_SET_PAGES, memalloc=True, udp_mem_pages=LIFTED_PAGES,
        tcp_mem_pages=LIFTED_PAGES,
    )  # fmt: skip


@asynccontextmanager
async def running(given: Setup, archive: bytes, told: Settings | None = None) -> AsyncIterator[Running]:
    """A guest of 128 MiB that has said READY. Raises HarnessError when it does not come so far."""
    qemu, panics = _SlirpQemu(), list[str]()
    console, feed = Console(panics.append, panics.append), Feed()
    try:
        path = qemu.folder / "initramfs"
        path.write_bytes(archive)
        start = time.monotonic()
        await qemu.start(_guest(given, path, command_line(told) if told else ""), given.accelerator)
        await console.open(qemu.console)
        await feed.channel.open(qemu.telemetry)
        await until_ready("the guest", console, qemu, given.accelerator.patience)
        yield Running(qemu=qemu, console=console, feed=feed, boot_s=time.monotonic() - start, panics=panics)
    finally:
        for channel in (console.channel, feed.channel):
            channel.close()
        await qemu.close()


def _guest(given: Setup, archive: Path, words: str) -> Guest:
    return Guest(
        kernel=given.kernel.vmlinux, initramfs=archive, words=words, memory_bytes=MEMORY_BYTES, cpus=1, nic=given.nic,
        mac=MAC, tap="",
    )  # fmt: skip


class Storage(Struct, frozen=True, kw_only=True):
    """A storage target as the target container runs it."""

    server: Server
    port: int

    def pages(self) -> tuple[int, int]:
        """Pages that nbdkit has read from its store and written there, after /proc/PID/io. It takes what a client writes
        with read, so that this counts with what it reads from the store; it sends with send, which nobody counts there.
        A request's head, 28 bytes, is taken for a part of a page read: 0.7 % at most."""
        told = dict(line.split(": ") for line in Path(f"/proc/{self.server.pid}/io").read_text().splitlines())
        read, written = int(told["rchar"]), int(told["wchar"])
        return (read - written) // PAGE_BYTES, written // PAGE_BYTES


@asynccontextmanager
async def storage() -> AsyncIterator[Storage]:
    """nbdkit on loopback, its store in memory, as in the target container."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as store:
        port = free_port()
        server = Server(Path(store), "127.0.0.1", port)
        await server.start(replace(TargetSpec(), size_bytes=WORKING_SET_PAGES * PAGE_BYTES))
        try:
            yield Storage(server=server, port=port)
        finally:
            await server.stop()
