"""Scenarios: YAML files in a person's units, read into frozen records in netreserve's, and back.

scenario = load("scenarios/classic.yaml")     # raises ScenarioErrors: every problem, one line each
text = dump(scenario)                         # expanded: every setting written out; parses to an equal scenario
schema()                                      # JSON Schema for editors (docs/reference/scenario.schema.json)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml
from msgspec import structs

from controller.scenario.checks import findings
from controller.scenario.fields import BAD
from controller.scenario.form import SCENARIO
from controller.scenario.located import Located, Problems, ScenarioErrors, read_yaml
from controller.scenario.model import Arm, Initiators, Links, Nodes, Phases, Scenario, Targets
from controller.scenario.policies import policy_text
from nodes.errors import ScenarioError

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

FILE_BYTES_MAX = 1 << 20
"""A scenario is a page or two; what is larger is another kind of file (own)."""


def load(path: str | Path, tier: str = "") -> Scenario:
    """The scenario in the file `path`, to be carried out by `tier` if one is given. Raises ScenarioError with everything
    that is wrong with it, or that its tier cannot do."""
    file = str(path)
    try:
        content = Path(path).read_bytes()[: FILE_BYTES_MAX + 1]
    except FileNotFoundError:
        raise ScenarioError("no such file", file=file) from None
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", file=file) from None
    if len(content) > FILE_BYTES_MAX:
        raise ScenarioError("is larger than 1 MiB: that is no scenario", file=file)
    try:
        return parse(content.decode(), file, tier)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError("is not UTF-8 text", line=line, file=file) from None


def parse(text: str, file: str = "", tier: str = "") -> Scenario:
    """The scenario in `text`, to be carried out by `tier` if one is given; `file` is for messages. Raises ScenarioErrors."""
    problems = Problems(file)
    document = read_yaml(text, problems)
    scenario: Any = SCENARIO.read(document, problems) if document else BAD
    if isinstance(scenario, Scenario) and document:
        scenario = structs.replace(scenario, tier=tier) if tier else scenario
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
