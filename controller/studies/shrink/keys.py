"""A scenario as the keys in which it differs from the defaults: what can be left out of it, and what can be halved.

Keys are dotted paths as the scenario's `vary` takes them. How long the phases last, and how large memory and working
set are, is never a difference: these say how much is simulated, and are only ever halved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.form import SCENARIO
from nodes.config import PolicySpec
from nodes.floods import Flood

AMOUNTS = (
    "phases.warmup",
    "phases.flood",
    "phases.heal",
    "nodes.initiator.memory",
    "nodes.initiator.working_set",
)
TOGETHER = (
    ("phases.warmup", "phases.flood", "phases.heal"),
    ("nodes.initiator.memory", "nodes.initiator.working_set", "nodes.initiator.min_free"),
)
"""Halved as one first: alone they run into each other's bounds."""
APART = ("name", "about", "policy", "expect", "arms", "seed", "tier", "rescue")
"""What is not shrunk: it says what is asked, not what happens."""
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) (.+)")

Document = dict[str, Any]


def document(scenario: Scenario) -> Document:
    """`scenario` as its file would have it, with every key."""
    written: Document = SCENARIO.write(scenario)
    return written


def differences(scenario: Scenario) -> list[str]:
    """Every key, flood and fault that is not as it would be without it; a flood before its keys."""
    defaults = dict(_leaves(_settings(_default())))
    found = [
        path
        for path, value in _leaves(_settings(document(scenario)))
        if value != defaults.get(path) and path not in AMOUNTS
    ]
    written = document(scenario)
    for index, flood in enumerate(written["floods"]):
        plain = _written(Flood(kind=flood["kind"]))
        found.append(f"floods.{index}")
        found += [f"floods.{index}.{key}" for key, value in flood.items() if value != plain[key]]
    found += [f"faults.{index}" for index in range(len(written["faults"]))]
    return found


def without(paths: list[str]) -> dict[str, None]:
    """The changes for `vary` that leave `paths` out; keys of a flood that goes as a whole need none of their own."""
    return {path: None for path in paths if not any(path.startswith(f"{above}.") for above in paths)}


def halvable(scenario: Scenario) -> list[tuple[str, ...]]:
    """What may be halved, the keys of each entry together, the largest steps first."""
    leaves = dict(_leaves(document(scenario)))
    single = [(path,) for path in dict.fromkeys((*AMOUNTS, *_numbers(scenario)))]
    return [paths for paths in (*TOGETHER, *single) if all(halve(leaves.get(path)) is not None for path in paths)]


def halved(scenario: Scenario, paths: tuple[str, ...]) -> dict[str, object]:
    """The changes for `vary` that halve `paths`; empty when one of them has no half."""
    leaves = dict(_leaves(document(scenario)))
    halves = {path: halve(leaves.get(path)) for path in paths}
    return {} if None in halves.values() else dict(halves)


def value(scenario: Scenario, path: str) -> object:
    """What stands at `path`."""
    return dict(_leaves(document(scenario))).get(path)


def brief(scenario: Scenario) -> Document:
    """`scenario` as the shortest document that is read as it: what is as without the key is left out."""
    written = document(scenario)
    shortened = _pruned(written, _default(), keep=("name", "about", "policy", "expect", "seed"))
    if "floods" in shortened:
        shortened["floods"] = [
            _pruned(flood, _written(Flood(kind=flood["kind"])), keep=("kind",)) for flood in written["floods"]
        ]
    return shortened


def halve(written: object) -> object | None:
    """Half of a count or of a quantity as it is written; None for what has no half: other values, 0, and a single one."""
    if isinstance(written, int) and not isinstance(written, bool):
        return written // 2 if written > 1 else None
    match = _QUANTITY.fullmatch(written) if isinstance(written, str) else None
    if match is None or not (number := float(match[1])):
        return None
    return f"{number / 2:.9f}".rstrip("0").rstrip(".") + f" {match[2]}"


def _numbers(scenario: Scenario) -> list[str]:
    """Keys that differ from their defaults and may have a half; of faults all."""
    faults = [path for path, _ in _leaves(document(scenario)) if path.startswith("faults.")]
    return [*differences(scenario), *faults]


def _written(flood: Flood) -> Document:
    """A flood as a file would have it."""
    probe = _default_scenario(floods=(flood,))
    written: Document = document(probe)["floods"][0]
    return written


def _default() -> Document:
    return document(_default_scenario())


def _default_scenario(**given: Any) -> Scenario:
    return Scenario(name="x", policy=PolicySpec(name="none"), expect=(), **given)


def _settings(written: Document) -> Document:
    return {name: item for name, item in written.items() if name not in (*APART, "floods", "faults")}


def _leaves(written: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(written, (dict, list)):
        items = written.items() if isinstance(written, dict) else enumerate(written)
        for name, item in items:
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, written


def _pruned(written: Document, plain: Document, keep: tuple[str, ...] = ()) -> Document:
    """`written` less what is as in `plain`."""
    found: Document = {}
    for name, item in written.items():
        below = plain.get(name)
        if isinstance(item, dict) and isinstance(below, dict) and name not in keep:
            item = _pruned(item, below)
            if item:
                found[name] = item
        elif name in keep or item != below:
            found[name] = item
    return found
