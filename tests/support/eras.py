"""Known hangs, written as kernels of any era and architecture write them, behind what any logger puts in front of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Task(NamedTuple):
    """A blocked task; frames are innermost first, `name` or `name [module]`."""

    name: str
    pid: int
    frames: tuple[str, ...]
    work: str = ""


class Hang(NamedTuple):
    """What a log shows, and what the answer is."""

    tasks: tuple[Task, ...]
    kind: str
    cycle: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    """Lines that stand before the tasks, the same in every era."""


SLEEP = ("__schedule", "schedule", "io_schedule")
KSWAPD = Task(
    "kswapd0", 87, (*SLEEP, "blk_mq_get_tag", "__swap_writepage", "shrink_page_list", "balance_pgdat", "kswapd")
)
RPCIOD = Task(
    "kworker/u8:1",
    92,
    ("__schedule", "schedule_timeout", "reclaim_throttle", "try_to_free_pages", "__alloc_pages_slowpath", "__alloc_skb",
     "tcp_sendmsg_locked", "xs_tcp_send_request [sunrpc]", "process_one_work"),
    "rpciod rpc_async_schedule [sunrpc]",
)  # fmt: skip
FAILURE = (
    "swapper/0: page allocation failure: order:0, mode:0x820(GFP_ATOMIC), nodemask=(null)",
    "Call Trace:",
    " warn_alloc+0x1/0x2",
    " __alloc_pages+0x1/0x2",
    " e1000_alloc_rx_buffers+0x1/0x2 [e1000e]",
    " e1000e_poll+0x1/0x2 [e1000e]",
    " net_rx_action+0x1/0x2",
    "Mem-Info:",
    "Node 0 DMA32 free:1000kB boost:0kB min:4000kB low:5000kB high:6000kB",
    "lowmem_reserve[]: 0 0 0 0",
)
HANGS = {
    "kswapd waits": Hang((KSWAPD,), "storage", says=("no cycle", "kswapd0 waits for its writes")),
    "the ring": Hang((KSWAPD,), "deadlock", ("kswapd", "storage reply", "ring refill"), before=FAILURE),
    "the sender": Hang((RPCIOD, KSWAPD), "deadlock", ("NFS sender (rpciod)", "kswapd")),
    "a local card": Hang(
        (KSWAPD,),
        "storage",
        says=("no deadlock over the network", "mmcblk0p2"),
        before=("Adding 1048572k swap on /dev/mmcblk0p2.  Priority:-2 extents:1 across:1048572k SS", *FAILURE),
    ),
    "a file system": Hang(
        (Task("java", 1234, (*SLEEP, "wait_on_page_bit", "wait_on_page_writeback", "ext4_write_begin", "sys_write")),),
        "files",
        says=("not a deadlock over memory", "ext4"),
    ),
}

Era = Callable[[Task], Iterator[str]]


def _work(task: Task) -> Iterator[str]:
    if task.work:
        yield f"Workqueue: {task.work}"


def _name(frame: str, offsets: str = "+0x1a/0x2b0") -> str:
    function, _, module = frame.partition(" ")
    return f"{function}{offsets} {module}".rstrip()


def _plain(head: str, frame: str = " {}", trace: str = "Call Trace:") -> Era:
    """An era whose header is `head` and whose frames are `frame`."""

    def era(task: Task) -> Iterator[str]:
        yield head.format(name=task.name, pid=task.pid)
        yield from _work(task)
        yield trace
        yield from (frame.format(_name(one)) for one in task.frames)

    return era


def _arm(form: str) -> Era:
    def era(task: Task) -> Iterator[str]:
        yield f"{task.name:15} D    0 {task.pid:5}      2 0x00000000"
        yield from _work(task)
        for callee, caller in zip(task.frames, task.frames[1:], strict=False):
            yield form.format(callee, _name(caller))

    return era


def _decoded(task: Task) -> Iterator[str]:
    yield f"task:{task.name:15} state:D stack:0     pid:{task.pid:<5} ppid:2      flags:0x00004000"
    yield from _work(task)
    for frame in task.frames:
        function, _, module = frame.partition(" ")
        yield f" {function} (kernel/file-x.c:123 (discriminator 1)) {module}".rstrip()


def _crash(task: Task) -> Iterator[str]:
    yield f'PID: {task.pid}   TASK: ffff888100000000  CPU: 0   COMMAND: "{task.name}"'
    yield from _work(task)
    for number, frame in enumerate(task.frames):
        function, _, module = frame.partition(" ")
        yield f" #{number} [ffffc90000a37c50] {function} at ffffffff81a3c6d4 {module}".rstrip()


def _hung(task: Task) -> Iterator[str]:
    yield f"INFO: task {task.name}:{task.pid} blocked for more than 122 seconds."
    yield "      Not tainted 6.1.0-10-amd64 #1"
    yield '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.'
    yield from ERAS["6.x"](task)


def _klogd(task: Task) -> Iterator[str]:
    yield f"{task.name:13} D F7C1DF80     0 {task.pid:5}      1             4     6 (L-TLB)"
    yield from _work(task)
    yield "Call Trace: " + " ".join(
        f"[{frame.partition(' ')[0]}+100/200]"
        if " " not in frame
        else f"[<c0113a3f>] {frame.split()[0]} {frame.split()[1]} 0x1"
        for frame in task.frames
    )


_NEW = "task:{name:15} state:D stack:0     pid:{pid:<5} tgid:{pid:<5} ppid:2      flags:0x00004000"
_TLB = "{name:13} D ffff81007f8ed830     0 {pid:5}     11           217   107 (L-TLB)"
_OLD = "{name:15} D ffff888000000000     0 {pid:5}      2 0x00000000"
ERAS: dict[str, Era] = {
    "2.4 klogd": _klogd,
    "2.6.18": _plain(_TLB, " [<ffffffff8006ec1a>] {}"),
    "2.6.29": _plain("{name:13} D ffff81007f8ed830     0 {pid:5}      2", " [<ffffffff8006ec1a>] {}"),
    "3.10 el7": _plain(_OLD, " [<ffffffff81668a29>] {}"),
    "4.4 i386": _plain("{name:15} D f7c1df80     0 {pid:5}      2 0x00000000", " [<c10b2ad3>] {}"),
    "4.9 glued": _plain("{name:15} D26440 {pid:5}      2 0x80000000"),
    "5.4": _plain("{name:15} D    0 {pid:5}      2 0x80004000"),
    "5.10": _plain("task:{name:15} state:D stack:    0 pid:{pid:5} ppid:     2 flags:0x00004000"),
    "6.x": _plain(_NEW),
    "6.x arm64": _plain(_NEW, " {} (P)", "Call trace:"),
    "arm64": _plain(_NEW, " {}", "Call trace:"),
    "arm 3.x": _arm("[<c0000001>] ({}) from [<c0000002>] ({})"),
    "arm 6.x": _arm(" {} from {}"),
    "ppc64": _plain(_OLD, "[c000000003e1b6f0] [c0000000001d0f30] .{} (unreliable)"),
    "ppc64le": _plain(_NEW, "[c000000003e1b6f0] [c0000000001d0f30] {}"),
    "s390": _plain(_OLD, "([<0000000000b2f8a6>] {})"),
    "riscv": _plain(_NEW, "[<ffffffff80a3c6d4>] {}", "Call Trace:"),
    "hidden addresses": _plain(_NEW, " [<(____ptrval____)>] {}"),
    "build ids": _plain(_NEW, " {} [last unloaded: x]"),
    "all unsure": _plain(_NEW, " ? {}"),
    "decoded": _decoded,
    "crash": _crash,
    "hung task": _hung,
}  # fmt: skip

_STAMP = "[{0:5}.{1:06}] "
Prefix = Callable[[int, str], str]


def _stamped(form: str) -> Prefix:
    """Text in front of each line; {s}, {us}: since boot; {m}, {d}: minute and second of a day."""

    def prefix(number: int, line: str) -> str:
        us = number * 1000
        return form.format(s=100 + us // 1_000_000, us=us % 1_000_000, d=us // 1_000_000 % 60, n=number + 1) + line

    return prefix


PREFIXES: dict[str, Prefix] = {
    "none": _stamped(""),
    "dmesg": _stamped("[{s:5}.{us:06}] "),
    "dmesg -T": _stamped("[Mon Aug 14 12:00:{d:02} 2023] "),
    "dmesg -T, German": _stamped("[Mo Aug 14 12:00:{d:02} 2023] "),
    "dmesg -T, Chinese": _stamped("[四 9月 26 20:15:{d:02} 2024] "),
    "dmesg -d": _stamped("[{s:5}.{us:06} <    0.000012>] "),
    "dmesg -x": _stamped("kern  :warn  : [{s:5}.{us:06}] "),
    "dmesg -e": _stamped("[  +0.000012] "),
    "dmesg iso": _stamped("2023-08-14T12:00:{d:02},{us:06}+02:00 "),
    "console with levels": _stamped("<4>[{s:5}.{us:06}] "),
    "printk caller": _stamped("[{s:5}.{us:06}][  T123] "),
    "journal short": _stamped("Aug 14 12:00:{d:02} host-1.example kernel: "),
    "journal short, with stamp": _stamped("Aug 14 12:00:{d:02} host kernel: [{s:5}.{us:06}] "),
    "journal short-precise": _stamped("Aug 14 12:00:{d:02}.{us:06} host kernel: "),
    "journal short-iso": _stamped("2023-08-14T12:00:{d:02}+0200 host kernel: "),
    "journal short-full": _stamped("Mon 2023-08-14 12:00:{d:02} CEST host kernel: "),
    "journal short-monotonic": _stamped("[{s:5}.{us:06}] host kernel: "),
    "journal short-unix": _stamped("16920000{d:02}.{us:06} host kernel: "),
    "syslog without host": _stamped("Aug 14 12:00:{d:02} kernel: "),
    "syslog with PRI": _stamped("<4>Aug 14 12:00:{d:02} host kernel: "),
    "RFC 5424": _stamped("<4>1 2023-08-14T12:00:{d:02}.{us:06}+02:00 host kernel - - - "),
    "rsyslog file": _stamped("2023-08-14T12:00:{d:02}.{us:06}+02:00 host kernel: [{s:5}.{us:06}] "),
    "OpenWrt": _stamped("Mon Aug 14 12:00:{d:02} 2023 kern.warn kernel: [{s:5}.{us:06}] "),
    "busybox": _stamped("Aug 14 12:00:{d:02} host kern.warn kernel: [{s:5}.{us:06}] "),
    "Talos": _stamped("198.18.0.2: kern:    info: [2023-08-14T12:00:{d:02}.{us:06}Z]: "),
    "netconsole, extended": _stamped("4,{n},{s}{us:06},-;"),
    "netconsole, with caller": _stamped("4,{n},{s}{us:06},-,caller=T123;"),
    "netconsole, with release": _stamped("6.1.0,4,{n},{s}{us:06},-;"),
    "Android": _stamped("08-14 12:00:{d:02}.{us:06}     0     0 W kernel  : "),
    "MTK": _stamped("[{s:5}.{us:06}] (2)[5:kworker/0:1]"),
    "Samsung": _stamped("<6>[{s:5}.{us:06}]  [2:    kworker/u16:1:  123] "),
    "Amlogic": _stamped("[{s:5}.{us:06}@1] "),
    "container": _stamped("2023-08-14T12:00:{d:02}.{us:06}Z stdout F [{s:5}.{us:06}] "),
    "compose": _stamped("node-1  | [{s:5}.{us:06}] "),
    "serial logger": _stamped("[2023-08-14 12:00:{d:02}.123] [{s:5}.{us:06}] "),
    "serial logger, minicom": _stamped("[20230814-12:00:{d:02}] [{s:5}.{us:06}] "),
    "quoted": _stamped("> [{s:5}.{us:06}] "),
    "quoted twice": _stamped(">> > [{s:5}.{us:06}] "),
    "indented": _stamped("        [{s:5}.{us:06}] "),
    "bulleted": _stamped(" * [{s:5}.{us:06}] "),
    "grep -n": _stamped("{n}:[{s:5}.{us:06}] "),
    "grep -rn": _stamped("logs/console.txt:{n}:[{s:5}.{us:06}] "),
    "colours": _stamped("\x1b[32m[{s:5}.{us:06}] \x1b[0m\x1b[33m"),
    "colours as carets": _stamped("^[[32m[{s:5}.{us:06}] ^[[0m"),
    "HiSilicon": _stamped("<4>[{s:5}.{us:06}s][pid:87,cpu0,kswapd0,0]"),
    "Samsung, with importance": _stamped("<4>[{s:5}.{us:06}] I[0:        kswapd0:   87] "),
    "logcat, brief": _stamped("W/kernel  (    0): [{s:5}.{us:06}] "),
    "nanoseconds": _stamped("[{s:5}.{us:06}123] "),
    "CSV": _stamped('"2023-08-14 12:00:{d:02}","host","kernel","[{s:5}.{us:06}] '),
    "JSON of a collector": _stamped('{{"@timestamp":"2023-08-14T12:00:{d:02}Z","message":"[{s:5}.{us:06}] '),
    "journal of another host": _stamped("Aug 14 12:00:{d:02} host unknown: "),
    "syslog with pid": _stamped("Aug 14 12:00:{d:02} host kernel[1]: "),
    "Cisco-like": _stamped("000{n}: *Aug 14 12:00:{d:02}.123: %KERN-4: [{s:5}.{us:06}] "),
    "line numbers": _stamped("{n:6}\t[{s:5}.{us:06}] "),
    "a diff": _stamped("+[{s:5}.{us:06}] "),
    "kernel log in a table": _stamped("| {n} | [{s:5}.{us:06}] "),
}  # fmt: skip
