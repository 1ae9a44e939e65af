"""A scenario with some of its settings changed, named as in its file: `{"floods.0.rate": "20 kpps", "policy": "none"}`.

The scenario is written out as the document it would be read from, changed there, and read again with all checks; there is
no YAML in between, since a sweep does this thousands of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.experiment.scenario.checks import findings
from controller.experiment.scenario.fields import BAD, Form, Kind, Many, Named, OneOf, Table
from controller.experiment.scenario.form import SCENARIO, PolicyForm
from controller.experiment.scenario.located import Located, Problems
from controller.experiment.scenario.model import Scenario
from controller.experiment.scenario.policies import read_policy
from controller.experiment.scenario.values import POLICY, POLICY_TEXT
from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.registry import did_you_mean

_POLICY = PolicyForm()
NAME = ".name"
EXAMPLE = "for example floods.0.rate=20k or nodes.initiator.min_free=2M"


@dataclass(frozen=True)
class _Place:
    """Where a change goes: `container[key]`, and what it may hold."""

    container: Any
    key: Any
    form: Form


def vary(scenario: Scenario, changes: Mapping[str, object]) -> Scenario:
    """`scenario` with `changes`: dotted paths, with indices into lists, to values as they would stand in the file; short
    forms (`128K`, `200k`, `4` as a text) too, and None to leave a key or an item out. A policy named alone keeps the
    allocator if it can be combined with it. Raises UsageError for a path that is not there, ScenarioErrors for what may not
    be."""
    problems = Problems("")
    changed_scenario = changed(scenario, changes)
    for path, message in findings(changed_scenario):
        problems.add(message, path=path)
    problems.raise_any()
    return changed_scenario


def changed(scenario: Scenario, changes: Mapping[str, object]) -> Scenario:
    """As `vary`; whether its settings fit each other is left to the caller."""
    document = SCENARIO.write(scenario)
    for path in sorted(changes, key=lambda path: (path.count("."), not path.endswith(NAME))):
        if changes[path] is not None:
            place, value = _find(document, path), changes[path]
            if policy := _named_policy(document, path, changes):
                place, value = policy, POLICY.parse(value)
            place.container[place.key] = _value(place, path, value)
    _leave_out(document, [path for path, value in changes.items() if value is None])
    return _read(document)


def assignments(texts: Sequence[str]) -> dict[str, object]:
    """The changes that `KEY=VALUE` texts ask for. Raises UsageError for what is not one, and for a key that is set twice."""
    found: dict[str, object] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise UsageError(f"'{text}' sets nothing: KEY=VALUE is needed, {EXAMPLE}")
        if key in found:
            raise UsageError(f"{key} is set twice, to '{found[key]}' and to '{value}': once is enough")
        found[key] = value
    return found


def kind_of(path: str) -> Kind:
    """What may stand at `path`, by the form of a scenario alone: of a fault or an expectation any kind that has the key.
    Raises UsageError for a path that is not there, or that is not a single value."""
    form: Form = SCENARIO
    done: list[str] = []
    for name in path.split("."):
        form = _inside(form, name, ".".join(done), path)
        done.append(name)
    return _single(form, path)


def _find(document: dict[str, Any], path: str) -> _Place:
    """The place of `path`; tables on the way that were left out are put in."""
    form: Form = SCENARIO
    container: Any = document
    names = path.split(".")
    for depth, name in enumerate(names):
        above = ".".join(names[:depth])
        key = _index(form, name, container, above)
        if isinstance(form, OneOf):
            form = _chosen(form, container)
        form = _inside(form, name, above, path)
        if depth == len(names) - 1:
            return _Place(container, key, form)
        if isinstance(container, dict):
            container.setdefault(key, {})
        container = container[key]
    raise AssertionError("a path has at least one name")


def _named_policy(document: dict[str, Any], path: str, changes: Mapping[str, object]) -> _Place | None:
    """The whole policy, where `path` is its name: to change that alone is to name another policy, which has its own
    allocator. Raises UsageError when it is named twice."""
    whole = path.removesuffix(NAME)
    if whole == path or not isinstance((place := _find(document, whole)).form, PolicyForm):
        return None
    if changes.get(whole) is not None:
        raise UsageError(f"{whole} and {path}: one of them is enough")
    return place


def _inside(form: Form, name: str, above: str, path: str) -> Form:
    """The form of `name` within `form`, which stands at `above`."""
    if isinstance(form, (Many, Named)):
        return form.item
    if isinstance(form, PolicyForm):
        form = form.table
    tables = [table for _, table in form.tables.values()] if isinstance(form, OneOf) else [form]
    keys = {key.name: key.form for table in tables if isinstance(table, Table) for key in table.keys}
    if name in keys:
        return keys[name]
    if not keys:
        raise UsageError(f"'{path}' leads nowhere: '{above}' is a single value")
    where = f"'{above}' has no key '{name}'" if above else f"a scenario has no key '{name}'"
    raise UsageError(f"{path}: {where} ({did_you_mean(name, list(keys))})")


def _index(form: Form, name: str, container: Any, above: str) -> Any:
    """`name` as a key of `container`: a number for a list."""
    if isinstance(form, Named) and name not in container:
        if not container:
            raise UsageError(f"{above}.{name}: there are no {above} in the scenario: write them into its file")
        raise UsageError(f"{above}.{name}: '{above}' has no '{name}' ({did_you_mean(name, list(container))})")
    if not isinstance(form, Many):
        return name
    if not (name.isascii() and name.isdigit()):
        raise UsageError(f"{above}.{name}: '{above}' is a list: a number is needed here, counted from 0")
    if int(name) >= len(container):
        there = f"{len(container)}, counted from 0" if container else "none"
        raise UsageError(f"{above}.{name}: the scenario has no {above}[{name}]: there are {there}")
    return int(name)


def _chosen(form: OneOf, container: dict[str, Any]) -> Table:
    """The table that the written `container` is of."""
    if form.by:
        return form.tables[container[form.by]][1]
    return next(table for name, (_, table) in form.tables.items() if name in container)


def _value(place: _Place, path: str, value: object) -> object:
    """`value` as it stands in a file."""
    if isinstance(value, (dict, list, tuple)):
        return list(value) if isinstance(value, tuple) else value
    if isinstance(place.form, PolicyForm):
        before = place.container.get(place.key)
        return _POLICY.write(_policy(value, before))
    kind = _single(place.form, path)
    return kind.short(value) if isinstance(value, str) else value


def _policy(value: object, before: object) -> PolicySpec:
    """The policy that `value` names; `before` is the one that is written there now."""
    old = _POLICY.read(_located(before, ""), Problems("")) if before is not None else None
    return read_policy(POLICY_TEXT.parse(value), None if old is BAD else old)


def _single(form: Form, path: str) -> Kind:
    if isinstance(form, PolicyForm):
        return POLICY_TEXT
    if isinstance(form, Kind):
        return form
    if isinstance(form, Table):
        raise UsageError(f"'{path}' is a group of keys: name one of them, e.g. '{path}.{form.keys[0].name}'")
    first = "NAME" if isinstance(form, Named) else "0"
    raise UsageError(f"'{path}' is a list or a group: name what is to change in it, e.g. '{path}.{first}'")


def _leave_out(document: dict[str, Any], paths: Sequence[str]) -> None:
    """Later items of a list first: those before them keep their numbers."""
    places = [_find(document, path) for path in paths]
    for place in sorted(places, key=lambda place: place.key if isinstance(place.key, int) else -1, reverse=True):
        if isinstance(place.container, list):
            del place.container[place.key]
        else:
            place.container.pop(place.key, None)


def _read(document: dict[str, Any]) -> Scenario:
    problems = Problems("")
    scenario = SCENARIO.read(_located(document, ""), problems)
    problems.raise_any()
    assert isinstance(scenario, Scenario)
    return scenario


def _located(value: Any, path: str) -> Located:
    if isinstance(value, dict):
        start = f"{path}." if path else ""
        return Located({name: _located(item, f"{start}{name}") for name, item in value.items()}, 0, path)
    if isinstance(value, (list, tuple)):
        return Located([_located(item, f"{path}[{index}]") for index, item in enumerate(value)], 0, path)
    return Located(value, 0, path)
