"""If it hangs, will anybody be able to say why? Whether the kernel answers sysrq, and where its answer would go."""

from __future__ import annotations

from collections.abc import Iterator

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding, Grade

SYSRQ_ALL, SYSRQ_DUMPS = 1, 8
"""Documentation/admin-guide/sysrq.rst: 8 allows w, m and t."""
LEVEL_INFO = 6
"""Stacks are printed at this level; the console shows what is below its own."""
SERIAL = ("ttyS", "ttyAMA", "ttyUSB", "hvc", "ttysclp", "ttyMSM", "ttymxc", "netcon")
PAGE = "howto/autopsy-a-frozen-machine.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """Cautions where storage is networked, else notes."""
    ready, grade = machine.readiness, _grade(machine)
    if ready.sysrq is not None and ready.sysrq != SYSRQ_ALL and not ready.sysrq & SYSRQ_DUMPS:
        yield Finding(
            rule="readiness-sysrq",
            grade=grade,
            what=f"sysrq w, m and t are not allowed from the console (kernel.sysrq is {ready.sysrq})",
            why="a hung machine is asked with them what it waits for",
            do=("sysctl -w kernel.sysrq=1", "echo 'kernel.sysrq=1' > /etc/sysctl.d/90-sysrq.conf"),
            page=PAGE,
            source="Documentation/admin-guide/sysrq.rst",
        )
    elsewhere = [name for name in ready.consoles if name.startswith(SERIAL)]
    if not elsewhere and not ready.netconsole and not ready.pstore:
        yield Finding(
            rule="readiness-console",
            grade=grade,
            what="no serial console, netconsole or pstore was found",
            why="what a hung machine says does not reach its disk, and is lost when it is switched off",
            do=(
                "console=ttyS0,115200 on the kernel's command line",
                "modprobe netconsole netconsole=@/eth0,6666@HOST/MAC",
            ),
            page=PAGE,
            source="/proc/consoles, /sys/module/netconsole, /sys/module/pstore",
        )
    elif elsewhere and ready.console_level is not None and ready.console_level <= LEVEL_INFO:
        yield Finding(
            rule="readiness-level",
            grade="note",
            what=f"the console shows messages below level {ready.console_level}: stacks are of level {LEVEL_INFO}",
            why="the answer to sysrq w would not be on the console",
            do=("sysctl -w kernel.printk=7",),
            page=PAGE,
            source="kernel/printk/printk.c",
        )


def _grade(machine: Machine) -> Grade:
    return "caution" if any(store.use == "swap" for store in machine.networked) else "note"
