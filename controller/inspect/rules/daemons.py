"""Processes that serve this machine's own storage: what keeps one of them from waiting for the very storage it serves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from controller.inspect.facts import Daemon, Machine
from controller.inspect.finding import Finding

OWN, ANY_PATH = "own", "any"
ON_THE_WAY: dict[str, tuple[str, ...]] = {
    "iscsid": ("iscsi",),
    "tlshd": ("nvme-tcp", "nfs"),
    "multipathd": (ANY_PATH,),
    "rbd-nbd": ("nbd",),
    "glusterfs": ("gluster",),
    **dict.fromkeys(("ublk", "rublk"), ("ublk",)),
    **dict.fromkeys(("ceph-fuse", "sshfs", "juicefs", "mount.juicefs"), ("fuse", "ceph")),
    **dict.fromkeys(
        ("qemu-nbd", "nbdkit", "nbd-server", "tcmu-runner", "ceph-osd", "ganesha", "io-engine", "tgtd"), (OWN,)
    ),
}
"""How a process' name begins -> the transports that need it, so that a page is written or a lost path comes back; `own`: a
server, on our own way only where this machine is its own client; `any`: networked storage of any kind, and Fibre Channel.
nbd-client only attaches, and the kernel does the rest."""
BY_PROCESS = ("fuse", "ublk")
"""Transports whose pages a process of this machine takes."""
OOM_SAFE = -900
"""From here on the OOM killer takes nearly everybody else first; udevd and sshd have -1000 (own)."""
PAGE = "howto/is-my-machine-safe.md"


def judge(machine: Machine) -> Iterator[Finding]:
    """Only of processes on the way of storage that this machine uses."""
    concerned = sorted(concerning(machine), key=lambda each: (each.name, each.pid))
    for name, group in groupby(concerned, key=lambda each: each.name):
        yield from _of(machine, name, list(group))


def concerning(machine: Machine) -> list[Daemon]:
    """The processes that this machine's own storage needs."""
    used = {store.transport for store in machine.stores}
    if any(store.same_host for store in machine.stores):
        used.add(OWN)
    if any(store.through.networked or store.transport == "fc" for store in machine.stores):
        used.add(ANY_PATH)
    starts = tuple(start for start, needed in ON_THE_WAY.items() if used.intersection(needed))
    return [each for each in machine.daemons if not each.kernel_thread and starts and each.name.startswith(starts)]


def _of(machine: Machine, name: str, group: list[Daemon]) -> Iterator[Finding]:
    at_stake = any(
        store.use == "swap" and (store.through.networked or store.same_host or store.transport in BY_PROCESS)
        for store in machine.stores
    )
    if swapped := [each for each in group if each.swapped_kib]:
        yield Finding(
            rule="daemon-swapped",
            grade="grave" if at_stake else "caution",
            what=f"{_named(name, swapped)}: {sum(each.swapped_kib or 0 for each in swapped)} KiB swapped out",
            why="to serve a page it may first need one of its own back, from the storage that it serves",
            do=(
                f"in its service: LimitMEMLOCK=infinity and mlockall, or MemorySwapMax=0, then `systemctl restart {name}`",
            ),
            page=PAGE,
            source="physics.md section 10 rows 2 and 3; proc(5) VmSwap",
        )
    elif machine.swaps and (loose := [each for each in group if each.locked_kib == 0]):
        yield Finding(
            rule="daemon-not-locked",
            grade="caution",
            what=f"{_named(name, loose)}: its memory is not locked",
            why="under pressure it is swapped out as any other, and then serving a page needs a page",
            do=(f"systemctl set-property {name}.service MemorySwapMax=0",),
            page=PAGE,
            source="physics.md section 10 rows 2 and 3; proc(5) VmLck",
        )
    if plain := [each for each in group if each.io_flusher is False]:
        yield Finding(
            rule="daemon-no-io-flusher",
            grade="caution",
            what=f"{_named(name, plain)}: PR_SET_IO_FLUSHER is not set",
            why="its own allocations may reclaim into the storage that it serves (the flag stops that; it adds no memory)",
            do=("use a version that calls prctl(PR_SET_IO_FLUSHER, 1) (kernel 5.6 and later)",),
            page=PAGE,
            source="kernel/sys.c; physics.md section 3, and section 10 rows 8 to 10",
        )
    if prey := [each for each in group if each.oom_score_adj is not None and each.oom_score_adj > OOM_SAFE]:
        yield Finding(
            rule="daemon-oom",
            grade="caution",
            what=f"{_named(name, prey)}: the OOM killer may choose it (oom_score_adj {prey[0].oom_score_adj})",
            why="when it is killed, its storage is gone, and what waits for that waits for ever",
            do=(f"echo -1000 > /proc/{prey[0].pid}/oom_score_adj", "OOMScoreAdjust=-1000 in its service"),
            page=PAGE,
            source="mm/oom_kill.c",
        )


def _named(name: str, group: list[Daemon]) -> str:
    return f"{name} ({group[0].pid})" if len(group) == 1 else f"{name} ({len(group)} processes, e.g. {group[0].pid})"
