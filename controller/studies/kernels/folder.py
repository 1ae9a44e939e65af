"""A matrix's folder: a line for every trial that was carried out (controller.studies.rows).

trials.jsonl (a `Trial` a line, added one by one; the newest line of a trial counts), scenarios/ (what each place ran), and
what is drawn from them. Another matrix of the same scenarios finds here what it has in common with this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.store.whole import write_whole
from controller.studies.kernels.model import Asked, Key, Place, Trial, barred
from controller.studies.rows import Form, Rows
from nodes.errors import UsageError

TRIALS = "trials.jsonl"
FORM: Form[Key, Trial] = Form("matrix", Trial, attrgetter("key"), "name another folder with --out")


class TrialFolder:
    """An open folder; a context manager. One process at a time writes into it."""

    def __init__(self, rows: Rows[Key, Trial]) -> None:
        self.path, self._rows = rows.path.parent, rows

    @property
    def trials(self) -> Mapping[Key, Trial]:
        """What was carried out, the newest last."""
        return self._rows.by_key

    @classmethod
    def open(cls, path: Path, *, fresh: bool = False) -> TrialFolder:
        """The folder at `path` with what it holds, open for more. `fresh`: its trials are put aside. Raises UsageError when
        another process writes into it, HarnessError when it cannot be written."""
        return cls(Rows.open(path / TRIALS, FORM, fresh=fresh))

    @classmethod
    def read(cls, path: Path) -> TrialFolder:
        """What is in `path`, for a look. Raises UsageError for a folder without trials."""
        if not (path / TRIALS).is_file():
            raise UsageError(f"{path} holds no matrix: there is no {TRIALS} in it")
        return cls(Rows.read(path / TRIALS, FORM))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def missing(self, asked: Asked, *, again: bool = False) -> list[Key]:
        """The trials that are still to be carried out; `again`: those that proved nothing or could not be tried, too."""
        return asked.missing({k: trial for k, trial in self.trials.items() if trial.counts} if again else self.trials)

    def barred(self) -> set[tuple[Place, str, str]]:
        """The cells that cannot be tried, as their trials show."""
        groups: dict[tuple[Place, str, str], list[Trial]] = {}
        for key, trial in self.trials.items():
            groups.setdefault(key.cell, []).append(trial)
        return {cell for cell, trials in groups.items() if barred(trials)}

    def append(self, trial: Trial) -> None:
        """Keeps `trial`: when this returns it is on the disk."""
        self._rows.append(trial)

    def write_scenario(self, place: Place, text: str) -> Path:
        """The file that a trial of `place` runs."""
        words = [word for word in (place.scenario, place.kernel, place.nic, place.policy) if word]
        path = self.path / "scenarios" / f"{re.sub(r'[^a-z0-9.+_-]+', '_', '-'.join(words))}.yaml"
        path.parent.mkdir(exist_ok=True)
        return write_whole(path, text)
