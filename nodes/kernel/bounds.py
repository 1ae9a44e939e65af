"""How much of everything a guest can have: what QEMU, init and the module would refuse, or silently change."""

from __future__ import annotations

from nodes.errors import UsageError
from nodes.units import format_bytes

TASKS_MAX = 64
"""NR_TASKS_MAX (guest/shared.h): init starts no more."""
CPUS_MAX = 255
"""Of QEMU's machine `pc` (pc_machine_class_init, hw/i386/pc.c)."""
MEMORY_STEP_BYTES = 1 << 20
"""QEMU is told whole MiB (commandline.py)."""
_KIB = 1 << 10
MIN_FREE_KIB_LEAST = 128
"""set_min_free_kb in guest/module/commands.c; the kernel itself chooses no less either (init_per_zone_wmark_min)."""


def min_free_problem(min_free_kib: int, ram_kib: int) -> str:
    """Why a kernel with `ram_kib` of memory cannot have this vm.min_free_kbytes set live; empty when it can."""
    if MIN_FREE_KIB_LEAST <= min_free_kib <= ram_kib // 2:
        return ""
    asked, least, most = (format_bytes(kib * _KIB) for kib in (min_free_kib, MIN_FREE_KIB_LEAST, ram_kib // 2))
    return f"min_free {asked} cannot be set in this guest: {least} to {most} are possible, at most half of its memory"


def check_min_free(min_free_kib: int, ram_kib: int) -> None:
    """Raises UsageError for what `min_free_problem` says."""
    if problem := min_free_problem(min_free_kib, ram_kib):
        raise UsageError(problem)
