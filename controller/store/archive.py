"""Finished and present runs for a reader: the command line, the report, a notebook. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from controller.experiment.folders import LATEST
from controller.experiment.record import Result
from controller.store.database import Database, RunRow
from controller.store.folder import INDEX
from controller.store.recorded import Recorded
from nodes.errors import LackingError, UsageError
from nodes.messages import Event
from nodes.registry import did_you_mean

Row = Sequence[Any]


class Archive:
    """The runs below `runs_folder`. Raises LackingError when nothing was ever recorded there."""

    def __init__(self, runs_folder: Path, url: str = "") -> None:
        if not url and not (runs_folder / INDEX).is_file():
            raise LackingError(f"no runs are recorded in {runs_folder}: `netreserve run SCENARIO` makes one")
        self.runs_folder = runs_folder
        self._database = Database.of(runs_folder, url)

    def close(self) -> None:
        self._database.close()

    def list(self) -> list[RunRow]:
        """The newest first."""
        return self._database.runs()

    def told(self) -> Sequence[tuple[RunRow, str]]:
        """As `list`, each with its result as JSON (empty while it has none)."""
        return self._database.told()

    def result(self, row: RunRow) -> Result:
        """Of the run of `row`; nobody has judged one that goes on."""
        return self._database.result(row.run) or row.unjudged()

    def events(self, run: str) -> Sequence[Event]:
        """Of the run with that id, in the order of time."""
        return self._database.events(run)

    def nodes(self, run: str) -> Sequence[str]:
        """The names of those that sent samples in the run with that id, sorted."""
        return self._database.nodes(run)

    def first_ns(self, run: str) -> int | None:
        """When the first sample of the run with that id was taken; None without any."""
        return self._database.first_ns(run)

    def sample_rows(self, run: str) -> Iterator[tuple[tuple[str, ...], Sequence[Row]]]:
        """The samples of the run with that id, in the order of time: names of fields, and some rows of their values, again
        and again."""
        return self._database.sample_rows(run)

    def find(self, name: str = LATEST) -> RunRow:
        """The run that `name` means: `latest`, a run id, the beginning of one, its part after the time, or a scenario's
        name (its newest run). Raises UsageError when there is none, or more than one."""
        rows = self.list()
        if not rows:
            raise LackingError(f"no runs are recorded in {self.runs_folder}: `netreserve run SCENARIO` makes one")
        if name == LATEST:
            return rows[0]
        name = Path(name).name if "/" in name else name  # a run's folder is named after it
        by_id = [row for row in rows if row.run.startswith(name) or row.run.partition("-")[2].startswith(name)]
        if len(by_id) > 1:
            raise UsageError(
                f"'{name}' is the beginning of {len(by_id)} runs: {', '.join(row.run for row in by_id[:5])}"
            )
        found = by_id or [row for row in rows if row.scenario == name]
        if not found:
            raise UsageError(f"no run is called '{name}' ({_near(name, rows)})")
        return found[0]

    def load(self, name: str = LATEST) -> Recorded:
        """The run that `name` means (see `find`), with everything recorded so far; nobody has judged one that goes on."""
        row = self.find(name)
        return Recorded(
            folder=self.runs_folder / row.folder,
            result=self.result(row),
            samples=self._database.samples(row.run),
            events=self._database.events(row.run),
        )


def _near(name: str, rows: Sequence[RunRow]) -> str:
    """The name most like `name`; else what there is."""
    scenarios = sorted({row.scenario for row in rows})
    known = [*scenarios, *(word for row in rows for word in (row.run, row.run.partition("-")[2]))]
    wanted = Path(name).stem  # of `classic.yaml` too
    if get_close_matches(wanted, known):
        return did_you_mean(wanted, known)
    return f"there are runs of {', '.join(scenarios)}; `netreserve runs ls` lists them"
