"""The rules that turn what a log shows into an answer. The first that has one gives it, in the order of `RULES`.

An accusation of memory needs a closed cycle (`examine`): everything else is told as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nodes.frozen import locks
from nodes.frozen.advice import Kind
from nodes.frozen.events import Said
from nodes.frozen.examine import recently
from nodes.frozen.failures import place
from nodes.frozen.functions import RECLAIM, SHRINK
from nodes.frozen.seen import Answer, Seen
from nodes.frozen.sentences import failure, how_many, inside, name, what
from nodes.frozen.shapes import CGROUP, DAEMON, JOURNAL, LOCAL, LOCK, OTHER_WORK, has, top
from nodes.frozen.storage import OPEN
from nodes.frozen.tasks import Blocked, named
from nodes.machine.waits import KSWAPD, REPLY, TRANSMIT


def _deadlock(seen: Seen) -> Answer | None:
    closed = seen.case.autopsy.cycle
    if not closed:
        return None
    who = [edge.waiter for edge in closed]
    assumed = tuple(_assumed(seen, who))
    lines = [task.stack.line for task in seen.case.tasks if task.who in who]
    lines += [
        stack.line
        for stack in seen.case.facts.failures
        if place(stack).way == "reception" and recently(stack.at_us, seen.case.at_us)
    ]
    text = "deadlock: " + " -> ".join([*who, who[0]])
    return Answer(
        kind="deadlock", sentence=text, sure="assumed" if assumed else "seen", assumed=assumed, lines=tuple(lines)
    )


def _assumed(seen: Seen, who: Sequence[str]) -> Iterator[str]:
    """What the cycle takes for granted: where the storage is, and whom a process serves."""
    serving = [task for task in seen.case.tasks if task.who in who and task.server]
    waiting = [task for task in seen.case.tasks if task.who in who and task.provider in (REPLY, LOCAL)]
    for task in serving:
        if task.server and task.server.same_host:
            yield f"that {task.stack.name} serves this machine's own storage"
        elif task.server and any(other.below.tag == "dlm" for other in waiting):
            yield f"that the cluster lock which {named(waiting[:1])} waits for is another node's, and not held here"
        elif task.server and any(other.below.kind == "layer" and other.below.tag in _SEVERAL for other in waiting):
            other = next(one for one in waiting if one.below.tag in _SEVERAL)
            yield f"that {named([task])} serves {other.below.name}, and not another device of its kind"
    for task in waiting[:1]:
        if REPLY in who and task.below.kind == "unknown":
            yield "that the storage is reached over the network: the log does not say where swap or the file lies"
        elif (REPLY in who or serving) and not task.below.sure:
            yield (
                f"that what {named([task])} waits for is {task.below.name}: other lines of the log speak of it, its stack"
                " does not"
            )


_SEVERAL = ("dm", "md", "loop")
"""Layers of which a machine often has several devices, each with workers of its own."""


def _ended(seen: Seen) -> Answer | None:
    ending = seen.case.autopsy.ending
    if ending == "panic":
        return _of("panic", "ended by a panic", seen.sayings("panic"))
    return _of("oom", "ended by the OOM killer", seen.sayings("oom")) if ending == "oom" else None


def _lock_cycle(seen: Seen) -> Answer | None:
    closed = locks.round_trip(seen.held)
    if not closed:
        return None
    who = [edge.waiter for edge in closed]
    text = "locks wait for each other, not for memory: " + " -> ".join([*who, who[0]])
    return Answer(kind="lock-cycle", sentence=text, lines=tuple(one.line for one in seen.held))


def _peer(seen: Seen) -> Answer | None:
    gone = seen.sayings("peer")
    local = [task for task in seen.case.tasks if task.who == KSWAPD and task.provider == LOCAL]
    if not gone or local or _only_failures(seen):
        return None
    waiting = seen.waiting(REPLY, TRANSMIT, LOCAL, DAEMON, JOURNAL, LOCK)
    who = f"; {name(waiting[0])} waits for it" if waiting else ""
    text = f"{gone[0].words}: it, or the way to it, is gone{who}"
    return Answer(
        kind="peer", sentence=text, lines=(*(one.line for one in gone), *(task.stack.line for task in waiting))
    )


def _disk(seen: Seen) -> Answer | None:
    failing = seen.sayings("disk")
    if (
        not failing
        or _only_failures(seen)
        or (seen.case.tasks and not seen.waiting(LOCAL, REPLY, JOURNAL, LOCK, OTHER_WORK, DAEMON))
    ):
        return None
    waiting = seen.waiting(LOCAL, REPLY)
    who = f"; {named(waiting[:1])} waits for storage" if waiting else ""
    text = f"{failing[0].words}: no deadlock over the network{who}"
    return Answer(
        kind="disk", sentence=text, lines=(*(one.line for one in failing), *(task.stack.line for task in waiting))
    )


def _only_failures(seen: Seen) -> bool:
    """Nobody is blocked, and reception lacked buffers: then that is the answer, as it may be why others seem to be gone."""
    return not seen.case.tasks and any(place(stack).way == "reception" for stack in seen.case.facts.failures)


def _storage(seen: Seen) -> Answer | None:
    """kswapd, or who reclaims, waits for an answer, and no cycle is to be seen."""
    everybody = seen.waiting(REPLY, LOCAL, TRANSMIT, JOURNAL, DAEMON, LOCK, OTHER_WORK)
    waiting = [task for task in everybody if task.who == KSWAPD or has(task.stack, *RECLAIM, *SHRINK)] or seen.waiting(
        REPLY, TRANSMIT
    )
    if not waiting:
        return None
    first = waiting[0]
    lines = tuple(task.stack.line for task in waiting)
    if first.provider in (REPLY, TRANSMIT):
        whom = f" by {first.below.name}" if first.below.kind == "network" else ""
        text = f"no cycle is seen: {name(first)} waits for {what(first, whom)}"
        return Answer(kind="storage", sentence=text, sure="open", lines=lines, beside=tuple(_unsure(first)))
    local = first.provider == LOCAL or (first.provider == JOURNAL and first.below.kind == "local")
    start = "no deadlock over the network" if local else "no cycle is seen"
    if first.provider == LOCAL and first.below.kind != "unknown":
        text = f"{name(first)} waits for {first.below.name} to answer"
        if first.below.kind == "layer" and (seen.case.below.network or first.below.tag in OPEN):
            start, text = "no cycle is seen", f"{text}; whether the network is below it the log does not tell"
    else:
        text = f"{name(first)} waits for {what(first)}{inside(first)}, which the log does not explain"
    kind: Kind = "locks" if first.provider == LOCK else "work" if first.provider == OTHER_WORK else "storage"
    return Answer(kind=kind, sentence=f"{start}: {text}", sure="open", lines=lines)


def _unsure(task: Blocked) -> Iterator[str]:
    if task.stack.unsure:
        yield f"the unwinder was not sure of any frame of {name(task)}'s stack (all are marked `?`)"


def _free_pages(seen: Seen) -> Answer | None:
    waiting = seen.waiting(KSWAPD)
    if not waiting:
        return None
    kswapd = [task for task in seen.case.tasks if task.who == KSWAPD]
    unknown = f" ({top(kswapd[0].stack, 2)} has no shape that we know)" if kswapd else ""
    missing = f"what kswapd waits for the log does not show{unknown}"
    text = f"no cycle is seen: {name(waiting[0])} waits for free pages; {missing}"
    return Answer(kind="storage", sentence=text, sure="open", lines=tuple(task.stack.line for task in waiting))


def _cgroup(seen: Seen) -> Answer | None:
    waiting, killed = seen.waiting(CGROUP), seen.sayings("cgroup-oom")
    if waiting:
        text = f"a control group's limit, not the machine's memory: {name(waiting[0])} waits within its group's limit"
        return Answer(kind="cgroup", sentence=text, lines=tuple(task.stack.line for task in waiting))
    if killed and not seen.case.tasks:
        return _of("cgroup", f"a control group's limit, not the machine's memory: {killed[-1].words}", killed)
    return None


def _spin(seen: Seen) -> Answer | None:
    spinning = seen.sayings("spin")
    if not spinning:
        return None
    stacks = [stack for stack in seen.case.stacks if stack.kind == "running"]
    where = f", in {top(stacks[-1], 2)}" if stacks and stacks[-1].frames else ""
    return _of("spin", f"{spinning[0].words} (a livelock, or a very long loop){where}: it waits for nobody", spinning)


def _failed(seen: Seen) -> Answer | None:
    """An allocation that failed, with nobody blocked over memory."""
    failures = [
        stack for stack in seen.case.facts.failures if not seen.case.tasks or recently(stack.at_us, seen.case.at_us)
    ]
    placed = [(place(stack), stack) for stack in failures]
    first = next((one for one in reversed(placed) if one[0].way == "reception"), placed[-1] if placed else None)
    if first is None:
        return None
    where, stack = first
    kind: Kind = "fragmented" if stack.order else "reception" if where.way == "reception" else "allocation"
    return Answer(kind=kind, sentence=failure(where, stack, seen.case), lines=tuple(one.line for one in failures))


def _caches(seen: Seen) -> Answer | None:
    """The slab allocator said that it could not extend a cache, and nothing else did."""
    lacking = [cache for cache, at_us in seen.case.facts.caches.items() if recently(at_us, seen.case.at_us)]
    packets = [cache for cache in lacking if cache.startswith(("skbuff", "kmalloc-cg", "napi"))]
    if not lacking:
        return None
    text = f"no memory for the slab cache {(packets or lacking)[-1]}; raise vm.min_free_kbytes"
    lines = tuple(seen.case.facts.cache_lines)
    if packets:
        return Answer(kind="reception", sentence=f"reception or sending lacked packet heads: {text}", lines=lines)
    return Answer(kind="allocation", sentence=f"an allocation failed: {text}", lines=lines)


def _lacked(seen: Seen) -> Answer | None:
    """A driver said so itself, and printed no stack."""
    lacked = seen.sayings("lacked")
    if not lacked:
        return None
    return _of("reception", f"reception lacked buffers: {lacked[0].words}; raise vm.min_free_kbytes", lacked)


def _contiguous(seen: Seen) -> Answer | None:
    lacked = seen.sayings("cma")
    if not lacked:
        return None
    text = (
        f"an allocation failed: {lacked[0].words}; that is no want of free memory, and vm.min_free_kbytes does not help"
    )
    return _of("allocation", text, lacked)


def _journal(seen: Seen) -> Answer | None:
    return _plain(seen, "files", (LOCAL, JOURNAL, DAEMON), "not a deadlock over memory: {} waits for {}{}")


def _locks(seen: Seen) -> Answer | None:
    return _plain(seen, "locks", (LOCK,), "not memory: {} waits for {}{}, and the log does not show who holds it")


def _work(seen: Seen) -> Answer | None:
    return _plain(seen, "work", (OTHER_WORK,), "{} waits for {}{}")


def _plain(seen: Seen, kind: Kind, providers: tuple[str, ...], form: str) -> Answer | None:
    waiting = seen.waiting(*providers)
    if not waiting:
        return None
    first = waiting[0]
    of = {LOCAL: f" by {first.below.name}", JOURNAL: f" on {first.below.name}"}.get(first.provider, "")
    where = inside(first) if first.provider in (LOCK, OTHER_WORK) else ""
    text = form.format(name(first), what(first, "" if first.below.kind == "unknown" else of), where)
    return Answer(kind=kind, sentence=text, sure="open", lines=tuple(task.stack.line for task in waiting))


def _unknown(seen: Seen) -> Answer | None:
    if not seen.case.tasks:
        return None
    first = max(seen.case.tasks, key=lambda task: (task.who == KSWAPD, bool(task.stack.frames)))
    about = f"; it concerns {first.below.name}" if first.below.kind != "unknown" and first.below.sure else ""
    if first.stack.frames:
        why = f"{name(first)} waits in {top(first.stack, 3)}, which has no shape that we know{about}"
    else:
        why = "the log has no stack of it" if len(seen.case.tasks) == 1 else "the log has no stacks of them"
    text = f"{how_many(seen.case.tasks)} blocked: {why}"
    return Answer(kind="unknown", sentence=text, sure="open", lines=tuple(task.stack.line for task in seen.case.tasks))


def _bug(seen: Seen) -> Answer | None:
    found = seen.sayings("atomic", "bug")
    return (
        _of("bug", f"{found[-1].words}: a bug of the kernel or a driver, nobody waits for memory", found)
        if found
        else None
    )


def _nobody(seen: Seen) -> Answer:
    torn = [one for one in seen.case.stacks if one.kind == "task" and not one.name and not one.state and one.dump]
    if torn:
        shown = top(torn[-1], 3)
        text = f"somebody sleeps in {shown}; the first line of the stack is torn, and with it who that is"
        return Answer(kind="unknown", sentence=text, sure="open", lines=tuple(one.line for one in torn))
    if seen.case.asked:
        return Answer(kind="nobody", sentence="nobody waits: the answer to sysrq w is empty")
    text = "this kernel log shows no blocked task, no failed allocation and no OOM kill"
    return Answer(kind="silent", sentence=f"{text}; whether somebody waits it does not tell", sure="open")


def _unanswered(seen: Seen) -> Answer | None:
    """Requests are not answered, and nobody is shown to wait for them."""
    stuck = seen.sayings("stuck")
    if not stuck or seen.case.tasks:
        return None
    return _of("peer", f"{stuck[0].words}: the server, or the way to it, does not answer", stuck)


RULES: tuple[Callable[[Seen], Answer | None], ...] = (
    _deadlock, _ended, _lock_cycle, _peer, _disk, _spin, _storage, _free_pages, _cgroup, _journal, _locks, _work, _failed,
    _caches, _lacked, _contiguous, _unanswered, _unknown, _bug, _nobody,
)  # fmt: skip


def _of(kind: Kind, sentence: str, said: Sequence[Said]) -> Answer:
    return Answer(kind=kind, sentence=sentence, lines=tuple(one.line for one in said))
