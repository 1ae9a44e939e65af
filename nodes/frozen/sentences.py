"""Parts of sentences that several answers have in common."""

from __future__ import annotations

from collections.abc import Sequence

from nodes.frozen.examine import Case
from nodes.frozen.failures import Place
from nodes.frozen.reception import shortage
from nodes.frozen.shapes import is_waiting, top
from nodes.frozen.stacks import Stack
from nodes.frozen.tasks import Blocked, named
from nodes.machine.waits import KSWAPD

_RESOURCES = {
    "writes answered": "its writes to be answered{}",
    "requests answered": "its requests to be answered{}",
    "requests sent": "its requests to be sent{}",
    "pages written": "pages to be written{}",
    "pages read": "pages to be read{}",
    "pages read back": "pages to be read back from swap{}",
    "answers of the server": "its calls to be answered{}",
    "answers of the daemon": "a process of user space that serves its file system",
    "the cluster's lock": "its cluster lock to be granted{}",
    "other work done": "other work to be done{}",
    "acknowledgements": "what it sent to be acknowledged{}",
}
"""How a shape's resource reads after `waits for`; `{}` is ` by` whom."""


def what(task: Blocked, whom: str = "") -> str:
    """What a task waits for, in words."""
    resource = task.shape.resource if task.shape else "storage"
    form = _RESOURCES.get(resource, f"{resource}{{}}")
    return form.format(whom)


def name(task: Blocked) -> str:
    """kswapd's role is told also where its name is not known."""
    text = named([task])
    return text if task.who != KSWAPD or task.stack.name else f"kswapd ({text})"


def inside(task: Blocked) -> str:
    """Where a task waits for a lock or for work: the first of its functions that is no lock's."""
    frames = [frame for frame in task.stack.frames if not is_waiting(frame)]
    return f" in {frames[0]}" if frames else ""


def how_many(tasks: Sequence[Blocked]) -> str:
    """Begins a sentence about all of them."""
    return f"{len(tasks)} tasks are" if len(tasks) > 1 else f"{name(tasks[0])} is"


def failure(where: Place, stack: Stack, case: Case) -> str:
    """What could not be had, by whom, how short memory was, and what helps."""
    short = shortage(case.facts, atomic=True)
    mode = f" ({stack.mode})" if stack.mode else ""
    pages = f"{1 << min(stack.order, 20)} pages in a row" if stack.order else "a page"
    known = short if case.facts.memory.zones and not stack.order else None
    counts = f": {known.have} pages free where {known.need} are needed ({known.source})" if known else ""
    at = where.where or top(stack) or "a place that the log does not show"
    if where.way == "reception":
        driver = f"{where.driver} " if where.driver else "the driver "
        what = "reception lacked buffers" if not stack.order else "reception lacked buffers of several pages in a row"
        return f"{what}: {driver}could not get {pages}{mode} at {at}{counts}; raise vm.min_free_kbytes{_to(case)}"
    way = {"sending": " on the way of packets out", "protocol": " as a packet was processed"}.get(where.way, "")
    return f"an allocation of {pages}{mode} failed{way}, at {at}{counts}"


def _to(case: Case) -> str:
    """Twice what it is, as the zones tell."""
    memory = case.facts.memory
    kb = sum((zone.min - zone.boost) * memory.page_kb for zone in memory.zones)
    return f" to {2 * kb} or more (it is about {kb})" if kb else ""


def ago(at_us: int | None, moment_us: int | None) -> str:
    """How long before the moment, in words."""
    seconds = ((moment_us or 0) - (at_us or 0)) // 1_000_000
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"
