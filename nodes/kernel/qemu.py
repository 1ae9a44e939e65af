"""One QEMU process: started with its channels as inherited sockets, watched, and ended in stages.

The channels are socket pairs, so nothing of them lies in a file system and nothing that QEMU says before somebody
listens is lost. `setpriv --pdeathsig` ends QEMU when the agent dies, however it dies.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path

from nodes.errors import HarnessError, LackingError
from nodes.kernel.accelerator import Accelerator
from nodes.kernel.commandline import CHANNELS, PROGRAM, Guest, command
from nodes.kernel.qmp import Monitor
from nodes.units import PAGE_BYTES, SECOND_NS

TERM_S = 3.0
"""QEMU ends within 100 ms of a SIGTERM unless it waits for a disk (own)."""
WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""util-linux: the kernel kills QEMU when the agent dies."""


def probe() -> None:
    """Raises LackingError when QEMU or /dev/net/tun is missing."""
    if shutil.which(PROGRAM) is None:
        raise LackingError(f"the program {PROGRAM} is missing: install the package qemu-system-x86")
    if not Path("/dev/net/tun").exists():
        raise LackingError("/dev/net/tun is missing: give the container the device (devices: [/dev/net/tun])")


class Qemu:
    """A guest's QEMU and its folder, from `start` to `close`. `console`, `telemetry` and `control` are our ends of its
    channels."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="netreserve-guest-"))
        self._words = self.folder / "qemu.log"
        self.monitor = Monitor()
        self._process: Process | None = None
        self._ends: dict[str, socket.socket] = {}

    @property
    def console(self) -> socket.socket:
        return self._ends["console"]

    @property
    def telemetry(self) -> socket.socket:
        return self._ends["telemetry"]

    @property
    def control(self) -> socket.socket:
        return self._ends["control"]

    @property
    def pid(self) -> int:
        """Of the running QEMU; 0 when there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self, guest: Guest, accelerator: Accelerator) -> None:
        """Starts QEMU and greets its monitor: the guest runs then. Raises LackingError when QEMU lacks a device,
        HarnessError with QEMU's own words when it does not start; `close` is due then too."""
        pairs = {name: socket.socketpair() for name in CHANNELS}
        try:
            theirs = {name: pair[1].fileno() for name, pair in pairs.items()}
            for ours, _ in pairs.values():
                ours.setblocking(False)
            self._ends = {name: pair[0] for name, pair in pairs.items()}
            await self._spawn(command(guest, accelerator, theirs), tuple(theirs.values()))
        finally:
            for _, end in pairs.values():
                end.close()
        try:
            await self.monitor.open(self._ends["qmp"])
        except HarnessError as error:
            raise await self._explained(error) from None

    async def ended(self) -> int:
        """Waits until QEMU has ended by itself or otherwise; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    def usage(self) -> tuple[int, int]:
        """QEMU's resident memory in bytes and its processor time in ns; zeros when it has ended."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            times = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return 0, 0
        return pages * PAGE_BYTES, sum(map(int, times)) * SECOND_NS // os.sysconf("SC_CLK_TCK")

    async def stop(self) -> None:
        """Ends QEMU: SIGTERM, after TERM_S SIGKILL."""
        process = self._process
        if process is None:
            return
        try:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), TERM_S)
        finally:  # also when we are told to hurry
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
        await process.wait()
        await self.monitor.close()

    async def close(self) -> None:
        """As `stop`, and gives everything back: sockets and the folder."""
        try:
            await self.stop()
        finally:
            for end in self._ends.values():
                end.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _spawn(self, arguments: list[str], inherited: tuple[int, ...]) -> None:
        probe()
        with self._words.open("wb") as words:
            self._process = await asyncio.create_subprocess_exec(
                *WITH_US, *arguments, pass_fds=inherited, stdin=DEVNULL, stdout=DEVNULL, stderr=words
            )

    async def _explained(self, error: HarnessError) -> Exception:
        """Why QEMU does not answer, in its own words where it has left any."""
        process = self._process
        assert process is not None
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 1.0)
            except TimeoutError:
                return error
        said = self._words.read_text(errors="replace").strip().rpartition("\n")[2]
        if "not a valid device model" in said:
            return LackingError(f"this QEMU lacks a device: {said}")
        return HarnessError(f"QEMU did not start (exit {process.returncode}): {said or 'no message'}")
