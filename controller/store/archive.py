"""Finished and present runs for a reader: the command line, the report, a notebook. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from controller.experiment.folders import LATEST
from controller.store.database import Database, RunRow
from controller.store.folder import INDEX
from controller.store.recorded import Recorded
from nodes.errors import LackingError, UsageError
from nodes.registry import did_you_mean


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
            result=self._database.result(row.run) or row.unjudged(),
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
