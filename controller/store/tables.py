"""The tables of runs: made from the records themselves, so that a new field of a Sample is a new column.

Only types and statements that SQLite and PostgreSQL share.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text, text

from nodes.messages import Sample

metadata = MetaData()

_ROWID = BigInteger().with_variant(Integer, "sqlite")
_TYPES = {"int": BigInteger, "float": Float, "str": String}

runs = Table(
    "runs",
    metadata,
    Column("run", String, primary_key=True),
    Column("scenario", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("folder", String, nullable=False),  # relative to the runs folder
    Column("tier", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),  # NULL while it goes on, and after a controller that died
    Column("verdict", String),
    Column("exit_code", Integer),
    Column("result", Text),  # record.Result as JSON
)


def _column(field: msgspec.structs.FieldInfo) -> Column[object]:
    kind = field.type if isinstance(field.type, str) else field.type.__name__
    value = field.default
    default = None if value is msgspec.NODEFAULT else text(f"'{value}'" if kind == "str" else str(value))
    return Column(field.name, _TYPES[kind], nullable=False, server_default=default)


samples = Table(
    "samples",
    metadata,
    Column("id", _ROWID, primary_key=True, autoincrement=True),
    *(_column(field) for field in msgspec.structs.fields(Sample)),
    Index("samples_by_run", "run", "t_ns"),
)

events = Table(
    "events",
    metadata,
    Column("id", _ROWID, primary_key=True, autoincrement=True),
    Column("t_ns", BigInteger, nullable=False),
    Column("node", String, nullable=False),
    Column("run", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Index("events_by_run", "run", "t_ns"),
)
