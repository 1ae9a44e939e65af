"""The whole way: from a log's lines to a report that a person or a program can use."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nodes.errors import UsageError
from nodes.eventkinds import Ending, Wait
from nodes.frozen import locks
from nodes.frozen.advice import ADVICE, Kind
from nodes.frozen.answer import judge
from nodes.frozen.boots import boots
from nodes.frozen.counts import Counts, count, is_kernel_log
from nodes.frozen.events import said
from nodes.frozen.examine import Case, look
from nodes.frozen.figures import Figures
from nodes.frozen.lines import LINE_CHARS_MAX, Message, messages
from nodes.frozen.seen import Answer, Sure
from nodes.frozen.sentences import ago

_NOTHING: tuple[Kind, ...] = ("silent",)
OVER_US = 3_600_000_000
"""What the log goes on after for so long may well be over (own: the hung-task watchdog falls silent after ten reports)."""


class Shown(Struct, frozen=True):
    """A line of the log."""

    number: int
    """From 1."""
    text: str


class Report(Struct, frozen=True, kw_only=True):
    """All that the autopsy of one log says (docs/reference/autopsy.schema.json)."""

    kind: Kind
    headline: str
    sure: Sure
    assumed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    evidence: tuple[Shown, ...] = ()
    next: tuple[str, ...] = ()
    prevent: tuple[str, ...] = ()
    past: bool = False
    """It belongs to an earlier boot, or it dissolved."""
    dissolved: bool = False
    """Somebody waited, and a later answer to sysrq w shows that nobody does."""
    boot: int = 1
    """Which of the log's boots this is about, from 1 ..."""
    boots: int = 1
    """... of so many."""
    read: Counts = Counts()
    cycle: tuple[Wait, ...] = ()
    waits: tuple[Wait, ...] = ()
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ending: Ending = ""


def read(lines: Sequence[str], figures: Figures | None = None, before: Figures | None = None) -> Report:
    """The report on a log. `figures`, `before`: as for `examine`, of the last boot. Raises UsageError for what is not a
    kernel's log."""
    log = messages(lines)
    if not is_kernel_log(lines, log):
        raise UsageError("this holds no kernel log: no stack, no stamp of the kernel, no message that it writes")
    parts = boots(log) or [log]
    cases = [look(part, *((figures, before) if part is parts[-1] else (None, None))) for part in parts]
    answers = [judge(case, said(part), locks.blockers(part)) for case, part in zip(cases, parts, strict=True)]
    told = [index for index, answer in enumerate(answers) if answer.kind not in _NOTHING]
    chosen = told[-1] if told else len(parts) - 1
    return _report(lines, log, parts, cases, answers, chosen)


def _report(
    lines: Sequence[str], log: Sequence[Message], parts: Sequence[Sequence[Message]], cases: Sequence[Case],
    answers: Sequence[Answer], chosen: int,
) -> Report:  # fmt: skip
    case, answer = cases[chosen], answers[chosen]
    earlier, advice = chosen < len(parts) - 1, ADVICE[answer.kind]
    autopsy = case.autopsy
    return Report(
        kind=answer.kind, headline=_headline(answer, case, parts[chosen], chosen, len(parts)), sure=answer.sure,
        assumed=answer.assumed, beside=answer.beside,
        evidence=tuple(Shown(at + 1, lines[at][:LINE_CHARS_MAX].strip()) for at in answer.lines if at < len(lines)),
        next=advice.next, prevent=advice.prevent, past=earlier or case.past, dissolved=case.past,
        boot=chosen + 1, boots=len(parts),
        read=count(log, sum(len(one.tasks) for one in cases)), cycle=autopsy.cycle, waits=autopsy.waits, found=autopsy.found,
        missing=autopsy.missing, unknown=autopsy.unknown, ending=autopsy.ending,
    )  # fmt: skip


def _headline(answer: Answer, case: Case, part: Sequence[Message], chosen: int, count_boots: int) -> str:
    """The sentence, with what makes it past in front."""
    if chosen < count_boots - 1:
        return f"in an earlier boot ({chosen + 1} of {count_boots} in this log; nothing since): {answer.sentence}"
    if case.past:
        return f"nobody waits now, the last answer to sysrq w is empty; before that it was: {answer.sentence}"
    shown_us = [message.at_us for message in part if message.line in answer.lines and message.at_us is not None]
    end_us = next((message.at_us for message in reversed(part) if message.at_us is not None), None)
    if shown_us and end_us is not None and end_us - max(shown_us) > OVER_US:
        return f"{ago(max(shown_us), end_us)} before the log ends (it may be over): {answer.sentence}"
    return answer.sentence
