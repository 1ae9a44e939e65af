"""How long the rest of a matrix takes: by trials of the same scenario that were measured, else by its phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from controller.studies.kernels.model import Key, Trial

OVERHEAD_S = 30.0
"""Start, boot, a hang's longest legitimate wait, judging, report: what a trial of a kernel takes beyond its planned phases,
on two busy cores (own)."""


class Pace:
    """Learns from every trial. `planned_s`: of each scenario, where its phases pass in real time."""

    def __init__(self, trials: Iterable[Trial], planned_s: Mapping[str, float]) -> None:
        self._planned_s = planned_s
        self._took_s: dict[tuple[str, str], list[float]] = {}
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> None:
        """One that was carried out."""
        if trial.took_s:
            self._took_s.setdefault(_kind(trial.key), []).append(trial.took_s)

    def measured(self, keys: Iterable[Key]) -> bool:
        """Whether every kind of trial among `keys` was carried out before."""
        return all(_kind(key) in self._took_s for key in keys)

    def left_s(self, keys: Iterable[Key]) -> float | None:
        """Seconds for `keys`, one after the other. None: nothing is known yet of one of them."""
        each = [self._one_s(key) for key in keys]
        known = [seconds for seconds in each if seconds is not None]
        return sum(known) if len(known) == len(each) else None

    def _one_s(self, key: Key) -> float | None:
        if took_s := self._took_s.get(_kind(key)):
            return fmean(took_s)
        planned_s = self._planned_s.get(key.place.scenario)
        return None if planned_s is None else planned_s + OVERHEAD_S


def _kind(key: Key) -> tuple[str, str]:
    return key.tier, key.place.scenario


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
