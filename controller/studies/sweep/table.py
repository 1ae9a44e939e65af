"""The table of a sweep: a row a point, as CSV and as Parquet. The only importer of DuckDB, which makes one of the other."""

from __future__ import annotations

import csv
import io
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from controller.experiment.scenario.axes import Axis
from controller.store.whole import write_whole
from controller.studies.sweep.model import Plan, Swept, numeric

FIGURES = Swept.__struct_fields__[1:]
"""Columns after point, axes and seed; `point` stands first."""
_TYPES = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}


def columns(plan: Plan) -> dict[str, str]:
    """Name -> SQL type: `point`; a column an axis, named by its key, with the value as the scenario has it (and for a
    quantity `<key>.number` in netreserve's own unit); `seed`; and the fields of `Swept`."""
    found = {"point": "BIGINT"}
    for axis in plan.axes:
        found[axis.key] = "VARCHAR"
        if numeric(axis):
            found[f"{axis.key}.number"] = "DOUBLE"
    return found | {"seed": "BIGINT"} | {name: _sql(name) for name in FIGURES}


def write(folder: Path, plan: Plan, rows: Mapping[int, Swept]) -> tuple[Path, Path]:
    """Writes table.csv and table.parquet, in the order of points, each there in full or not at all. Equal rows give equal
    CSV, byte for byte."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns(plan))
    table.writerows(_cells(plan, rows[index]) for index in sorted(rows))
    plain = write_whole(folder / "table.csv", text.getvalue().encode())
    return plain, _parquet(plain, folder / "table.parquet", columns(plan))


def _cells(plan: Plan, row: Swept) -> Iterator[Any]:
    place, repeat = divmod(row.point, plan.seeds)
    yield row.point
    for axis, index in zip(plan.axes, plan.levels_of(place), strict=True):
        yield from _level(axis, index)
    yield plan.seed(repeat)
    for name in FIGURES:
        yield getattr(row, name)


def _level(axis: Axis, index: int) -> Iterator[Any]:
    level = axis.values[index]
    yield level.label
    if numeric(axis):
        yield level.number


def _parquet(plain: Path, path: Path, types_of: Mapping[str, str]) -> Path:
    half = path.with_name(f"{path.name}.part")
    with duckdb.connect() as database:
        given = database.read_csv(str(plain), header=True, dtype=dict(types_of))
        given.write_parquet(str(half))
    half.replace(path)
    return path


def _sql(name: str) -> str:
    """The SQL type of a field of `Swept`; a Literal is text."""
    kind = typing.get_type_hints(Swept)[name]
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    return _TYPES.get(kind, "VARCHAR")
