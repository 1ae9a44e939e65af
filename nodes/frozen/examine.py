"""From a frozen machine's last words to the cycle that it sits in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from nodes.eventkinds import Autopsy, Ending, Wait
from nodes.frozen import reception, tasks
from nodes.frozen.figures import Figures
from nodes.frozen.lines import Message, messages, newest_us
from nodes.frozen.meminfo import memory
from nodes.frozen.reception import Facts, Short, shortage
from nodes.frozen.stacks import Stack, cache_lines, dumps, lacking_caches, stacks
from nodes.frozen.storage import Below
from nodes.frozen.tasks import Blocked
from nodes.machine.waits import KSWAPD, REPLY, TRANSMIT, WORKER, cycle
from nodes.units import PAGE_BYTES

_PANIC = re.compile(r"Kernel panic - not syncing.*")
_OOM = re.compile(
    r"Out of [Mm]emory(?: \(oom_kill_allocating_task\))?: Kill(?:ed)? process.*|Out of memory and no killable processes.*"
    r"|.*Out of Memory: Kill(?:ed|ing) process.*"
)
_STUCK = re.compile(r"block nbd\d+: Possible stuck request.*")
_UNSEEN = {
    REPLY: "what keeps the storage reply from coming: no allocation on reception was seen to fail while memory is short, no"
    " silent ring, no blocked refill worker and no blocked relay (sysrq t, and telemetry, may tell)",
    KSWAPD: "what kswapd waits for: it is not among the blocked tasks (sysrq w), or its stack has no known shape",
    TRANSMIT: "who sends on the block socket, and what it waits for (sysrq t shows it)",
}
OOM_ENDS_US = 30_000_000
"""Tasks that are still blocked so long after an OOM kill are not ended by it (own: the oom_reaper frees within seconds)."""
SAME_HANG_US = 600_000_000
"""The hung-task watchdog reports who hangs one by one, the first after 120 s, ten at most (kernel/hung_task.c; own)."""
SEEN = "(seen: "
"""Begins the evidence of a sentence."""
_NOBODY = "a blocked task that waits for memory or storage"


class Case(Struct, frozen=True, kw_only=True):
    """What one boot's log shows at one moment: that of its last blocked tasks, or its end."""

    autopsy: Autopsy
    tasks: tuple[Blocked, ...] = ()
    """The blocked ones of that moment."""
    stacks: tuple[Stack, ...] = ()
    """All of the log."""
    facts: Facts = Facts()
    below: Below
    at_us: int | None = None
    """The moment, by the log's own clock."""
    asked: int = 0
    """How many answers to sysrq w there are."""
    past: bool = False
    """A later one of them shows nobody."""


def examine(lines: Sequence[str], figures: Figures | None = None, before: Figures | None = None) -> Autopsy:
    """What the kernel log `lines` of one boot show, best one with the answers to sysrq w, m and t.

    `figures`: the newest telemetry, if there is any; `before`: the one of when progress stopped, so that it is known which
    counters grew since. Never raises, whatever the lines are.
    """
    return look(messages(lines), figures, before).autopsy


def look(log: Sequence[Message], figures: Figures | None = None, before: Figures | None = None) -> Case:
    """The same of messages, with all that was found on the way."""
    every, below = stacks(log), Below(log)
    asked = dumps(log)
    shown = [stack for stack in every if stack.kind == "task"]
    last = max((stack.dump for stack in shown), default=asked)
    seen = [stack for stack in every if stack.kind == "failure" or (stack.kind == "task" and stack.dump == last)]
    held = _together(tasks.blocked(seen, below))
    failures = tuple(stack for stack in seen if stack.kind == "failure")
    shown_us = [stack.at_us for stack in ([task.stack for task in held] or failures) if stack.at_us is not None]
    at_us = max(shown_us, default=newest_us(log))
    facts = Facts(
        memory(log), failures, lacking_caches(log), cache_lines(log), at_us, figures, before, tasks.reclaiming(held)
    )
    edges = _edges([*tasks.edges(held), *tasks.served(held, below), *tasks.receiver(held, seen)], facts)
    closed = _cycle(edges)
    ending, ends = _ending(log, at_us if held else None)
    found = [
        *ends,
        *(map(_sentence, (*closed, *(edge for edge in edges if edge not in closed)))),
        *_remarks(log, facts),
    ]
    told = Autopsy(
        cycle=closed, waits=edges, found=tuple(found), missing=() if closed or ending else tuple(_missing(edges, facts)),
        unknown=tasks.shown_unknown(held), ending=ending,
    )  # fmt: skip
    return Case(
        autopsy=told, tasks=tuple(held), stacks=tuple(every), facts=facts, below=below, at_us=at_us, asked=asked,
        past=bool(held) and last < asked,
    )  # fmt: skip


def _together(held: list[Blocked]) -> list[Blocked]:
    """Those that are blocked at the same time, as far as is known: what was seen long before the last may have gone on."""
    newest = max((task.stack.at_us for task in held if task.stack.at_us is not None), default=0)
    return [task for task in held if task.stack.at_us is None or newest - task.stack.at_us <= SAME_HANG_US]


def _edges(shown: list[Wait], facts: Facts) -> tuple[Wait, ...]:
    """Edges of tasks with figures put in, those of reception, and free pages sought from who really reclaims."""
    waiters = {edge.waiter for edge in shown}
    if TRANSMIT not in waiters and any(edge.who_frees == TRANSMIT for edge in shown):
        shown = [*shown, *reception.unacknowledged(facts)]
    if any(edge.who_frees == REPLY for edge in shown) and not any(edge.waiter == REPLY for edge in shown):
        shown = [*shown, *reception.edges(facts)]
    short = shortage(facts, atomic=False)
    reclaimer = _reclaimer(shown, facts.reclaiming)
    known = [edge for edge in shown if not (edge.waiter == reclaimer and edge.resource == "free pages")]
    if facts.memory.zones and short is None:  # then memory is not what they wait for, whatever their stacks look like
        known = [edge for edge in known if edge.resource != "free pages" or edge.have]
    filled = (_filled(edge, short, reclaimer) for edge in known)
    return tuple(edge for edge in filled if edge.have < edge.need)


def _reclaimer(edges: Sequence[Wait], reclaiming: frozenset[str]) -> str:
    """Who alone can free pages: kswapd, or, where it is not blocked, whoever reclaims and waits for storage."""
    stuck = [edge.waiter for edge in edges if edge.who_frees in (REPLY, TRANSMIT)]
    return KSWAPD if KSWAPD in stuck else next((who for who in stuck if who in reclaiming), KSWAPD)


def _filled(edge: Wait, short: Short | None, reclaimer: str) -> Wait:
    """With the counts of free pages for a task that waits for some."""
    if edge.resource != "free pages":
        return edge
    need, have = (short.need, short.have) if short and not edge.have else (edge.need, edge.have)
    return Wait(edge.waiter, edge.resource, need, have, reclaimer, edge.why, edge.source)


def _cycle(edges: tuple[Wait, ...]) -> tuple[Wait, ...]:
    """The cycle. A refill worker in direct reclaim waits for storage itself and for pages from kswapd; where kswapd waits,
    too, the way over kswapd is told, as it is true of every driver."""
    over_kswapd = tuple(edge for edge in edges if not (edge.waiter == WORKER and edge.who_frees == REPLY))
    return cycle(over_kswapd) or cycle(edges)


def _sentence(edge: Wait) -> str:
    counts = f" ({edge.have} of {edge.need} there)" if edge.resource == "free pages" else ""
    need = f"{edge.waiter} waits for {edge.resource}{counts}, which {edge.who_frees} must provide"
    return _seen(f"{need}: {edge.why}", edge.source)


def _missing(edges: tuple[Wait, ...], facts: Facts) -> Iterator[str]:
    """The ends that lead nowhere."""
    waiters = {edge.waiter for edge in edges}
    if not edges:
        yield _NOBODY
    for node in dict.fromkeys(edge.who_frees for edge in edges if edge.who_frees not in waiters):
        yield _UNSEEN.get(node, f"what {node} waits for")
        if node == REPLY and (unknown := reception.uncounted(facts)):
            yield f"whether {', '.join(unknown)} failed on reception: this kernel's telemetry does not count them"
    if edges and waiters >= {edge.who_frees for edge in edges}:
        yield "a way back: all that is seen leads on"


def _ending(log: Sequence[Message], blocked_us: int | None) -> tuple[Ending, list[str]]:
    """A kill long before tasks were seen blocked ended nothing."""
    since = [message for message in log if recently(message.at_us, blocked_us, OOM_ENDS_US)]
    kills, panics = _matches(_OOM, since), _matches(_PANIC, log)
    said = [_seen("the OOM killer killed", line) for line in kills[-1:]]
    said += [_seen("the kernel panicked", line) for line in panics[:1]]
    return "panic" if panics else "oom" if kills else "", said


def recently(at_us: int | None, moment_us: int | None, within_us: int = reception.RECENT_US) -> bool:
    """Whether what was at `at_us` was not long before the moment; where one is not known it may have been."""
    return at_us is None or moment_us is None or moment_us - at_us <= within_us


def _remarks(log: Sequence[Message], facts: Facts) -> Iterator[str]:
    """What is no edge, and helps to understand one."""
    if stuck := _matches(_STUCK, log):
        yield _seen("the block device has requests that were never answered", stuck[-1])
    now = facts.now
    if now is None:
        return
    if now.in_flight > 0:
        yield _seen(f"{now.in_flight} requests of the block device are not answered", "telemetry, in_flight")
    if (held := now.udp_pages + now.tcp_pages) > 0:
        text = f"packets in sockets hold {held} pages, {held * PAGE_BYTES >> 10} KiB"
        yield _seen(text, "telemetry, udp_pages and tcp_pages")
    if now.memalloc == 0 and (refused := facts.grown("block_drop")):
        text = f"{refused} packets of the block connection were refused, as its socket is not flagged"
        yield _seen(text, "telemetry, block_drop")


def _matches(pattern: re.Pattern[str], log: Sequence[Message]) -> list[str]:
    return [found[0] for message in log if (found := pattern.search(message.text))]


def _seen(text: str, evidence: str) -> str:
    return f"{text} {SEEN}{evidence})"
