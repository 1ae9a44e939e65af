"""What a scenario expects, and whether it came true.

`verdict`, `metric`, `sometimes`, `always`, `data`: a run that never touched the reserve proves nothing about it, so a
scenario says with `sometimes` what must have happened at least once.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import get_args

from msgspec import Struct

from controller.experiment.exitcodes import EXIT_HARNESS, EXIT_INCONCLUSIVE, EXIT_MET, EXIT_NOT_MET
from controller.experiment.record import Check, NodeVerdict, Result
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import SURVIVED, VOID, VerdictName
from nodes.errors import UsageError
from nodes.messages import Sample
from nodes.registry import did_you_mean
from nodes.units import SECOND_NS

VERDICTS = tuple(name for name in get_args(VerdictName) if name not in VOID)
"""What can be expected: a run that proves nothing meets no expectation."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(-?[0-9]{1,18})\s*")
FIELDS = [name for name in Sample.__struct_fields__ if isinstance(getattr(Sample(t_ns=0, node="", run=""), name), int)]
"""The fields of a sample that a condition can speak of: all numbers."""


class Condition(Struct, frozen=True):
    """`field operator value`, about one sample."""

    field: str
    operator: str
    value: int

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {self.value}"

    def holds(self, sample: Sample) -> bool:
        return _OPERATORS[self.operator](getattr(sample, self.field), self.value)


def parse_condition(text: object) -> Condition:
    """A condition such as `reserve_used_pages > 0`. Raises UsageError."""
    match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UsageError(f"'{text}' is not a condition: for example 'reserve_used_pages > 0' ({' '.join(_OPERATORS)})")
    field, sign, value = match.groups()
    if field not in FIELDS:
        raise UsageError(f"unknown field '{field}' ({did_you_mean(field, FIELDS)})")
    return Condition(field, sign, int(value))


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / SECOND_NS


def _recovery_s(node: NodeVerdict) -> float | None:
    """0 for a node that never stood still; None for one that still does."""
    return None if node.stalled_since_ns is not None else _seconds(node.recovery_ns or 0)


METRICS: dict[str, Callable[[NodeVerdict], float | None]] = {
    "recovery_s": _recovery_s,
    "warmup_pages_per_s": lambda node: node.warmup_pages_per_s,
    "flood_pages_per_s": lambda node: node.flood_pages_per_s,
    "heal_pages_per_s": lambda node: node.heal_pages_per_s,
    "flood_ratio": lambda node: node.flood_pages_per_s / node.warmup_pages_per_s if node.warmup_pages_per_s else None,
    "reserve_used_pages": lambda node: float(node.reserve_used_pages),
    "corrupt_pages": lambda node: float(node.corrupt_pages),
    "verified_pages": lambda node: float(node.verified_pages),
}
"""Figures of one initiator. None: it has none."""


class Expectation(Struct, frozen=True, kw_only=True):
    """`node`: a role or a node's name; empty: every initiator (`sometimes`: any initiator)."""

    node: str = ""

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        """Whether it came true, and what was seen."""
        raise NotImplementedError

    def _judged(self, judgement: Judgement) -> list[NodeVerdict]:
        return [node for node in judgement.nodes if not self.node or _is(self.node, node.node)]

    def _samples(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> Iterator[Sample]:
        initiators = {node.node for node in judgement.nodes}
        for name, series in samples.items():
            if _is(self.node, name) if self.node else name in initiators:
                yield from series

    def _of(self) -> str:
        return f" (node {self.node})" if self.node else ""


class VerdictIs(Expectation, frozen=True, kw_only=True):
    """The verdict is one of these."""

    verdict: tuple[VerdictName, ...]

    def __str__(self) -> str:
        return f"verdict: {' or '.join(self.verdict)}{self._of()}"

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        nodes = self._judged(judgement)
        seen = ", ".join(f"{node.node} {node.verdict}" for node in nodes) or "no such initiator"
        return bool(nodes) and all(node.verdict in self.verdict for node in nodes), seen


class MetricBound(Expectation, frozen=True, kw_only=True):
    """A figure of every initiator is below or above a bound."""

    metric: str
    below: float | None = None
    above: float | None = None

    def __post_init__(self) -> None:
        if self.below is None and self.above is None:
            raise ValueError("a metric needs a bound: 'below' or 'above'")
        if self.below is not None and self.above is not None and self.above >= self.below:
            raise ValueError(
                f"above is {self.above:g} and below is {self.below:g}: no figure is both, above must be less"
            )

    def __str__(self) -> str:
        bounds = (("below", self.below), ("above", self.above))
        return f"metric: {self.metric} {' '.join(f'{n} {v:g}' for n, v in bounds if v is not None)}{self._of()}"

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        values = {node.node: METRICS[self.metric](node) for node in self._judged(judgement)}
        seen = ", ".join(f"{node} {'none' if value is None else f'{value:.4g}'}" for node, value in values.items())
        return bool(values) and all(self._within(value) for value in values.values()), seen or "no such initiator"

    def _within(self, value: float | None) -> bool:
        low, high = self.above, self.below
        return value is not None and (low is None or value > low) and (high is None or value < high)


class Sometimes(Expectation, frozen=True, kw_only=True):
    """At least one sample fulfils the condition."""

    condition: Condition

    def __str__(self) -> str:
        return f"sometimes: {self.condition}{self._of()}"

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        series = list(self._samples(judgement, samples))
        met = sum(self.condition.holds(sample) for sample in series)
        return met > 0, f"{met} of {len(series)} samples"


class Always(Expectation, frozen=True, kw_only=True):
    """Every sample fulfils the condition, and there are some."""

    condition: Condition

    def __str__(self) -> str:
        return f"always: {self.condition}{self._of()}"

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        series = list(self._samples(judgement, samples))
        broken = next((sample for sample in series if not self.condition.holds(sample)), None)
        if broken is None:
            return bool(series), f"all {len(series)} samples" if series else "no samples"
        return False, f"{self.condition.field} was {getattr(broken, self.condition.field)} on {broken.node}"


class DataIs(Expectation, frozen=True, kw_only=True):
    """Every page that came back was verified to be what went out."""

    data: str = "intact"

    def __str__(self) -> str:
        return f"data: {self.data}{self._of()}"

    def found(self, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> tuple[bool, str]:
        return judgement.data == self.data, judgement.data


def evaluate(
    expectations: Sequence[Expectation], judgement: Judgement, samples: Mapping[str, Sequence[Sample]]
) -> tuple[Check, ...]:
    """One check for each expectation. Corrupt data is checked whether it was asked for or not."""
    asked = list(expectations)
    if judgement.data.startswith("corrupt") and not any(isinstance(item, DataIs) for item in asked):
        asked.append(DataIs())
    checks = []
    for expectation in asked:
        met, seen = expectation.found(judgement, samples)
        checks.append(Check(expectation=str(expectation), met=met, found=seen))
    return tuple(checks)


def metrics(judgement: Judgement) -> dict[str, float]:
    """Every figure there is, as `<node>.<metric>`: for Result.metrics."""
    found = {f"{node.node}.{name}": metric(node) for node in judgement.nodes for name, metric in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


def exit_code(result: Result) -> int:
    """0 expectations met, 1 not met, 5 proves nothing, 6 because netreserve failed. Without expectations (an ad-hoc run)
    surviving is what is expected."""
    if result.verdict == "inconclusive":
        return EXIT_HARNESS if result.harness_fault else EXIT_INCONCLUSIVE
    met = all(check.met for check in result.checks) if result.checks else result.verdict in SURVIVED
    return EXIT_MET if met else EXIT_NOT_MET


def _is(wanted: str, node: str) -> bool:
    return node == wanted or node.rsplit("-", 1)[0] == wanted
