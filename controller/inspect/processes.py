"""The processes that serve storage, and the cgroup limits around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.inspect.facts import Daemon
from controller.inspect.tree import Tree, is_number

WANTED = re.compile(
    r"nbd|iscsi|multipath|tcmu|ublk|ceph-osd|ceph-fuse|gluster|zfs|drbd|ganesha|nfsd|juicefs|sshfs|mayastor|io-engine|tgtd|tlshd"
)
"""Names of such processes, or of parts of them; a process' name is cut after 15 letters."""
PF_KTHREAD = 0x00200000
PF_IO_FLUSHER = 0x00080000 | 0x00100000
"""PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE: what PR_SET_IO_FLUSHER sets, both (kernel/sys.c, include/linux/sched.h)."""
UNLIMITED_KIB = 1 << 42
"""cgroup v1 writes "no limit" as nearly 2^63 bytes."""
FLAGS = 6
"""The place of the flags in /proc/PID/stat, behind the name (proc(5))."""
_STAT = re.compile(r"(\d+) \((.*)\) (.+)", re.DOTALL)
V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


def read_daemons(tree: Tree) -> tuple[Daemon, ...]:
    """All of them. A process that is gone in the meantime is none."""
    pids = [name for name in tree.names("/proc", needed=True) if is_number(name)]
    if "1" not in pids:
        tree.blame("/proc", "denied" if pids else "missing")  # mounted with hidepid, it shows one's own alone
    return tuple(daemon for pid in pids if (daemon := _daemon(tree, pid)) is not None)


def read_own_limit(tree: Tree) -> int | None:
    """The limit at the top of the cgroup tree that we see: a container's own."""
    return _limit(tree, f"{V2}/memory.max") or _limit(tree, f"{V1}/memory.limit_in_bytes")


def _daemon(tree: Tree, pid: str) -> Daemon | None:
    place = f"/proc/{pid}"
    stat = _STAT.fullmatch(tree.text(f"{place}/stat").strip())
    fields = stat[3].split() if stat else []
    flags = int(fields[FLAGS]) if len(fields) > FLAGS and is_number(fields[FLAGS]) else None
    if flags is None:
        if pid not in tree.names("/proc"):
            return None  # it ended while we looked
        tree.blame(f"{place}/stat", "garbled" if tree.text(f"{place}/stat") else "missing")
    elif stat is not None and not WANTED.search(stat[2]):
        return None
    status = dict(line.partition(":")[::2] for line in tree.text(f"{place}/status").splitlines())
    name = stat[2] if stat else status.get("Name", "").strip()
    if not WANTED.search(name):
        return None
    thread = bool((flags or 0) & PF_KTHREAD)
    if not thread and not {"VmLck", "VmSwap"} <= status.keys():
        tree.blame(f"{place}/status", "garbled" if status else "missing")
    limit, used = _around(tree, place)
    return Daemon(
        pid=int(pid),
        name=name,
        kernel_thread=thread,
        io_flusher=None if flags is None else flags & PF_IO_FLUSHER == PF_IO_FLUSHER,
        locked_kib=_kib(status, "VmLck"),
        swapped_kib=_kib(status, "VmSwap"),
        oom_score_adj=tree.number(f"{place}/oom_score_adj"),
        limit_kib=limit,
        used_kib=used,
        command=tree.text(f"{place}/cmdline", lines=False).replace("\0", " ").strip(),
    )


def _kib(status: dict[str, str], name: str) -> int | None:
    words = status.get(name, "").split()
    return int(words[0]) if len(words) == 2 and is_number(words[0]) else None


def _around(tree: Tree, place: str) -> tuple[int | None, int | None]:
    """The lowest limit of the process' memory cgroup and those above it, and what is used there."""
    found = [(limit, used) for limit, used in _limits(tree, place) if limit is not None]
    return min(found, key=lambda each: each[0]) if found else (None, None)


def _limits(tree: Tree, place: str) -> Iterator[tuple[int | None, int | None]]:
    for line in tree.text(f"{place}/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        v2 = not controllers
        if not v2 and "memory" not in controllers.split(","):
            continue
        while group.startswith("/") and group != "/":
            folder = f"{V2 if v2 else V1}{group}"
            used = tree.word(f"{folder}/{'memory.current' if v2 else 'memory.usage_in_bytes'}")
            for name in ("memory.max", "memory.high") if v2 else ("memory.limit_in_bytes",):
                yield _limit(tree, f"{folder}/{name}"), int(used) >> 10 if is_number(used) else None
            group = group.rpartition("/")[0]


def _limit(tree: Tree, path: str) -> int | None:
    text = tree.word(path)
    if text and text != "max" and not is_number(text):
        tree.blame(path, "garbled")
    kib = int(text) >> 10 if is_number(text) else UNLIMITED_KIB
    return kib if kib < UNLIMITED_KIB else None
