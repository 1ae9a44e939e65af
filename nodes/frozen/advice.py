"""What to do next and what prevents it, for each kind of answer, in a person's words."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "deadlock", "lock-cycle", "panic", "oom", "peer", "disk", "cgroup", "spin", "storage", "reception", "fragmented",
    "allocation", "files", "locks", "work", "unknown", "bug", "nobody", "silent",
]  # fmt: skip
"""`deadlock`: a cycle through memory; `storage`: somebody waits for an answer, no cycle is seen; `silent`: a kernel log that
shows nothing of the sort."""

HOWTO = "docs/howto/autopsy-a-frozen-machine.md"
_ASK = "ask the machine for its blocked tasks and its memory (sysrq w, then m; t when these do not do) while it hangs"
_SIZE = "docs/howto/size-a-reserve.md"


class Advice(Struct, frozen=True):
    """Sentences, each complete."""

    next: tuple[str, ...]
    prevent: tuple[str, ...] = ()


ADVICE: dict[Kind, Advice] = {
    "deadlock": Advice(
        ("the machine does not come back by itself: restart it (sysrq s, u, b), after sysrq w, m and t are on record",),
        (f"what breaks each kind of cycle stands in {HOWTO}, section 4; how large a reserve is enough in {_SIZE}",),
    ),
    "lock-cycle": Advice(
        ("this is a bug in the kernel's locking and has nothing to do with memory: report it with both stacks, as they stand"
         " in the log", "a kernel with lockdep (CONFIG_PROVE_LOCKING) tells the order of the locks"),
        ("no setting of memory prevents it; look for a newer kernel",),
    ),
    "panic": Advice(("read the lines just before the panic: it is the end, and not the cause",)),
    "oom": Advice(
        ("look at the table of processes that the OOM killer printed: who holds the memory",),
        ("give the machine more memory or swap, or limit the process that grows (systemd's MemoryMax)",),
    ),
    "peer": Advice(
        ("look whether the server runs and whether the way to it does (ping, its own log, switch, firewall); the tasks go on"
         " when it answers",),
        ("a timeout that gives up (NFS soft, nbd-client -timeout, iSCSI replacement_timeout, nvme ctrl_loss_tmo) turns the"
         " hang into an error; for swap that means killed processes",),
    ),
    "disk": Advice(
        ("look at the disk itself: smartctl -a, mmc extcsd read, cables, the bus's messages just before",),
        ("no reserve of memory helps against a disk that does not answer",),
    ),
    "cgroup": Advice(
        ("look at the group's memory.current, memory.max, memory.high and memory.events: the machine itself may have memory"
         " to spare",),
        ("raise the group's limit (memory.max, memory.high; a container's memory limit) or let its processes use less",),
    ),
    "spin": Advice(
        ("look at the stack of the one that runs (sysrq l, perf top): it is busy, it does not wait",),
        ("a newer kernel; where reclaim is what spins, more free memory (vm.min_free_kbytes, less zram, more swap)",),
    ),
    "storage": Advice(
        (_ASK, "look whether the storage answers at all: its server's or disk's own log, iostat, its in-flight count"
         " (/sys/block/*/inflight)"),
        (f"{HOWTO}, section 4",),
    ),
    "reception": Advice(
        ("look at the card's own counters (ethtool -S: rx_no_buffer_count, alloc_rx_buff_failed and their like): do"
         " they grow",),
        ("smaller receive rings and socket buffers take less at once; swap over this card wants the reserve first:"
         f" {_SIZE}",),
    ),
    "fragmented": Advice(
        ("look at /proc/buddyinfo: are there free blocks of that order",),
        ("a smaller MTU, or a driver that takes single pages; more vm.min_free_kbytes keeps larger blocks together",),
    ),
    "allocation": Advice(
        ("look at who asked, in the stack: the kernel goes on without it, and the caller may not",),
        ("more vm.min_free_kbytes for atomic requests; for large ones a smaller request",),
    ),
    "files": Advice(
        ("look at the disk below it: iostat -x 1, its messages, its queue; a slow disk and a dead one look the same here",
         _ASK),
        ("limits for dirty pages (vm.dirty_bytes) keep a slow disk's queue short",),
    ),
    "locks": Advice(
        ("find who holds it: the stacks of all tasks (sysrq t), held locks where the kernel tracks them (sysrq d)",),
    ),
    "work": Advice(("find the worker that does not get on: all tasks and workqueues (sysrq t)",)),
    "unknown": Advice(
        (_ASK, f"the stacks have no shape that we know: how to teach one stands in {HOWTO}, section 5"),
    ),
    "bug": Advice(("report it to whoever made the kernel, with the lines from the first report on",)),
    "nobody": Advice(("what the log shows is over; ask again while it hangs",)),
    "silent": Advice((_ASK, "that the log is silent proves nothing: the hung-task watchdog does not see every hang")),
}  # fmt: skip
