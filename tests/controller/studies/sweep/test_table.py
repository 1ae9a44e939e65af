"""table.csv and table.parquet: the same rows, in the order of points, with types."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import duckdb
from docpages import table as documented
from sweptgrids import more_reserve_helps, plan, rows

from controller.studies.sweep import table
from controller.studies.sweep.folder import ASKED as ASKED_FILE
from controller.studies.sweep.folder import ROWS

ASKED = plan("policy=none,memalloc", "nodes.initiator.min_free=1M..8M:log3", "floods.0.rate=1k,9k", seeds=2)


def test_the_table_is_the_same_whatever_the_order_of_computing(tmp_path: Path) -> None:
    made = rows(ASKED, more_reserve_helps)
    (tmp_path / "other").mkdir()
    table.write(tmp_path, ASKED, made)
    table.write(tmp_path / "other", ASKED, dict(reversed(made.items())))
    text = (tmp_path / "table.csv").read_bytes()
    assert text == (tmp_path / "other" / "table.csv").read_bytes()
    told = [*csv.DictReader(text.decode().splitlines())]
    assert [int(row["point"]) for row in told] == [*range(24)]
    assert told[1] | {"reason": ""} == told[1] | {
        "policy": "none", "nodes.initiator.min_free": "1 MiB", "nodes.initiator.min_free.number": "256.0",
        "floods.0.rate": "1 kpps", "floods.0.rate.number": "1000.0", "seed": "8", "verdict": "healthy",
        "recovery_ns": "", "hang_ns": "1000000000", "reason": "",
    }  # fmt: skip
    assert not [*tmp_path.glob("*.part")]


def test_parquet_holds_numbers_as_numbers(tmp_path: Path) -> None:
    made = rows(ASKED, more_reserve_helps)
    _, parquet = table.write(tmp_path, ASKED, made)
    found = duckdb.sql(f"select verdict, count(*), max(hang_ns) from '{parquet}' where recovery_ns is null group by 1")
    counted = {verdict: (count, hang) for verdict, count, hang in found.fetchall()}
    assert counted["invalid"] == (8, 10**9) and sum(count for count, _ in counted.values()) == 24
    types = dict(duckdb.sql(f"select column_name, column_type from (describe from '{parquet}')").fetchall())
    assert types == table.columns(ASKED)


def test_a_sweep_that_has_only_begun_has_a_table_too(tmp_path: Path) -> None:
    plain, parquet = table.write(tmp_path, ASKED, {})
    assert len(plain.read_text().splitlines()) == 1
    assert duckdb.sql(f"select count(*) from '{parquet}'").fetchall() == [(0,)]


def test_every_column_and_file_is_documented() -> None:
    told = documented("sweep-folder", "Columns")
    assert tuple(told) == table.FIGURES
    for name, cells in told.items():
        unit = re.search(r"_(ns|pages|drops|pages_per_s)$", name)
        assert unit is None or cells[0] == {"drops": "packets", "pages_per_s": "pages/s"}.get(unit[1], unit[1]), name
    files = set(documented("sweep-folder", "The sweep folder"))
    assert {ASKED_FILE, ROWS, "table.csv", "table.parquet", "phase.html", "phase.png"} <= files
