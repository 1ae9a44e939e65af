"""What finished runs of the kernel tier came to: node by node, and counted for each scenario and policy."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from controller.experiment.endings import drops_of
from controller.experiment.evidence import legitimate_wait_ns
from controller.experiment.record import NodeVerdict, Phase, Result
from controller.experiment.trace import phase
from controller.store.recorded import read_run
from nodes.errors import UsageError
from nodes.units import SECOND_NS

DECISION_AIM_NS = 10 * SECOND_NS
"""From last progress to the verdict, beside the longest wait that the detector had to grant."""
HEAD = (
    "scenario",
    "policy",
    "run",
    "node",
    "verdict",
    "decided after",
    "granted",
    "recovery",
    "early drops",
    "corrupt",
)
COUNTED = (
    "scenario", "policy", "verdicts", "decided after (median, most)", "in time", "recovery (least to most)",
    "early drops (least to most)", "corrupt",
)  # fmt: skip


class GuestRun(Struct, frozen=True, kw_only=True):
    """One initiator of one run."""

    scenario: str
    policy: str
    run: str
    node: str
    verdict: str
    decided_ns: int | None
    """From its last progress to the end of the phase that decided it; None: it came back, or
    nothing was decided."""
    granted_ns: int | None
    """The longest legitimate wait, from the end of the flood on."""
    recovery_ns: int | None
    early_drops: int
    """Sample.early_drops at most: PFMEMALLOC drops, and the interface hook's under `iface`."""
    corrupt_pages: int

    @property
    def in_time(self) -> bool | None:
        """Whether it was decided within the aim; None where nothing stood still."""
        if self.decided_ns is None or self.granted_ns is None:
            return None
        return self.decided_ns <= DECISION_AIM_NS + self.granted_ns


def run_folders(given: Iterable[Path]) -> list[Path]:
    """The run folders named, and those in scenarios' folders (`runs/kernel-tcp`). Raises UsageError for a folder that is
    neither."""
    found = []
    for folder in given:
        inside = sorted(path.parent for path in folder.glob("*/result.json") if not path.parent.is_symlink())
        runs = [folder] if (folder / "result.json").is_file() else inside
        if not runs:
            raise UsageError(f"{folder} holds no finished run: a run folder or a scenario's, as runs/kernel-tcp, does")
        found += runs
    return found


def rows(folders: Iterable[Path]) -> list[GuestRun]:
    """Of the runs of tier kernel in `folders`, in that order."""
    return [row for folder in folders for row in _rows(folder)]


def _rows(folder: Path) -> Iterator[GuestRun]:
    recorded = read_run(folder)
    result = recorded.result
    if result.tier != "kernel":
        return
    for node in result.nodes:
        decided_ns, granted_ns = _decision(result, node)
        yield GuestRun(
            scenario=result.scenario,
            policy=result.policy,
            run=result.run,
            node=node.node,
            verdict=node.verdict,
            decided_ns=decided_ns,
            granted_ns=granted_ns,
            recovery_ns=node.recovery_ns,
            early_drops=drops_of(node.node, recorded.samples).get("early_drops", 0),
            corrupt_pages=node.corrupt_pages,
        )


def _decision(result: Result, node: NodeVerdict) -> tuple[int | None, int | None]:
    end, flood = _last_judged(result.phases), phase(result.phases, "flood")
    if node.verdict == "inconclusive" or node.stalled_since_ns is None or end is None:
        return None, None
    cause_ends_ns = flood.end_ns if flood else end.start_ns
    granted_ns = legitimate_wait_ns(max(0, cause_ends_ns - node.stalled_since_ns))
    return end.end_ns - node.stalled_since_ns, granted_ns


def _last_judged(phases: Sequence[Phase]) -> Phase | None:
    """Rescues come after the judgement."""
    return next((each for each in reversed(phases) if each.name != "rescue"), None)


def table(found: Sequence[GuestRun]) -> str:
    """Node by node, then the counts, as Markdown."""
    single = [
        (
            row.scenario, row.policy, row.run, row.node, row.verdict, _seconds(row.decided_ns), _seconds(row.granted_ns),
            _seconds(row.recovery_ns), f"{row.early_drops:,}", str(row.corrupt_pages),
        )
        for row in found
    ]  # fmt: skip
    groups: dict[tuple[str, str], list[GuestRun]] = {}
    for row in found:
        groups.setdefault((row.scenario, row.policy), []).append(row)
    counted = [(*key, *_counts(group)) for key, group in sorted(groups.items())]
    return "\n\n".join((_markdown(HEAD, single), _markdown(COUNTED, counted)))


def _counts(group: list[GuestRun]) -> tuple[str, ...]:
    """`20/20 deadlocked`, and the rest in figures."""
    verdicts = Counter(row.verdict for row in group)
    decided = [row.decided_ns for row in group if row.decided_ns is not None]
    in_time = [row.in_time for row in group if row.in_time is not None]
    recoveries = [row.recovery_ns for row in group if row.recovery_ns is not None]
    drops = [row.early_drops for row in group]
    return (
        ", ".join(f"{count}/{len(group)} {verdict}" for verdict, count in verdicts.most_common()),
        f"{_seconds(int(statistics.median(decided)))}, {_seconds(max(decided))}" if decided else "",
        f"{sum(in_time)}/{len(in_time)}" if in_time else "",
        f"{_seconds(min(recoveries))} to {_seconds(max(recoveries))} ({len(recoveries)})" if recoveries else "",
        f"{min(drops):,} to {max(drops):,}",
        str(sum(row.corrupt_pages for row in group)),
    )


def _seconds(time_ns: int | None) -> str:
    return "" if time_ns is None else f"{time_ns / SECOND_NS:.1f} s"


def _markdown(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))
