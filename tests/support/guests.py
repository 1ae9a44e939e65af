"""A real guest for tests, on QEMU's own network (198.18.44.0/24, no rights needed), with a real nbdkit as its target."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from requirements import require, require_programs

from nodes.kernel import initramfs, kernels
from nodes.kernel.protocol import FAILED, READY, Settings, Telemetry, command_line, parse_telemetry

IMAGE = "netreserve-kernel"
READY_S = 90.0
"""A boot takes 3 s on an idle machine without KVM, twenty on one that runs much else."""
_KERNEL_WORDS = "console=ttyS0 panic=-1 quiet loglevel=5 rootfstype=ramfs ipv6.disable=1 mitigations=off audit=0"


def kernels_folder(into: Path) -> Path:
    """Where kernels are: named by the environment, the image's place, or copied out of the image."""
    for folder in (Path(os.environ.get(kernels.FOLDER_VARIABLE, kernels.FOLDER)), into / "vm"):
        if kernels.names(folder):
            return folder
    require_programs("docker")
    made = subprocess.run(["docker", "create", IMAGE], capture_output=True, text=True, timeout=60, check=False)
    require(made.returncode == 0, f"needs kernels: the image {IMAGE}, or {kernels.FOLDER_VARIABLE}")
    try:
        subprocess.run(["docker", "cp", f"{made.stdout.strip()}:/vm", str(into)], check=True, capture_output=True)
    finally:
        subprocess.run(["docker", "rm", made.stdout.strip()], check=False, capture_output=True)
    return into / "vm"


class Guest:
    """A running guest and what it says."""

    def __init__(self, folder: Path, control: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._folder, self._control, self.process = folder, control, process
        self._commands = 0

    def console(self) -> str:
        return (self._folder / "console").read_text(errors="replace")

    def telemetry(self) -> Telemetry:
        """The newest line."""
        return next((found for line in reversed(self.lines()) if (found := parse_telemetry(line))), Telemetry())

    def lines(self) -> list[str]:
        """All whole lines of telemetry."""
        return (self._folder / "telemetry").read_text(errors="replace").rpartition("\n")[0].splitlines()

    def command(self, name: str, value: int) -> bool:
        """Whether the module has carried it out."""
        self._commands += 1
        self._control.sendall(f"{self._commands} {name} {value}\n".encode())
        self.until(lambda: self._commands in (self.telemetry().ack, self.telemetry().nak))
        return self.telemetry().ack == self._commands

    def commands(self, several: list[tuple[str, int]]) -> int:
        """Sends them all at once; the last one's number."""
        words = [f"{self._commands + place} {name} {value}\n" for place, (name, value) in enumerate(several, 1)]
        self._commands += len(several)
        self._control.sendall("".join(words).encode())
        return self._commands

    def until(self, condition: object, patience_s: float = READY_S) -> None:
        """Waits for `condition()`; fails with the console's end."""
        assert callable(condition)
        end = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.console()[-2000:]
            time.sleep(0.02)


@contextmanager
def guest(
    folder: Path, kernel: kernels.Kernel, settings: Settings, *, forward: int = 0, nic: str = "e1000e"
) -> Iterator[Guest]:
    """A guest with 128 MiB that has said READY or FAILED. `forward`: a port of this machine that is its port 8080."""
    require_programs("qemu-system-x86_64")
    folder.mkdir(exist_ok=True)
    (folder / "initramfs").write_bytes(initramfs.compose(kernel, nic))
    ours, theirs = socket.socketpair()
    network = "user,id=n,restrict=off,ipv6=off,net=198.18.44.0/24,host=198.18.44.2,dhcpstart=198.18.44.15"
    network += f",hostfwd=tcp:127.0.0.1:{forward}-198.18.44.5:8080" if forward else ""
    command = [
        "qemu-system-x86_64", "-accel", "tcg,tb-size=32", "-cpu", "max,la57=off", "-M", "pc,usb=off", "-m", "128",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(kernel.vmlinux),
        "-initrd", str(folder / "initramfs"), "-append", f"{_KERNEL_WORDS} {command_line(settings)}",
        "-chardev", f"file,id=c,path={folder / 'console'}", "-serial", "chardev:c",
        "-chardev", f"socket,id=k,fd={theirs.fileno()}", "-serial", "chardev:k",
        "-chardev", f"file,id=t,path={folder / 'telemetry'}", "-device", "isa-debugcon,iobase=0x402,chardev=t",
        "-netdev", network, "-device", f"{nic},netdev=n,romfile=",
    ]  # fmt: skip
    with ours, theirs, (folder / "qemu").open("wb") as words:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=words, pass_fds=[theirs.fileno()])
        try:
            running = Guest(folder, ours, process)
            end = time.monotonic() + READY_S
            while not _told(folder / "console"):
                assert time.monotonic() < end and process.poll() is None, (
                    _read(folder / "qemu") + running.console()[-2000:]
                )
                time.sleep(0.02)
            yield running
        finally:
            process.kill()
            process.wait()


@contextmanager
def target(port: int) -> Iterator[None]:
    """A storage target of 256 MiB on this machine's loopback, which the guest sees at 198.18.44.2."""
    require_programs("nbdkit")
    with ExitStack() as stack:
        process = subprocess.Popen(["nbdkit", "-f", "-i", "127.0.0.1", "-p", str(port), "memory", "256M"])
        stack.callback(process.wait)
        stack.callback(process.kill)
        end = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if time.monotonic() > end:
                pytest.fail("nbdkit does not start")
            time.sleep(0.02)
        yield


def _told(console: Path) -> bool:
    """Whether a whole line of it says READY or FAILED."""
    whole = _read(console).rpartition("\n")[0]
    return READY in whole or FAILED in whole


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
