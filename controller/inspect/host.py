"""The kernel: its version, what has happened under it, and whether a hang would leave a trace."""

from __future__ import annotations

import re

from controller.inspect.facts import Past, Readiness
from controller.inspect.tree import Tree, is_number

VERSION = "/proc/version"
_RELEASE = re.compile(r"Linux version (\S+)")
_NUMBERS = re.compile(r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?", re.ASCII)
_PACKAGE = re.compile(r"Debian (\d+\.\d+\.\d+)-")
"""Debian's release names an ABI; the version proper stands behind."""
CONTAINED = re.compile(r"/(docker|kubepods|lxc|containerd|podman)")


def read_release(tree: Tree) -> tuple[str, tuple[int, int, int] | None]:
    """As `uname -r` says, and the version in numbers."""
    text = tree.text(VERSION, needed=True)
    release = _RELEASE.match(text)
    if release is None:
        tree.blame(VERSION, "garbled")
    name = release[1] if release else tree.word("/proc/sys/kernel/osrelease")
    package = _PACKAGE.search(text)
    numbers = _NUMBERS.match(package[1] if package else name)
    return name, (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0)) if numbers else None


def read_past(tree: Tree) -> Past:
    """Counters since boot."""
    counts = {row[0]: int(row[1]) for row in tree.rows("/proc/vmstat") if len(row) == 2 and is_number(row[1])}
    stalls = [count for name, count in counts.items() if name.startswith("allocstall")]
    return Past(
        pfmemalloc_drops=_extended(tree).get("PFMemallocDrop"),
        throttled=counts.get("pgscan_direct_throttle"),
        oom_kills=counts.get("oom_kill"),
        stalls=sum(stalls) if stalls else None,
    )


def _extended(tree: Tree) -> dict[str, int]:
    """TcpExt of /proc/net/netstat: a line of names, a line of numbers."""
    rows = [row[1:] for row in tree.rows("/proc/net/netstat") if row[0] == "TcpExt:"]
    if len(rows) != 2:
        return {}
    return {name: int(value) for name, value in zip(*rows, strict=False) if is_number(value)}


def read_readiness(tree: Tree) -> Readiness:
    """Whether somebody can ask a hung machine what it waits for, and where the answer would go."""
    level = tree.numbers("/proc/sys/kernel/printk")
    modules = tree.names("/sys/module")
    backend = tree.word("/sys/module/pstore/parameters/backend")
    return Readiness(
        sysrq=tree.number("/proc/sys/kernel/sysrq"),
        console_level=level[0] if level else None,
        consoles=tuple(row[0] for row in tree.rows("/proc/consoles")),
        pstore="" if backend in ("", "(null)") else backend,
        netconsole="netconsole" in modules,
        hung_task_s=tree.number("/proc/sys/kernel/hung_task_timeout_secs"),
    )


def is_contained(tree: Tree) -> bool:
    """Whether we look from inside a container: by init's cgroup, or an overlay as the root."""
    init = tree.text("/proc/1/cgroup") + tree.text("/proc/self/cgroup")
    return bool(CONTAINED.search(init)) or any(
        row[1:3] == ["/", "overlay"] for row in tree.rows("/proc/mounts") if len(row) > 2
    )
