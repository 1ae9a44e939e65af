"""From what one boot's log shows to one answer: what kind of trouble it is, in a sentence, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nodes.frozen.advice import Kind
from nodes.frozen.events import Said
from nodes.frozen.examine import OOM_ENDS_US, Case, recently
from nodes.frozen.failures import place
from nodes.frozen.locks import Blocker
from nodes.frozen.reception import RECENT_US
from nodes.frozen.rules import RULES
from nodes.frozen.seen import Answer, Seen
from nodes.frozen.sentences import ago, failure
from nodes.frozen.stacks import Stack

EVIDENCE_LINES_MAX = 12


def judge(case: Case, said: Sequence[Said], held: Sequence[Blocker]) -> Answer:
    """The answer for `case`."""
    current = tuple(one for one in said if _counts(one, case))
    seen = Seen(case, current, tuple(one for one in said if one not in current), tuple(held))
    answer = next(found for rule in RULES if (found := rule(seen)) is not None)
    beside = [text for text in _beside(seen, answer.kind) if text not in answer.sentence]
    return Answer(
        kind=answer.kind, sentence=answer.sentence, sure=answer.sure, assumed=answer.assumed,
        beside=(*answer.beside, *beside), lines=tuple(sorted(set(answer.lines))[:EVIDENCE_LINES_MAX]),
    )  # fmt: skip


def _counts(one: Said, case: Case) -> bool:
    """A server that is gone stays gone until it is said to be back; all else is history when it was long before."""
    if one.kind == "peer" or not case.tasks:
        return True
    return recently(one.at_us, case.at_us, OOM_ENDS_US if one.kind == "oom" else RECENT_US)


def _beside(seen: Seen, kind: Kind) -> Iterator[str]:
    """What was found and does not decide."""
    for stack in _last_of_each(seen.case.facts.failures):
        if kind not in ("reception", "fragmented", "allocation", "deadlock") or not _recent(stack, seen):
            when = "" if _recent(stack, seen) else f"before ({ago(stack.at_us, seen.case.at_us)}), and history: "
            yield when + failure(place(stack), stack, seen.case)
    for one in seen.before:
        yield f"before ({ago(one.at_us, seen.case.at_us)}), and history: {one.words}"
    told = {"peer": ("peer",), "oom": ("oom",), "panic": ("panic",), "disk": ("disk",), "spin": ("spin",)}.get(kind, ())
    for one in seen.said:
        if one.kind not in told:
            yield one.words
    for blocker in seen.held:
        owner = f"{blocker.owner}:{blocker.owner_pid}" if blocker.owner else "somebody that the kernel did not find"
        yield f"{blocker.waiter}:{blocker.pid} waits for a lock ({blocker.lock}) that {owner} holds"


def _last_of_each(failures: Sequence[Stack]) -> list[Stack]:
    """One failure for each place."""
    return list({place(stack).where: stack for stack in failures}.values())


def _recent(stack: Stack, seen: Seen) -> bool:
    return recently(stack.at_us, seen.case.at_us)
