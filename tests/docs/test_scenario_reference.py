"""docs/reference/scenario.md has every key of a scenario file, with the words, bounds and defaults of the code."""

from __future__ import annotations

import json
from typing import Any

import yaml
from docpages import DOCS, section, table, words

from controller.experiment.scenario import form, schema
from controller.experiment.scenario.fields import Kind, Table
from controller.experiment.scenario.model import Initiators, Phases, Scenario, Targets
from nodes import units
from nodes.config import OPEN_LINK, GuestSpec, PolicySpec, Queueing
from nodes.floods import Flood

SCENARIO = Scenario(name="any", policy=PolicySpec(name="none"), expect=())
FAULTS = {"cut": "cut", "shape": "shape", "target": "target", "policy": "policy fault", "min_free": "min_free"}
"""Kind of fault -> its heading (policy has one of its own already)."""
TABLES: dict[str, tuple[Table, Any]] = {
    "scenario": (form.SCENARIO, SCENARIO),
    "nodes": (form.NODES, None),
    "nodes.initiator": (form.INITIATOR, Initiators()),
    "nodes.initiator.guest": (form.GUEST, GuestSpec()),
    "nodes.target": (form.TARGET, Targets()),
    "links": (form.LINKS, None),
    "links.data": (form.LINK, OPEN_LINK),
    "links.queueing": (form.QUEUEING, Queueing()),
    "policy": (form.PolicyForm.table, PolicySpec(name="none", allocator="")),
    "floods": (form.FLOOD, Flood(kind="udp")),
    "phases": (form.PHASES, Phases()),
    "arms": (form.ARM, None),
    "rescue": (form.Table(dict, tuple(key for _, table in form.REMEDY.tables.values() for key in table.keys)), None),
    **{FAULTS[kind]: (table, None) for kind, (_, table) in form.FAULT.tables.items()},
    **{kind: (table, None) for kind, (_, table) in form.EXPECT.tables.items()},
}
"""Heading -> the table in the code, and a record with its defaults."""
KEYS = [(heading, key) for heading, (code, _) in TABLES.items() for key in code.keys]


def test_every_key_is_documented_and_no_other() -> None:
    for heading, (code, _) in TABLES.items():
        assert list(table("scenario", heading)) == [key.name for key in code.keys], heading


def test_every_kind_of_fault_and_expectation_has_its_heading() -> None:
    assert set(FAULTS) == set(form.FAULT.tables)
    kinds = words(section("scenario", "expect"))
    assert set(form.EXPECT.tables) <= kinds


def test_required_keys_are_called_so() -> None:
    for heading, key in KEYS:
        assert ("*required*" in " ".join(table("scenario", heading)[key.name])) is key.required, (heading, key.name)


def test_words_and_bounds_are_those_of_the_code() -> None:
    for heading, key in KEYS:
        row = " | ".join(table("scenario", heading)[key.name])
        described = key.form.schema()
        known = described.get("enum") or (described.get("anyOf") or [{}])[0].get("enum") or []
        if "policy](" not in row and "as in [" not in row and key.name != "tier":
            assert set(known) <= words(row), (heading, key.name)
        if described.get("type") == "integer":
            assert f"{described['minimum']} to {described['maximum']}" in row, (heading, key.name)


def test_defaults_are_those_of_the_code() -> None:
    for heading, key in KEYS:
        assert _default_is_as_told(heading, key), (heading, key.name)


def _default_is_as_told(heading: str, key: Any) -> bool:
    cell = table("scenario", heading)[key.name][-1]
    record = TABLES[heading][1]
    default = getattr(record, key.attribute) if record is not None else None
    if cell == "-" or not isinstance(key.form, Kind):
        absent = key.required or default in (None, "", {}, ()) or not isinstance(key.form, Kind)
        return cell in ("-", "`[]`") and absent
    found = default if record is not None else _fault_default(heading, key.attribute)
    return key.form.parse(yaml.safe_load(cell.strip("`"))) == found


def _fault_default(heading: str, attribute: str) -> object:
    kinds = {FAULTS[kind]: record for kind, (record, _) in form.FAULT.tables.items()}
    if heading == "data":
        return form.EXPECT.tables["data"][0]().data
    fields = kinds[heading].__struct_fields__
    return dict(zip(reversed(fields), reversed(kinds[heading].__struct_defaults__), strict=False))[attribute]


def test_every_unit_is_named() -> None:
    named = words(section("scenario", "The scenario file"))
    for kind in ("SIZE", "TIME", "BIT", "PACKET", "PAGE", "RATIO"):
        assert set(getattr(units, f"{kind}_UNITS")) <= named, kind


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    assert json.loads((DOCS / "reference" / "scenario.schema.json").read_text()) == schema()
