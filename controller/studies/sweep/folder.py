"""A sweep's folder: what was asked, and a line for every point that was computed (controller.studies.rows).

`<sweeps>/<scenario>/<id>/`: sweep.json (the plan and the code that it stands for), rows.jsonl (a `Swept` a line, added a
chunk at a time), and what is drawn from them. The id is a hash of the plan and of netreserve's own code: the same sweep
finds its folder again, another never writes into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path

import msgspec

from controller.experiment.scenario import dump, parse
from controller.experiment.scenario.axes import Axis
from controller.store.whole import write_whole
from controller.studies.code import fingerprint
from controller.studies.rows import ROWS, Form, Rows, ident
from controller.studies.sweep.model import Plan, Swept
from nodes.errors import HarnessError, UsageError

ASKED = "sweep.json"
FORM: Form[int, Swept] = Form("sweep", Swept, attrgetter("point"), "--fresh")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """sweep.json: enough to carry the sweep out again, here or elsewhere."""

    scenario: str
    """Expanded, as YAML."""
    axes: tuple[Axis, ...]
    seeds: int
    code: str
    """`fingerprint()` of what computed it."""

    def plan(self) -> Plan:
        """The plan; raises ScenarioError when another version wrote its scenario."""
        return Plan(parse(self.scenario, ASKED), self.axes, self.seeds)


class SweepFolder:
    """An open sweep. One process at a time writes into it."""

    def __init__(self, path: Path, asked: Asked, rows: Rows[int, Swept]) -> None:
        self.path, self.asked, self.plan, self._rows = path, asked, asked.plan(), rows

    @property
    def rows(self) -> Mapping[int, Swept]:
        """What was computed, by point."""
        return self._rows.by_key

    @classmethod
    def start(cls, sweeps: Path, plan: Plan, *, fresh: bool = False) -> SweepFolder:
        """The folder of `plan` in `sweeps`, with what it holds already, open for more. `fresh`: another, empty one. Raises
        UsageError when another process writes into it, HarnessError when it cannot be written."""
        asked = Asked(scenario=dump(plan.scenario), axes=plan.axes, seeds=plan.seeds, code=fingerprint())
        path = _place(sweeps / plan.scenario.name, asked, fresh=fresh)
        folder = cls(path, asked, Rows.open(path / ROWS, FORM))
        try:
            folder._write_asked()
        except OSError as error:
            folder.close()
            raise HarnessError(f"no sweep can be kept in {sweeps}: {error.strerror}") from None
        return folder

    @classmethod
    def read(cls, path: Path) -> SweepFolder:
        """What is in the folder `path`, complete or not. Raises UsageError for a folder that holds no sweep."""
        try:
            asked = msgspec.json.decode((path / ASKED).read_bytes(), type=Asked)
        except OSError:
            raise UsageError(f"{path} holds no sweep: there is no {ASKED} in it") from None
        except msgspec.DecodeError as error:
            raise UsageError(f"{path / ASKED} is not a sweep of this version: {error}") from None
        return cls(path, asked, Rows.read(path / ROWS, FORM))

    def missing(self) -> list[int]:
        """The points that are still to be computed."""
        return [index for index in range(self.plan.points) if index not in self.rows]

    def append(self, rows: Iterable[Swept]) -> None:
        """Keeps `rows`: when this returns they are on the disk."""
        self._rows.append(*rows)

    def close(self) -> None:
        """Lets others write into it."""
        self._rows.close()

    def _write_asked(self) -> None:
        if not (self.path / ASKED).exists():
            asked = msgspec.json.format(msgspec.json.encode(self.asked), indent=2)
            write_whole(self.path / ASKED, asked + b"\n")


def newest(sweeps: Path, name: str) -> Path:
    """The folder that `name` means: a path, a scenario (its newest sweep), or `latest`. Raises UsageError."""
    if (Path(name) / ASKED).is_file():
        return Path(name)
    pattern = f"*/*/{ASKED}" if name == "latest" else f"{name}/*/{ASKED}"
    found = [path.parent for path in sweeps.glob(pattern)] if name and not name.startswith(("/", ".")) else []
    if not found:
        raise UsageError(
            f"'{name}' is not a sweep: a folder with {ASKED}, a scenario swept in {sweeps}, or 'latest' is needed"
        )
    return max(found, key=lambda path: ((path / ROWS).stat().st_mtime_ns if (path / ROWS).exists() else 0, path.name))


def _place(above: Path, asked: Asked, *, fresh: bool) -> Path:
    """`<id>`, or the newest of `<id>-2`, `<id>-3` that were started afresh; with `fresh` the next of them."""
    name = ident(msgspec.json.encode(asked).decode())
    number = 1
    while (above / _numbered(name, number + 1)).exists():
        number += 1
    path = above / _numbered(name, number)
    return above / _numbered(name, number + 1) if fresh and path.exists() else path


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
