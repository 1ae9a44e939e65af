"""Stacks are put together right, also when other lines stand between and characters come twice."""

from __future__ import annotations

from nodes.frozen.lines import messages
from nodes.frozen.stacks import Stack, lacking_caches, same, stacks

KSWAPD = """\
[   26.939754] task:kswapd0         state:D stack:0     pid:43    tgid:43    ppid:2      flags:0x00004000
[   26.941022] Call Trace:
[   26.941515]  <TASK>
[   26.942651]  schedule+0x27/0xc0
[   26.943867]  ? __pfx_process_timeout+0x10/0x10
[   26.944104]  mempool_alloc_noprof+0x177/0x1b0
[   26.951494]  </TASK>
""".splitlines()
FAILURE = """\
[   32.097080] kworker/0:0: page allocation failure: order:0, mode:0x820(GFP_ATOMIC), nodemask=(null),cpuset=/
[   32.098011] Workqueue: events e1000_watchdog_task [e1000e]
[   32.098125] Call Trace:
[   32.098149]  <IRQ>
[   32.098226]  trace_clock_x86_tsc+0x20/0x20
[   32.098283]  __page_frag_alloc_align+0x22f/0x260
[   32.098334]  e1000_clean_rx_irq+0x293/0x400 [e1000e]
[   32.098612]  </IRQ>
[   32.098616]  <TASK>
[   32.098622]  asm_common_interrupt+0x26/0x40
""".splitlines()
FRAMES = ("schedule", "mempool_alloc_noprof")


def of(lines: list[str]) -> list[Stack]:
    return stacks(messages(lines))


def test_a_task_has_its_sure_frames() -> None:
    assert of(KSWAPD) == [Stack("task", "kswapd0", 43, "D", at_us=26_939_754, frames=FRAMES)]


def test_a_failure_has_the_frames_of_the_interrupt_only() -> None:
    (stack,) = of(FAILURE)
    assert (stack.kind, stack.order, stack.mode) == ("failure", 0, "GFP_ATOMIC")
    assert stack.work == "events e1000_watchdog_task [e1000e]"
    assert stack.frames == ("__page_frag_alloc_align", "e1000_clean_rx_irq [e1000e]")


def test_a_failure_in_the_middle_of_a_task_keeps_to_itself() -> None:
    task, failure = of([*KSWAPD[:4], *FAILURE, "[   32.1] </TASK>", "[   32.2] nbd: hello", *KSWAPD[4:]])
    assert task.frames == FRAMES
    assert failure.frames[0] == "__page_frag_alloc_align"


def test_two_cpus_that_write_at_once_are_told_apart_by_their_callers() -> None:
    def by(caller: str, name: str) -> list[str]:
        return [
            line.replace("] ", f"][ {caller}] ", 1).replace("kswapd0", name).replace(":43", ":" + caller[1:])
            for line in KSWAPD
        ]

    mixed = [line for pair in zip(by("T7", "first"), by("T8", "other"), strict=True) for line in pair]
    assert [(stack.name, stack.frames) for stack in of(mixed)] == [("first", FRAMES), ("other", FRAMES)]


def test_the_last_stack_of_a_task_counts_and_each_dump_has_its_own() -> None:
    later = [line.replace("mempool_alloc_noprof", "wbt_wait") for line in KSWAPD]
    assert of(KSWAPD + later)[0].frames == ("schedule", "wbt_wait")
    gone = [line.replace("kswapd0", "gone") for line in KSWAPD]
    asked = of(["sysrq: Show Blocked State", *gone, "sysrq: Show Blocked State", *KSWAPD])
    assert [(stack.name, stack.dump) for stack in asked] == [("gone", 1), ("kswapd0", 2)]


def test_the_form_of_old_kernels_is_known() -> None:
    (stack,) = of(["kswapd0         D    0    37      2 0x80004000", "Call Trace:", " io_schedule+0x12/0x40"])
    assert (stack.name, stack.pid, stack.state, stack.frames) == ("kswapd0", 37, "D", ("io_schedule",))


def test_names_are_the_same_without_suffixes_and_repeated_characters() -> None:
    assert same("__alloc_pages_slowpath.constprop.0") == same("__alloc_pages_slowpath")
    assert same("mempool_alloc_noprof") == same("mempool_alloc") == same("mempoool_alloc")
    assert same("refill_work [virtio_net]") == same("refill_work") != same("refill")
    (stack,) = of([*KSWAPD[:2], "[    2.000000]  ?? unsure+0x1/0x2", "[    2.000001]  thrott1le+0x72/00x3d0"])
    assert stack.frames == ("thrott1le",)


def test_a_cache_that_cannot_grow_is_seen() -> None:
    lines = [
        "[ 1.000000]   cache: skbuff_head_cache, object size: 232, buffer size: 256, default order: 0, min order: 0"
    ]
    assert lacking_caches(messages(lines)) == {"skbuff_head_cache": 1_000_000}
