"""Phrases with which a message of the kernel surely begins: by them a line's prefix is recognised.

They hold for Linux 2.4 to 7.x. A phrase that only sometimes begins a message has no place here.
"""

from __future__ import annotations

import re

NAME = r"[A-Za-z_][\w.$]*"
"""A kernel function, with the suffixes of compilers."""
OFFSETS = r"\+0+x*[0-9a-f]+/+0*x*[0-9a-f]+"
"""A slow serial line may repeat a character: hence the stars."""
_FUNCTION = (
    rf"(?<![\w:.$/+-])(?:\.|:\w+:)?{NAME}"
    rf"(?:{OFFSETS}| from {NAME}\+0x| \((?:[\w./-]+/)?[\w-]+\.[chS]:\d+| at [0-9a-f]{{8,16}}\b)"
)
_HEX = r"\[(?:<[^>\]]{1,24}>|[0-9a-f]{8,16}|\(_*ptrval_*\))\]"
MARK = r"</?(?:IRQ|EOI|TASK|NMI|SOFTIRQ)>"
FRONT = rf"(?:{MARK}\s*)?(?:#\d+\s+)?\(?(?:{_HEX}\s*){{0,2}}(?:\?+ *)?\(?"
"""What may stand between a prefix and a frame's function: marks of other stacks, addresses, the unwinder's doubt."""
_BEFORE = re.compile(rf"(?:{FRONT})\Z")
_FRONT_CHARS_MAX = 80
_ANCHOR = re.compile(
    "|".join(
        (
            _FUNCTION,
            r"\[<(?:[0-9a-f]{8,16}|0)>\]",
            rf"\[{NAME}\+\d+/\d+\]",
            r"Trace; [0-9a-f]{8,16} <",
            MARK,
            r"Call [Tt]race:|Backtrace:|task:\S|INFO: task |Workqueue: |Show Blocked State|# cat /proc/",
            r"Mem-[Ii]nfo:|lowmem_reserve\[|Node \d+ \w+ free: *\d|(?<!\d )(?:DMA32|DMA|Normal|HighMem|Movable) free: *\d",
            r"Linux version \d|[Ss]ys[Rr]q ?: |(?:WARNING: )?CPU: \d+ (?:UID: \d+ )?PID: \d|Pid: \d+, comm:",
            r"PID: \d+\s+TASK: |(?:watchdog: )?BUG: |Kernel panic - not syncing",
            r"Out of [Mm]emory: |Memory cgroup out of memory|oom-kill:|Killed process \d|__alloc_pages: \d-order",
            r"Adding \d+k swap on |nfs: server |block (?:nbd|drbd)\d+|nvme nvme\d+|libceph: ",
            r"SL[AU]B: Unable to allocate|cache: [\w:-]+(?:\([^)]*\))?, object size",
        )
    )
)


def phrase_at(text: str) -> int:
    """Where the first such phrase of `text` begins, with what belongs in front of it; -1 when there is none."""
    found = _ANCHOR.search(text)
    if found is None:
        return -1
    start = max(0, found.start() - _FRONT_CHARS_MAX)
    before = _BEFORE.search(text[start : found.start()])
    return start + before.start() if before else found.start()


def begins(text: str, at: int = 0) -> bool:
    """Whether one stands in `text` from `at` on."""
    return _BEGINS.match(text, at) is not None


_BEGINS = re.compile(rf"(?:{FRONT})?(?:{_ANCHOR.pattern})")
