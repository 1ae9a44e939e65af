"""Trials that are kept: each scenario is simulated once, and read from then on, also after a study was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from msgspec import Struct

from controller.experiment.scenario import Scenario, dump
from controller.studies.rows import Form, Rows, ident
from controller.studies.trials import Trial, try_out, try_together
from controller.studies.workers import Workers

Simulator = Callable[[Scenario], Trial]
Heard = Callable[[Sequence[Trial]], None]
"""Is told of trials as soon as they are there."""


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
        missing = self._missing(scenarios)
        order = list(missing)
        for number, trial in self._workers.each(self._simulator, list(missing.values())):
            self._rows.append(Kept(scenario=order[number], trial=trial))
        return self._known(scenarios)

    def together(self, batches: Sequence[Sequence[Scenario]], heard: Heard) -> list[list[Trial]]:
        """As `all`, of each of `batches`: what is missing of a batch goes to one worker, which simulates once what its
        scenarios have in common before their floods."""
        missing = [found for batch in batches if (found := self._missing(batch))]
        heard(
            [
                self._rows.by_key[name].trial
                for batch in batches
                for name in map(_name, batch)
                if name in self._rows.by_key
            ]
        )
        for number, trials in self._workers.each(try_together, [list(batch.values()) for batch in missing]):
            pairs = zip(missing[number], trials, strict=True)
            self._rows.append(*(Kept(scenario=name, trial=trial) for name, trial in pairs))
            heard(trials)
        return [self._known(batch) for batch in batches]

    def one(self, scenario: Scenario) -> Trial:
        """What `scenario` came to."""
        return self.all([scenario])[0]

    def _missing(self, scenarios: Sequence[Scenario]) -> dict[str, Scenario]:
        named = {_name(scenario): scenario for scenario in scenarios}
        return {name: scenario for name, scenario in named.items() if name not in self._rows.by_key}

    def _known(self, scenarios: Sequence[Scenario]) -> list[Trial]:
        return [self._rows.by_key[_name(scenario)].trial for scenario in scenarios]


def _name(scenario: Scenario) -> str:
    return ident(dump(scenario))
