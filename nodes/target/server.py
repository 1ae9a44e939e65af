"""nbdkit as a child process: what it serves, how fast, with which faults, and what of that it really has in force.

Changed while it runs, connections staying up: the rate (rate-file), whether errors are injected (error-file), whether
requests are answered at all (the pause filter's control socket). nbdkit takes latency, size and the share of errors only
at its start, so changing one of those restarts it on the same file and port: nothing written is lost, and initiators
reconnect by themselves and send again what was not answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from nodes.config import TargetSpec
from nodes.errors import HarnessError, LackingError, UsageError
from nodes.units import MS_NS, format_bytes

BURST_S = 0.1
"""What the rate filter's bucket holds, in seconds of its rate. The default (2) would let an idle disk take a whole flood."""
THREADS = 64
"""Requests of one connection worked on at once; what is beyond waits in TCP (own: with 16 initiators 1000 threads)."""
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""glibc's own starting value, held (mallopt(3)): else it grows with what is freed, and a thread's buffer that grows leaves
its smaller ones in the heap: nbdkit grew past 190 MiB in four runs of a real kernel, with requests of up to 1.25 MiB."""
START_S = 5.0
STOP_S = 1.0
"""nbdkit stops within milliseconds, unless requests sleep in a filter: then it is killed, which loses nothing written."""
STALL_S = 10.0
"""The pause filter confirms once the requests under way are done, each at most a filter's delay old."""
_POLL_S = 0.01


class Server:
    """One nbdkit serving `store`/disk at `address`:`port`; its control files lie beside the disk."""

    def __init__(self, store: Path, address: str, port: int) -> None:
        self._store, self._address, self._port = store, address, port
        self._disk, self._rate, self._error = store / "disk", store / "rate", store / "error"
        self._pause, self._ready = store / "pause.sock", store / "pid"
        self._process: Process | None = None
        self._stalled = False

    @property
    def pid(self) -> int:
        """Of the running nbdkit; 0 when there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    @property
    def stalled(self) -> bool:
        """True while requests are taken and not answered."""
        return self._stalled

    def needs_restart(self, spec: TargetSpec) -> bool:
        """True when `spec` differs from what is in force in something that nbdkit takes only at its start."""
        if not self.pid:
            return True
        at_start = (spec.size_bytes, spec.latency_ns, spec.error_ratio or self._error_share())
        return at_start != (self._disk.stat().st_size, self._latency_ns(), self._error_share())

    async def start(self, spec: TargetSpec) -> None:
        """Starts nbdkit so that `spec` is in force. Raises UsageError when the store is too small and HarnessError with
        nbdkit's own words when it does not start."""
        assert not self.pid, "nbdkit is running already"
        self._prepare_disk(spec.size_bytes)
        for left in (self._rate, self._error, self._pause, self._ready):
            left.unlink(missing_ok=True)
        self._stalled = False
        arguments = self._command(spec)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, **MALLOC}
            )
        except FileNotFoundError:
            raise LackingError("nbdkit is not installed") from None
        await self._wait_until_it_listens(arguments)
        await self.adjust(spec)

    async def adjust(self, spec: TargetSpec) -> None:
        """Brings rate, errors and stalling in force without touching a connection."""
        if spec.rate_bps or self._rate.exists():  # without the file, nbdkit need not look at it for each request
            _replace(self._rate, f"{spec.rate_bps}\n")
        if spec.error_ratio:
            self._error.touch()
        else:
            self._error.unlink(missing_ok=True)
        if spec.stalled != self._stalled:
            await self._command_pause(spec.stalled)

    async def stop(self) -> None:
        """Ends nbdkit, with force after STOP_S."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                self._process.kill()
        await self._process.wait()
        self._process = None

    async def died(self) -> int:
        """Waits until a running nbdkit has ended; answers its exit code."""
        assert self._process is not None
        return await self._process.wait()

    def in_force(self) -> TargetSpec:
        """What the running nbdkit has, read back from its command line, its files and the pause filter's last answer.
        Raises HarnessError when none is running."""
        if not self.pid:
            raise HarnessError("nbdkit is not running")
        return TargetSpec(
            size_bytes=self._disk.stat().st_size,
            latency_ns=self._latency_ns(),
            rate_bps=int(self._rate.read_text()) if self._rate.exists() else 0,
            error_ratio=self._error_share() if self._error.exists() else 0.0,
            stalled=self._stalled,
        )

    def _command(self, spec: TargetSpec) -> list[str]:
        # Without a log it writes nothing but pages (nodes.target.requests counts on that), without structured replies each
        # reply has the same 16 bytes before its data. Paused requests must not have passed any other filter.
        server = ["nbdkit", "--foreground", "--exit-with-parent", "--log=null", "--no-sr", f"--threads={THREADS}"]
        server += [f"--ipaddr={self._address}", f"--port={self._port}", f"--pidfile={self._ready}"]
        filters = [f"--filter={name}" for name in ("pause", "error", "delay", "rate")]
        faults = ["error=EIO", f"error-rate={spec.error_ratio or 1.0!r}", f"error-file={self._error}"]
        delays = [f"{which}={_delay(spec.latency_ns)}" for which in ("rdelay", "wdelay")]
        control = [f"pause-control={self._pause}", f"rate-file={self._rate}", f"burstiness={BURST_S}"]
        return [*server, *filters, "file", f"file={self._disk}", *faults, *delays, *control]

    def _prepare_disk(self, size_bytes: int) -> None:
        room = os.statvfs(self._store)
        room_bytes = room.f_blocks * room.f_frsize
        if size_bytes > room_bytes:
            asked = f"size is {format_bytes(size_bytes)}"
            raise UsageError(f"{asked}: the store {self._store} has room for {format_bytes(room_bytes)}")
        with self._disk.open("ab") as disk:
            disk.truncate(size_bytes)

    async def _wait_until_it_listens(self, arguments: list[str]) -> None:
        assert self._process is not None
        try:
            async with asyncio.timeout(START_S):
                while not self._ready.exists():
                    if self._process.returncode is not None:
                        raise HarnessError(f"nbdkit does not start: {await _last_words(arguments)}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise HarnessError(f"nbdkit does not listen on {self._address}:{self._port} after {START_S:g} s") from None

    async def _command_pause(self, stalled: bool) -> None:
        order, confirmation = (b"p", b"P") if stalled else (b"r", b"R")
        try:
            async with asyncio.timeout(STALL_S):
                reader, writer = await asyncio.open_unix_connection(self._pause)
                writer.write(order)
                answer = await reader.read(1)
                writer.close()
        except (OSError, TimeoutError) as error:
            raise HarnessError(f"nbdkit's pause filter does not answer: {error or 'requests under way'}") from None
        if answer != confirmation:
            raise HarnessError(f"nbdkit's pause filter answers {answer!r} to {order!r}")
        self._stalled = stalled

    def _latency_ns(self) -> int:
        return _parse_delay(self._running_with("rdelay"))

    def _error_share(self) -> float:
        return float(self._running_with("error-rate"))

    def _running_with(self, key: str) -> str:
        """The value of `key` in the running nbdkit's command line, as the kernel has it."""
        line = Path(f"/proc/{self.pid}/cmdline").read_bytes().decode().split("\0")
        return next(word.removeprefix(f"{key}=") for word in line if word.startswith(f"{key}="))


def _delay(latency_ns: int) -> str:
    # nbdkit before 1.34 knows whole milliseconds only, and says so when given less.
    return f"{latency_ns // MS_NS}ms" if latency_ns % MS_NS == 0 else f"{latency_ns}ns"


def _parse_delay(text: str) -> int:
    return int(text.removesuffix("ms")) * MS_NS if text.endswith("ms") else int(text.removesuffix("ns"))


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


async def _last_words(arguments: list[str]) -> str:
    """Why nbdkit with these arguments ends at once: asked again with its log on, to end as soon as it has started."""
    loud = ["--log=stderr" if word == "--log=null" else word for word in arguments if word != "--foreground"]
    process = await asyncio.create_subprocess_exec(*loud, "--run", "true", stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        _, words = await asyncio.wait_for(process.communicate(), START_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return "no reason given"
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
