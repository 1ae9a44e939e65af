"""Differences of figures between two policies, paired by seed, with their intervals.

The interval is Student's for paired values (W. S. Gosset, 1908): the mean of the differences, plus and minus the quantile of
t with n - 1 degrees of freedom times their standard error. Seeds of one scenario are the pairs, so what a seed does to both
sides alike cancels out. One pair has no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import atan, cos, pi, sin, sqrt
from statistics import fmean, stdev

from msgspec import Struct

from controller.studies.comparison.figures import FIGURES, Figures

CONFIDENCE = 0.95


class Difference(Struct, frozen=True, kw_only=True):
    """`other - first` of one figure. `low` and `high` are None where there is no interval."""

    figure: str
    mean: float
    low: float | None
    high: float | None
    pairs: int
    """Seeds for which both sides have the figure."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def differences(first: Mapping[int, Figures], other: Mapping[int, Figures]) -> list[Difference]:
    """Every figure that both sides have for at least one seed; keys are seeds."""
    found = []
    for name in FIGURES:
        pairs = [
            (before, after)
            for seed in sorted(set(first) & set(other))
            if (before := first[seed].get(name)) is not None and (after := other[seed].get(name)) is not None
        ]
        if pairs:
            found.append(difference(name, [after - before for before, after in pairs]))
    return found


def difference(figure: str, values: Sequence[float]) -> Difference:
    """The mean of paired differences and its interval."""
    mean = fmean(values)
    if len(values) < 2:
        return Difference(figure=figure, mean=mean, low=None, high=None, pairs=1)
    half = t_quantile(len(values) - 1) * stdev(values) / len(values) ** 0.5
    return Difference(figure=figure, mean=mean, low=mean - half, high=mean + half, pairs=len(values))


@cache
def t_quantile(freedom: int) -> float:
    """Of Student's t, two-sided, for CONFIDENCE; by bisection, to 9 digits. `freedom`: 1 or more."""
    low, high = 0.0, 20.0  # t of one degree of freedom is 12.7
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < CONFIDENCE else (low, middle)
    return high


def within(t: float, freedom: int) -> float:
    """The probability that Student's t lies between -t and t: a finite sum for whole degrees of freedom (M. Abramowitz,
    I. Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4)."""
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for k in range(odd + 1, freedom, 2):
        total += term
        term *= cos(angle) ** 2 * k / (k + 1)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
