"""What this machine's kernel can do: tried in a network namespace of our own where we may make one, else read from its
configuration. Nothing outside that namespace is changed.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal["yes", "no", "unknown"]
TRY_TIMEOUT_S = 10
_REPOSITORY = Path(__file__).resolve().parents[2]
_PROBE_NFQUEUE = """
import sys
from nodes.errors import LackingError
from nodes.network.nfqueue import probe
try:
    probe()
except LackingError as error:
    print(error)
    sys.exit(3)
"""


class Fact(NamedTuple):
    """An answer, and what it rests on."""

    state: State
    found: str


def nfqueue() -> Fact:
    """Whether packets can be handed to a process: bound for real, else by configuration."""
    done = _in_namespace(sys.executable, "-c", _PROBE_NFQUEUE)
    if done is not None and done.returncode == 0:
        return Fact("yes", "a queue was bound")
    if done is not None and done.returncode == 3:
        return Fact("no", done.stdout.strip())
    return configured("CONFIG_NETFILTER_NETLINK_QUEUE", "nfnetlink_queue")


def iptables_nfqueue() -> Fact:
    """Whether iptables can send packets to a queue."""
    rule = ("iptables", "-A", "INPUT", "-j", "NFQUEUE", "--queue-num", "1")
    return _tried(rule, "a rule was set") or configured("CONFIG_NETFILTER_XT_TARGET_NFQUEUE", "xt_NFQUEUE")


def qdisc(kind: Literal["netem", "tbf", "htb"]) -> Fact:
    """Whether the queueing discipline `kind` exists."""
    words = {"netem": "delay 1ms", "tbf": "rate 1mbit burst 10kb limit 10kb", "htb": ""}[kind].split()
    command = ("tc", "qdisc", "add", "dev", "lo", "root", kind, *words)
    return _tried(command, "was set") or configured(f"CONFIG_NET_SCH_{kind.upper()}", f"sch_{kind}")


def tun() -> Fact:
    """Whether a process can be a network card's cable: tap devices."""
    if Path("/dev/net/tun").exists():
        return Fact("yes", "there is a /dev/net/tun")
    return configured("CONFIG_TUN", "tun")


def nbd_client() -> Fact:
    """Whether the kernel can use an NBD export as a disk."""
    if Path("/dev/nbd0").exists():
        return Fact("yes", "/dev/nbd0 is there")
    return configured("CONFIG_BLK_DEV_NBD", "nbd")


def configured(option: str, module: str) -> Fact:
    """What the kernel's configuration says of `option`, and for a module whether it is installed."""
    text = _configuration()
    if text is None:
        return Fact("unknown", "the kernel's configuration cannot be read")
    if f"\n{option}=y" in text:
        return Fact("yes", f"{option}=y")
    if f"\n{option}=m" not in text:
        return Fact("no", f"{option} is not set")
    if shutil.which("modprobe") is None:
        return Fact("unknown", f"{option}=m; there is no modprobe to ask for {module}")
    there = subprocess.run(["modprobe", "-n", module], capture_output=True, check=False).returncode == 0
    return Fact("yes" if there else "no", f"{option}=m, module {module} {'is' if there else 'is not'} installed")


def _configuration() -> str | None:
    release = os.uname().release
    for path in (Path("/proc/config.gz"), Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        return "\n" + (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return None


def _tried(command: tuple[str, ...], done_so: str) -> Fact | None:
    """None when it could not be tried here, which says nothing about the kernel."""
    done = _in_namespace(*command)
    if done is None:
        return None
    if done.returncode == 0:
        return Fact("yes", done_so)
    said = done.stderr.strip().splitlines() or ["no reason given"]
    missing = ("unknown", "no such file", "not found", "no chain/target/match", "not supported", "extension")
    return Fact("no", said[0]) if any(word in done.stderr.lower() for word in missing) else None


def _in_namespace(*command: str) -> subprocess.CompletedProcess[str] | None:
    """`command` in a new network namespace; None when there is no such program or we may not make one."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which(command[0]) is None or not _runs([*unshare, "true"]):
        return None
    try:
        return subprocess.run(
            [*unshare, *command], cwd=_REPOSITORY, capture_output=True, text=True, timeout=TRY_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=TRY_TIMEOUT_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
