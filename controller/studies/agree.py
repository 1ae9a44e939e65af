"""Do the tiers agree? One row for each scenario, policy and tier; what they say side by side, and where they differ.

Verdicts agree when they are the same, or of one kind: a machine that survives (healthy, slow) or that stood still for want
of memory (starved, deadlocked): where the flood ends by itself, which of the two it is hangs on timing alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from controller.experiment.endings import Ending, drops_text, ending, figures_text
from controller.experiment.record import Result, kernel_of
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.vary import vary
from controller.experiment.verdicts import VERDICTS, VOID, VerdictName
from controller.simulated.simulate import judged, simulate
from controller.studies.guestlog import Told
from controller.studies.matched_model import Measured, measured
from nodes.messages import Sample

KERNEL = "kernel"


class TierEnding(Ending, frozen=True, kw_only=True):
    """What one tier said. `error`: why it could not run it (one line); there is no verdict then."""

    scenario: str
    digest: str
    """Of the scenario's text: a row of another text is out of date."""
    policy: str
    tier: str
    verdict: VerdictName | None = None
    sentence: str = ""
    cycle: tuple[str, ...] = ()
    """Who waits, in order."""
    error: str = ""
    measured: Measured | None = None
    """Of a kernel's run: what the other tiers are matched to."""
    matched: str = ""
    """The kernel's run that this one was matched to; empty: the scenario ran as it stands."""
    changes: tuple[str, ...] = ()
    """How the matched scenario differs from the scenario."""
    kernel: str = ""
    """The release that a kernel's run booted; empty also in rows that were kept before it was noted."""

    @property
    def proves(self) -> bool:
        """Whether it says something: there was a run, and not one that proves nothing."""
        return self.verdict is not None and self.verdict not in VOID


class Pair(Struct, frozen=True, kw_only=True):
    """The rows of one scenario and policy."""

    scenario: str
    policy: str
    rows: tuple[TierEnding, ...]

    @property
    def agreement(self) -> str:
        """`same`, `same kind`, `differs`, or `-` while fewer than two tiers have said something."""
        said = [row for row in self.rows if row.proves]
        if len(said) < 2:
            return "-"
        if len({row.verdict for row in said}) == 1:
            return "same"
        return "same kind" if len(_kinds(said)) == 1 else "differs"

    def agreement_because(self, why: Mapping[tuple[str, str], str]) -> str:
        """`agreement`, with what `why` has to say of this scenario and policy."""
        told = why.get((self.scenario, self.policy), "")
        return f"{self.agreement}: {told}" if told else self.agreement


def _kinds(rows: Iterable[TierEnding]) -> set[str]:
    return {VERDICTS[row.verdict].kind for row in rows if row.verdict and row.proves}


def row_of(
    result: Result, samples: Sequence[Sample] = (), told: Sequence[Told] = (), *, policy: str, digest: str
) -> TierEnding:
    """The row of a finished run: of its worst initiator. `told`: a guest's telemetry."""
    found = ending(result, samples)
    return TierEnding(
        **structs.asdict(found),
        scenario=result.scenario,
        digest=digest,
        policy=policy,
        tier=result.tier,
        verdict=result.verdict,
        sentence=result.sentence,
        cycle=tuple(edge.waiter for edge in found.edges),
        measured=measured(result, samples, told) if result.tier == KERNEL else None,
        kernel=kernel_of(result),
    )


def pairs(rows: Iterable[TierEnding], tiers: Sequence[str]) -> Iterator[Pair]:
    """The rows laid side by side, in the order in which scenarios and policies first came; the newest row of each counts."""
    newest: dict[tuple[str, str], dict[str, TierEnding]] = {}
    for row in rows:
        newest.setdefault((row.scenario, row.policy), {})[row.tier] = row
    for (scenario, policy), found in newest.items():
        yield Pair(scenario=scenario, policy=policy, rows=tuple(found[tier] for tier in tiers if tier in found))


BURSTS = ("20 ms", "50 ms")
"""What senders on a busy computer bunch: Locust's make up for delays of up to 50 ms (traffic.pacing)."""


def explained(pair: Pair, scenario: Scenario) -> str:
    """Why the simulator differs from the others in `pair`, where bursts explain it: with the packets of so much time at
    once it says the same. `scenario` is what the simulator ran. Empty when they do not."""
    others = _kinds(row for row in pair.rows if row.tier != "sim")
    if len(others) != 1 or not scenario.floods:
        return ""
    for burst in BURSTS:
        changes = {f"floods.{index}.burst": burst for index in range(len(scenario.floods))}
        verdict = judged(simulate(vary(scenario, {"tier": "sim", **changes}), brief=True)).verdict
        if VERDICTS[verdict].kind in others:
            return f"bursts would explain it: sim too is {verdict} when the junk of {burst} comes at once"
    return ""


def matched_lines(found: Iterable[Pair]) -> Iterator[str]:
    """How each pair's modelled twins differ from what the kernel ran, a line a pair; none for pairs without a kernel."""
    for pair in found:
        row = next((row for row in pair.rows if row.matched), None)
        if row is not None:
            yield f"{pair.scenario} under {pair.policy}: {'; '.join(row.changes)}"


def kernels_line(found: Iterable[Pair]) -> str:
    """The releases that ran in tier kernel; empty when none told its own."""
    ran = dict.fromkeys(row.kernel for pair in found for row in pair.rows if row.kernel)
    return f"Kernels: {', '.join(ran)}." if ran else ""


def cells(row: TierEnding) -> tuple[str, str]:
    """Verdict and figures of a row, in words; of a run that proves nothing, why."""
    if row.error:
        return "cannot", row.error
    if row.verdict and not row.proves:
        return row.verdict, row.sentence
    lost = drops_text(row.drops)
    return row.verdict or "", ", ".join(filter(None, [figures_text(row), f"lost: {lost}" if lost else ""]))


def markdown(found: Sequence[Pair], tiers: Sequence[str], why: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """The table as a page has it; `why` explains a difference, by scenario and policy."""
    yield f"| scenario | policy | {' | '.join(tiers)} | agreement |"
    yield f"|---|---|{'---|' * len(tiers)}---|"
    for pair in found:
        by_tier = {row.tier: row for row in pair.rows}
        said = [": ".join(filter(None, cells(by_tier[tier]))) if tier in by_tier else "not run" for tier in tiers]
        yield f"| {pair.scenario} | {pair.policy} | {' | '.join(said)} | {pair.agreement_because(why)} |"
    if ran := kernels_line(found):
        yield from ("", ran)
    for number, line in enumerate(matched_lines(found)):
        yield from () if number else ("", "Matched to the kernel's run:", "")
        yield f"* {line}"
