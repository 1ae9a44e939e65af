"""Sweeps that were never computed: rows by a rule, on the axes of the mailing list's questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from controller.experiment.record import NodeVerdict
from controller.experiment.scenario import Scenario, load, parse
from controller.experiment.scenario.axes import axis
from controller.experiment.verdict import Judgement
from controller.studies.sweep.folder import SweepFolder
from controller.studies.sweep.model import Plan, Swept, SweptVerdict
from controller.studies.sweep.work import Simulated
from nodes.messages import Sample

ROOT = Path(__file__).resolve().parents[2]
Rule = Callable[[Mapping[str, str], Mapping[str, float], int], SweptVerdict]
"""Labels and numbers by key, and the repetition: the verdict."""


def classic() -> Scenario:
    return load(ROOT / "scenarios" / "classic.yaml")


def plan(*axes: str, seeds: int = 1) -> Plan:
    return Plan(classic(), tuple(axis(text) for text in axes), seeds)


def rows(asked: Plan, rule: Rule) -> dict[int, Swept]:
    """A row for every point of `asked`."""
    found = {}
    for index in range(asked.points):
        place, repeat = divmod(index, asked.seeds)
        values = {a.key: a.values[i] for a, i in zip(asked.axes, asked.levels_of(place), strict=True)}
        labels = {key: value.label for key, value in values.items()}
        numbers = {key: value.number for key, value in values.items() if value.number is not None}
        verdict = rule(labels, numbers, repeat)
        found[index] = Swept(point=index, verdict=verdict, reason=f"it is {verdict}", hang_ns=repeat * 10**9)
    return found


def more_reserve_helps(labels: Mapping[str, str], numbers: Mapping[str, float], repeat: int) -> SweptVerdict:
    """`memalloc` lives, but for a strip where the seeds disagree; without it a flood as large as the reserve kills."""
    reserve, rate = numbers["nodes.initiator.min_free"], numbers["floods.0.rate"]
    if reserve > 1800:
        return "invalid"
    bound = reserve * (40 if labels.get("policy") == "memalloc" else 8)
    if rate > bound * 1.5 or (rate > bound and repeat):
        return "deadlocked" if labels.get("policy") != "memalloc" else "starved"
    return "slow" if rate > bound / 2 else "healthy"


def by_reserve(scenarios: Sequence[Scenario]) -> Iterator[Simulated]:
    """A stand-in for the simulator, fast and without memory: odd seeds of a small reserve hang."""
    for scenario in scenarios:
        hangs = scenario.nodes.initiator.min_free_pages < 512 and scenario.seed % 2 == 1
        node = NodeVerdict(node="initiator-1", verdict="deadlocked" if hangs else "healthy", reason="by rule")
        samples = [
            Sample(t_ns=t, node="initiator-1", run="r", progress_pages=t, progress_age_ns=t, free_pages=100 - t)
            for t in range(3)
        ]
        yield Judgement(verdict=node.verdict, sentence="by rule", data="intact", nodes=(node,)), samples


TINY = """\
name: tiny
nodes:
  initiator: {memory: 16 MiB, min_free: 512 KiB, nic: e1000e, working_set: 20 MiB, touch_rate: 3 kpages/s}
  target: {size: 64 MiB, latency: 200 us}
policy: none
floods:
  - {kind: udp, rate: 3 kpps, size: 1400 B, sockets: 4, reader: stalled, rcvbuf: 2 MiB}
phases: {warmup: 2500 ms, flood: 1 s, heal: 1 s}
expect:
  - verdict: healthy
seed: 7
"""
"""A machine that is simulated in a few tenths of a second."""


def begin(sweeps: Path) -> Path:
    """A sweep of `tiny` in `sweeps` with all its rows; its folder."""
    asked = Plan(parse(TINY), (axis("policy=none,memalloc"), axis("floods.0.rate=1k,9k")))
    folder = SweepFolder.start(sweeps, asked)
    folder.append(
        rows(asked, lambda labels, *_: "healthy" if labels["policy"] == "memalloc" else "deadlocked").values()
    )
    folder.close()
    return folder.path
