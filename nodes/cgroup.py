"""The cgroup this process lives in: its memory limit, and whether the kernel has killed in it. Version 1 and 2."""

from __future__ import annotations

from pathlib import Path

from nodes.units import PAGE_BYTES

ROOT = Path("/sys/fs/cgroup")
STATM = Path("/proc/self/statm")
UNLIMITED_BYTES = 1 << 60
"""Version 1 writes 2^63 rounded down to pages for "none"; nothing real comes near this (own)."""


def limit_bytes(root: Path = ROOT) -> int:
    """The memory limit; 0 where there is none or no such cgroup file (a container sees its own cgroup at the root)."""
    text = _read(root / "memory.max") or _read(root / "memory" / "memory.limit_in_bytes")
    value = int(text) if text.strip().isdigit() else 0
    return value if value < UNLIMITED_BYTES else 0


def oom_kills(root: Path = ROOT) -> int:
    """Processes the kernel has killed in this cgroup for want of memory; 0 where the kernel does not tell."""
    text = _read(root / "memory.events") or _read(root / "memory" / "memory.oom_control")
    fields = dict(line.split()[:2] for line in text.splitlines() if len(line.split()) >= 2)
    return int(fields.get("oom_kill", 0))


def rss_bytes() -> int:
    """Resident memory of this process (the kernel's count may lag by some pages per CPU)."""
    return int(STATM.read_text().split()[1]) * PAGE_BYTES


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
