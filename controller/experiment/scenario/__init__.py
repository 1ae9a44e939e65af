"""Scenarios: YAML files in a person's units, read into frozen records in netreserve's, and back.

scenario = load("scenarios/classic.yaml")     # raises ScenarioErrors: every problem, one line each
text = dump(scenario)                         # expanded: every setting written out; parses to an equal scenario
schema()                                      # JSON Schema for editors (docs/reference/scenario.schema.json)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from controller.experiment.scenario.checks import findings
from controller.experiment.scenario.fields import BAD
from controller.experiment.scenario.files import read_text
from controller.experiment.scenario.form import SCENARIO
from controller.experiment.scenario.located import Located, Problems, ScenarioErrors, read_yaml
from controller.experiment.scenario.model import Arm, Initiators, Links, Nodes, Phases, Scenario, Targets
from controller.experiment.scenario.policies import policy_text
from controller.experiment.scenario.vary import changed

__all__ = [
    "Arm",
    "Initiators",
    "Links",
    "Nodes",
    "Phases",
    "Scenario",
    "ScenarioErrors",
    "Targets",
    "dump",
    "load",
    "override_policy",
    "parse",
    "policy_text",
    "schema",
    "to_yaml",
]


def load(path: str | Path, tier: str = "", changes: Mapping[str, object] | None = None) -> Scenario:
    """The scenario in the file `path`, to be carried out by `tier` if one is given, with `changes` (see `vary`). Raises
    ScenarioError with everything that is wrong with it, or that its tier cannot do."""
    return parse(read_text(Path(path)), str(path), tier, changes)


def parse(text: str, file: str = "", tier: str = "", changes: Mapping[str, object] | None = None) -> Scenario:
    """The scenario in `text`; `file` is for messages, the rest as in `load`. Raises ScenarioErrors."""
    problems = Problems(file)
    document = read_yaml(text, problems)
    scenario: Any = SCENARIO.read(document, problems) if document else BAD
    if isinstance(scenario, Scenario) and document:
        asked = {**(changes or {}), **({"tier": tier} if tier else {})}
        scenario = changed(scenario, asked) if asked else scenario
        for path, message in findings(scenario):
            problems.add(message, path=path, line=_line(document, path))
    problems.raise_any()
    return cast(Scenario, scenario)


def dump(scenario: Scenario) -> str:
    """`scenario` as YAML with every setting written out."""
    return to_yaml(SCENARIO.write(scenario))


def to_yaml(document: dict[str, Any]) -> str:
    """A scenario's document as a file has it."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def override_policy(scenario: Scenario, policy: str) -> Scenario:
    """`scenario` under another policy, e.g. `memalloc+srog`. Raises UsageError for an unknown one or one whose reserve
    leaves no memory."""
    changed = scenario.with_policy(policy)
    problems = Problems("")
    for path, message in findings(changed):
        problems.add(message, path=path)
    problems.raise_any()
    return changed


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario file: for completion and checks in editors. `parse` checks more (relations, units)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "netreserve scenario",
        **SCENARIO.schema(),
    }


def _line(place: Located, path: str) -> int:
    """The line of the value at `path`, or of the nearest thing above it that the file holds."""
    children: list[Located] = []
    if isinstance(place.value, dict):
        children = list(place.value.values())
    elif isinstance(place.value, list):
        children = place.value
    for child in children:
        if path == child.path or path.startswith((f"{child.path}.", f"{child.path}[")):
            return _line(child, path)
    return place.line
