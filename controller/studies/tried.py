"""Trials that are kept: each scenario is simulated once, and read from then on, also after a study was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from msgspec import Struct

from controller.experiment.scenario import Scenario, dump
from controller.studies.rows import Form, Rows, ident
from controller.studies.trials import Trial, try_out
from controller.studies.workers import Workers

Simulator = Callable[[Scenario], Trial]


class Kept(Struct, frozen=True, kw_only=True):
    """A row."""

    scenario: str
    """`ident` of the scenario's text with every default written out."""
    trial: Trial


FORM: Form[str, Kept] = Form("study", Kept, attrgetter("scenario"), "--fresh")


class Tried:
    """Simulates with `workers` what is not among `rows`, and keeps it there."""

    def __init__(self, workers: Workers, rows: Rows[str, Kept], simulator: Simulator = try_out) -> None:
        self._workers, self._rows, self._simulator = workers, rows, simulator

    def all(self, scenarios: Sequence[Scenario]) -> list[Trial]:
        """What each of `scenarios` came to. Raises what the simulator and `Workers.each` raise."""
        names = [ident(dump(scenario)) for scenario in scenarios]
        missing = {name: each for name, each in zip(names, scenarios, strict=True) if name not in self._rows.by_key}
        order = list(missing)
        for number, trial in self._workers.each(self._simulator, list(missing.values())):
            self._rows.append(Kept(scenario=order[number], trial=trial))
        return [self._rows.by_key[name].trial for name in names]

    def one(self, scenario: Scenario) -> Trial:
        """What `scenario` came to."""
        return self.all([scenario])[0]
