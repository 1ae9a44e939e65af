"""The first lines of stacks, of every era."""

from __future__ import annotations

import pytest

from nodes.frozen.heads import Head, head


@pytest.mark.parametrize(
    ("text", "pid"),
    [
        ("task:kswapd0         state:D stack:    0 pid:   52 ppid:     2 flags:0x00004000", 52),
        (
            "task:kswapd0         state:D stack:0     pid:52    tgid:52    ppid:2      task_flags:0x20800 flags:0x4000",
            52,
        ),
        ("task:kswapd0         state:D stack:0     piid:52", 52),
        ("task:kswapd0         state:D sta", 0),
        ("kswapd0         D ffff888000000000     0    52      2 0x00000000", 52),
        ("kswapd0         D f7c1df80     0    52      2 0x00000000", 52),
        ("kswapd0         D26440    52      2 0x80000000", 52),
        ("kswapd0         D    0    52      2 0x80004000 0", 52),
        ("kswapd0       D F7C1DF80     0    52      1     4     6 (L-TLB)", 52),
        ("kswapd0       D ffff81007f8ed830     0    52     11", 52),
        ('PID: 52     TASK: ffff888100000000  CPU: 1    COMMAND: "kswapd0"', 52),
    ],
)
def test_a_task_is_read(text: str, pid: int) -> None:
    assert head(text) == Head("task", "kswapd0", pid, "D")


def test_other_first_lines_are_read() -> None:
    assert head("INFO: task a b/c:7 blocked for more than 120 seconds.") == Head("task", "a b/c", 7, "D", seconds=120)
    assert head("INFO: task x:7 blocked in I/O wait for more than 9 seconds.") == Head("task", "x", 7, "D", seconds=9)
    assert head("root@host:~# cat /proc/87/stack") == Head("task", "", 87, "D")
    assert head("watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [a:7]") == Head("running", "a", 7, "R", seconds=26)


@pytest.mark.parametrize(
    ("text", "order", "mode"),
    [
        ("swapper/0: page allocation failure: order:0, mode:0x820(GFP_ATOMIC), nodemask=(null)", 0, "GFP_ATOMIC"),
        ("swapper/0: page allocation failure: order:0, mode:0x20", 0, "GFP_ATOMIC"),
        ("swapper: page allocation failure. order:3, mode:0x4020", 3, "GFP_ATOMIC"),
        ("swapper: page allocation failure. order:0, mode:0xd0", 0, "mode 0xd0"),
        ("__alloc_pages: 0-order allocation failed (gfp=0x20/0)", 0, "GFP_ATOMIC"),
        ("java: page allocation stalls for 10008ms, order:1, mode:0x14000c0(GFP_KERNEL)", 1, "GFP_KERNEL"),
    ],
)
def test_a_failure_is_read(text: str, order: int, mode: str) -> None:
    found = head(text)
    assert found is not None and (found.kind, found.order, found.mode) == ("failure", order, mode)


@pytest.mark.parametrize(
    "text", ["", "D    0    52", "hello D ward", "R    kworker/u2:0     9      3036.931778        58   120"]
)
def test_other_lines_are_none(text: str) -> None:
    assert head(text) is None
