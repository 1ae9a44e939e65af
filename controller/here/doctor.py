"""What this machine can do for netreserve, row by row: found out by trying where that harms nothing, else by reading."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from controller.experiment.tiers import TIERS
from controller.here import capacity, kernelfacts, testbed
from controller.here.kernelfacts import Fact, State
from nodes.compiled import COMMAND, in_use
from nodes.errors import LackingError
from nodes.kernel import kvm
from nodes.units import format_bytes, format_pps

MEMORY_BYTES_NEEDED = 2 << 30
"""A small testbed (target 448 MiB, initiator 160 MiB, controller, broker, Locust), doubled (own)."""
DISK_BYTES_NEEDED = 3 << 30
"""All images (below 900 MB, below 1.5 GB with the kernel tier's), the build's cache as much again, and runs (own)."""
RATE_PPS_WANTED = 20_000
"""scenarios/classic.yaml."""
TUN = "/dev/net/tun"
X86 = "x86-64"
X86_NAMES = ("x86_64", "amd64")
"""What Linux and Docker, and other systems, call it."""
PACKETS_JUDGED = ("NFQUEUE", "iptables NFQUEUE")
"""What the modelled machine needs and a guest does not: its own kernel judges its packets."""


class Ability(Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `needed`: without it the container tier cannot run."""

    what: str
    state: State
    found: str
    why: str
    """What it is good for."""
    do: str
    """What helps when it is not there."""
    needed: bool = False


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All that was looked at, and what it means for each tier."""

    rows: tuple[Ability, ...]
    tiers: dict[str, str]
    """Per tier `yes`, or `no: ` and why."""

    @property
    def exit_code(self) -> int:
        """0 when the container tier can run, else 3."""
        return 0 if self.tiers["container"].startswith("yes") else LackingError.exit_code


def examine() -> Diagnosis:
    """Looks at everything; takes a few seconds. Never raises for what a machine lacks."""
    engine = _asked(testbed.engine_version)
    info = testbed.engine_info() if engine.state == "yes" else {}
    rows = (
        *_docker_rows(engine, info),
        *_network_rows(info),
        *_machine_rows(),
        *_port_rows(engine),
        _junk_row(),
        *_guest_rows(info),
    )
    return Diagnosis(rows=rows, tiers=_tiers(rows))


def _docker_rows(engine: Fact, info: dict[str, object]) -> tuple[Ability, ...]:
    limits: State = "unknown" if not info else "yes" if info.get("MemoryLimit") else "no"
    found = f"cgroup v{info.get('CgroupVersion', '?')}" if info else "the engine did not say"
    return (
        Ability(what="Docker engine", state=engine.state, found=engine.found, needed=True,
            why="runs the testbed's containers", do=""),
        _row("compose v2 plugin", _asked(testbed.compose_version), "starts all containers together",
             "install docker-compose-plugin (or docker-compose)", needed=True),
        Ability(what="memory limits", state=limits, found=found, needed=True,
            why="an initiator lives under a tight limit", do="boot with cgroup_enable=memory"),
    )  # fmt: skip


def _network_rows(info: dict[str, object]) -> tuple[Ability, ...]:
    rows = (
        ("NFQUEUE", kernelfacts.nfqueue, "hands each packet to the modelled machine",
         "use a kernel with CONFIG_NETFILTER_NETLINK_QUEUE", True),
        ("iptables NFQUEUE", kernelfacts.iptables_nfqueue, "sends the data network's packets to the queue",
         "use a kernel with CONFIG_NETFILTER_XT_TARGET_NFQUEUE", True),
        ("tbf", partial(kernelfacts.qdisc, "tbf"), "limits a link's rate", "use a kernel with CONFIG_NET_SCH_TBF", False),
        ("htb", partial(kernelfacts.qdisc, "htb"), "limits a link's rate", "not needed where tbf is there", False),
        ("netem", partial(kernelfacts.qdisc, "netem"), "delays, loses, reorders packets",
         "nothing: the packet queue delays and loses instead (it cannot duplicate)", False),
    )  # fmt: skip
    return tuple(_row(what, _of_engine(info, look), why, do, needed=need) for what, look, why, do, need in rows)


def _of_engine(info: dict[str, object], look: Callable[[], Fact]) -> Fact:
    """Containers use the engine's kernel; what ours can do says nothing about another one."""
    kernel = str(info.get("KernelVersion", ""))
    if kernel and kernel != os.uname().release:
        return Fact("unknown", f"the engine runs another kernel ({kernel}): the containers will tell")
    return look()


def _machine_rows() -> tuple[Ability, ...]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    available = _available_bytes() or memory
    disk = shutil.disk_usage(Path.cwd()).free
    python = sys.version_info >= (3, 11)
    return (
        Ability(what="Python", state="yes" if python else "no", found=platform.python_version(),
            why="runs this command", do="install Python 3.11 or later"),
        _row("compiled code", _compiled(), "simulates several times faster",
             f"`{COMMAND}` (a minute or two, needs gcc)"),
        _enough("memory", available, MEMORY_BYTES_NEEDED, "all containers together", "close other programs"),
        _enough("disk", disk, DISK_BYTES_NEEDED, "images and runs", "make room, for example `docker system prune`"),
    )  # fmt: skip


def _compiled() -> Fact:
    folder = in_use()
    return Fact("yes", f"in {folder}") if folder else Fact("no", "plain Python")


def _junk_row() -> Ability:
    found = capacity.measure()
    enough = found.rate_pps >= RATE_PPS_WANTED
    return Ability(
        what="junk",
        state="yes" if enough else "no",
        found=f"about {format_pps(found.rate_pps)} can be sent and judged now, {found.processors:.1f} processors are free",
        why=f"floods of the container tier: scenarios/classic.yaml sends {format_pps(RATE_PPS_WANTED)}",
        do="stop other programs, or ask for less: `netreserve run ... --set 'floods.0.rate=5 kpps'`",
    )


def _port_rows(engine: Fact) -> tuple[Ability, ...]:
    values = testbed.settings()
    return tuple(_port_row(name, testbed.port_of(name, values), engine) for name in testbed.PORTS)


def _port_row(setting: str, port: int, engine: Fact) -> Ability:
    taken = testbed.port_taken(port)
    ours = taken and engine.state == "yes" and port in _our_ports()
    found = "published by this testbed" if ours else "another program listens" if taken else "free"
    return Ability(
        what=f"port {port}", state="no" if taken and not ours else "yes", found=found, needed=True,
        why=testbed.WHO_LISTENS[setting], do=f"set {setting} to a free port in .env",
    )  # fmt: skip


def _our_ports() -> frozenset[int]:
    try:
        return frozenset().union(*(c.ports for c in testbed.Testbed(testbed.find_root()).containers()))
    except (LackingError, testbed.ComposeError):
        return frozenset()


def _guest_rows(info: dict[str, object]) -> tuple[Ability, ...]:
    speed = kvm.speed()
    kvm_fact = Fact("yes" if speed == "hardware" else "unknown" if speed.startswith("not examined") else "no", speed)
    return (
        _row(X86, _processor(info), "the kernel tier's guests are of this kind, and so are their kernels",
             "another machine; nothing for the container tier"),
        _row(TUN, _of_engine(info, kernelfacts.tun), "the kernel tier's guests get their packets by it",
             "`modprobe tun` on the host; nothing for the container tier"),
        _row("KVM", kvm_fact, "makes the kernel tier's guests fast", "nothing: QEMU emulates instead (TCG)"),
        _row("nbd client", kernelfacts.nbd_client(), "swapping of this very machine over NBD",
             "nothing for the container tier"),
    )  # fmt: skip


def _processor(info: dict[str, object]) -> Fact:
    """The image is built where the engine is; without its word it is taken to be here."""
    found = str(info.get("Architecture") or platform.machine()) or "unknown"
    return Fact("yes" if found.lower() in X86_NAMES else "no", f"the processor is {found}")


def _row(what: str, fact: Fact, why: str, do: str, *, needed: bool = False) -> Ability:
    return Ability(what=what, state=fact.state, found=fact.found, why=why, do=do, needed=needed)


def _asked(version: Callable[[], str]) -> Fact:
    try:
        return Fact("yes", version())
    except LackingError as error:
        return Fact("no", str(error))


def _enough(what: str, there: int, needed: int, why: str, do: str) -> Ability:
    state: State = "yes" if there >= needed else "no"
    found = f"{format_bytes(there)} available, {format_bytes(needed)} wanted"
    return Ability(what=what, state=state, found=found, why=why, do=do)


def _available_bytes() -> int:
    """MemAvailable, 0 when /proc does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)


def _tiers(rows: tuple[Ability, ...]) -> dict[str, str]:
    needed = {
        "sim": [],
        "container": [row for row in rows if row.needed],
        "kernel": [row for row in rows if row.what in (X86, TUN) or (row.needed and row.what not in PACKETS_JUDGED)],
    }
    return {name: _able(needed[name]) for name in TIERS}


def _able(needed: Sequence[Ability]) -> str:
    lacking = [row.what for row in needed if row.state == "no"]
    unsure = [row.what for row in needed if row.state == "unknown"]
    return f"no: {', '.join(lacking)}" if lacking else f"yes, if {', '.join(unsure)} will do" if unsure else "yes"
