"""A sequential test of one question: does a machine survive often enough? One run per seed, stopped as soon as it is sure.

Wald's sequential probability ratio test (A. Wald, Sequential Tests of Statistical Hypotheses, 1945) of
    "it survives with probability p0 or less"   against   "with probability p1 or more",
p0 being the share that is asked for, and p1 leaving a tenth of its failures: 0.95 asked means 0.995. Each wrong answer has
at most the probability 1 - confidence, however often one looks; between p0 and p1 either answer may come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log

from nodes.errors import UsageError

FAILURES_LEFT = 0.1
"""p1's failures as a share of p0's: how well "well enough" is told from "not quite" (own)."""
RUNS_MOST = 4
"""A level that is still open after so many times the runs of a faultless one lies between p0 and p1 (own)."""


@dataclass(frozen=True)
class SequentialTest:
    """`survive` and `confidence` are above 0 and below 1. Raises UsageError."""

    survive: float = 0.95
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("survive", "confidence"):
            if not 0.5 <= getattr(self, name) <= 0.999:
                raise UsageError(f"{name} is {getattr(self, name):g}: 0.5 to 0.999 are possible, for example 0.95")

    @property
    def better(self) -> float:
        """p1."""
        return 1 - (1 - self.survive) * FAILURES_LEFT

    @property
    def threshold(self) -> float:
        """The log of the ratio at which either side is accepted, both errors being 1 - confidence."""
        return log(self.confidence / (1 - self.confidence))

    @property
    def faultless_runs(self) -> int:
        """Runs that are enough when none of them fails."""
        return ceil(self.threshold / log(self.better / self.survive))

    @property
    def runs_most(self) -> int:
        """After so many runs without a decision the answer is no: too rare a failure to prove, too common to rule out."""
        return RUNS_MOST * self.faultless_runs

    def decide(self, survived: Iterable[bool]) -> bool | None:
        """The answer after runs in this order: True (often enough), False, or None (more are needed). What comes after
        the decision is not looked at, so that runs made in parallel change nothing."""
        ratio = 0.0
        for index, lived in enumerate(survived, 1):
            ratio += log(self.better / self.survive) if lived else log((1 - self.better) / (1 - self.survive))
            if abs(ratio) >= self.threshold:
                return ratio > 0
            if index >= self.runs_most:
                return False
        return None

    def describe(self) -> str:
        """The claim in one sentence."""
        return (
            f"Wald's sequential test: survives with probability above {self.survive:g}, each error at most"
            f" {1 - self.confidence:.3g} (against {self.better:g}; {self.faultless_runs} runs without a failure are enough)"
        )
