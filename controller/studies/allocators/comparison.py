"""One trace through several allocators, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from controller.store.tracefile import Header, Trace
from controller.studies.allocators.replay import STUDIED, Replayed, replay
from nodes.errors import UsageError


class Comparison(Struct, frozen=True, kw_only=True):
    """What each allocator did with the same requests."""

    header: Header
    memory_pages: int
    """Of the replay."""
    replayed: tuple[Replayed, ...]
    unable: dict[str, str]
    """Allocators that this memory cannot hold, with the reason."""


def compare(
    trace: Trace, names: Iterable[str] = (), *, memory_pages: int = 0, heard: Callable[[str], None] = lambda name: None
) -> Comparison:
    """Replays `trace` through each of `names`, or through every allocator there is; `heard` gets the name of the one that
    begins. Raises UsageError for an unknown name, when the memory is too small for the trace itself, and when one that was
    named cannot be."""
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        STUDIED[name]
    replayed: list[Replayed] = []
    unable: dict[str, str] = {}
    for name in chosen or STUDIED:
        heard(name)
        try:
            replayed.append(replay(trace, name, memory_pages=memory_pages))
        except UsageError as error:
            if chosen:
                raise
            unable[name] = str(error)
    if not replayed:
        raise UsageError("; ".join(dict.fromkeys(unable.values())))
    return Comparison(
        header=trace.header,
        memory_pages=memory_pages or trace.header.memory_pages,
        replayed=tuple(replayed),
        unable=unable,
    )


HEADINGS = (
    "allocator", "requests", "refused", "objects, most", "pages, most", "pages, mean", "pages, end", "overhead",
    "pinned, most", "pinned, end", "pages returned", "per release", "cross-CPU frees",
)  # fmt: skip
"""Columns of the table; docs/reference/allocators.md says what each means."""


def cells(replayed: Replayed) -> tuple[str, ...]:
    """A row of the table."""
    each = replayed
    return (
        each.allocator,
        f"{each.requests:,}",
        f"{each.refused:,}",
        f"{each.objects_peak:,}",
        f"{each.pages_peak:,}",
        f"{each.pages_mean:,.0f}",
        f"{each.pages_end:,}",
        f"{each.overhead:.2f}",
        f"{each.pinned_pages_peak:,}",
        f"{each.pinned_pages_end:,}",
        f"{each.pages_returned:,}",
        f"{each.pages_per_release:.2f}",
        f"{each.cross_cpu_releases:,}",
    )
