"""YAML text as values that know their line and key path, and the list of problems found in them.

PyYAML's `compose` gives nodes with marks; a scenario's reader needs plain values with places. Anchors are refused: the
expanded scenario of a run must read like the file it came from, and nested aliases grow without bound.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import yaml
from yaml.constructor import SafeConstructor

from nodes.errors import ScenarioError

YAML_TAG = "tag:yaml.org,2002:"
Scalar = str | int | float | bool | None
TEXT_BYTES_MAX = 64 << 10
"""A scenario is a page or two; one of half a MiB took the controller 26 s to read (own)."""
TOO_LARGE = f"it is larger than {TEXT_BYTES_MAX >> 10} KiB: that is not a scenario"
DEPTH_MAX = 20
"""A scenario is 4 levels deep; a text deeper than this is not a scenario (own)."""
ITEMS_MAX = 100
"""Of one list or mapping: so many floods and faults, written out, are well below TEXT_BYTES_MAX (own)."""
SCALAR_LETTERS_MAX = 1000
"""Of one value or key: they are words, numbers and one sentence, and are quoted in messages (own)."""


@dataclass(frozen=True)
class Located:
    """A value of the file: a scalar, a list or a mapping of located values."""

    value: Scalar | list[Located] | dict[str, Located]
    line: int
    path: str = ""

    def described(self) -> str:
        """What it is, for a message about what it should have been."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        return "nothing" if self.value is None else f"'{self.value}'"


class ScenarioErrors(ScenarioError):
    """Everything that is wrong with one file, one line each; `errors` holds them singly, in the file's order."""

    def __init__(self, errors: list[ScenarioError]) -> None:
        first = errors[0]
        super().__init__(first.message, path=first.path, line=first.line, file=first.file, hint=first.hint)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class Problems:
    """Collects what is wrong with a file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._errors: list[ScenarioError] = []

    def add(self, message: str, *, line: int = 0, path: str = "", hint: str = "") -> None:
        """Notes one problem."""
        self._errors.append(ScenarioError(message, path=path, line=line, file=self.file, hint=hint))

    def at(self, place: Located, message: str, hint: str = "") -> None:
        """Notes one problem with the value at `place`."""
        self.add(message, line=place.line, path=place.path, hint=hint)

    def __bool__(self) -> bool:
        return bool(self._errors)

    def raise_any(self) -> None:
        """Raises ScenarioErrors when anything was noted."""
        if self._errors:
            raise ScenarioErrors(sorted(self._errors, key=lambda error: error.line))


def read_yaml(text: str, problems: Problems) -> Located | None:
    """The document in `text`; None (and a problem noted) when there is none, or one that is larger than any scenario."""
    if len(text.encode(errors="replace")) > TEXT_BYTES_MAX:
        problems.add(TOO_LARGE)
        return None
    try:
        if refused := _refused(text):
            problems.add(refused[1], line=refused[0])
            return None
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            problems.add("the file is empty: a scenario begins with 'name: ...'")
            return None
        return _located(node, node.start_mark.line + 1, "", problems)
    except yaml.YAMLError as error:
        _not_yaml(error, text, problems)
    return None


def _refused(text: str) -> tuple[int, str] | None:
    """What no scenario needs and what could make reading endless: the line, and what is wrong there."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            return line, "nested too deeply for a scenario"
        if isinstance(event, yaml.AliasEvent):
            return line, f"alias '*{event.anchor}' is not allowed: write it out"
        if tag := getattr(event, "tag", None):
            return line, f"tag '{tag.replace(YAML_TAG, '!!')}' is not allowed: write the value alone"
        if isinstance(event, yaml.ScalarEvent) and (problem := _unfit(str(event.value))):
            return line, problem
    return None


def _unfit(text: str) -> str:
    """Why `text` cannot be a value or a key; empty when it can. Control characters would reach terminals and pages."""
    if len(text) > SCALAR_LETTERS_MAX:
        return (
            f"'{text[:20]}...' is too long for a value or key of a scenario: {SCALAR_LETTERS_MAX} letters are possible"
        )
    bad = next((letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"), "")
    return f"'{text}' has the control character U+{ord(bad):04X}: write it without" if bad else ""


def _not_yaml(error: yaml.YAMLError, text: str, problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", 0)
    line = mark.line + 1 if mark else text.count("\n", 0, position) + 1
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problems.add(f"not YAML: {' '.join(str(why).split())}", line=line)


def _located(node: yaml.Node, line: int, path: str, problems: Problems) -> Located:
    if not isinstance(node, yaml.ScalarNode) and len(node.value) > ITEMS_MAX:
        problems.add(f"{len(node.value)} of them are too many: {ITEMS_MAX} are possible", line=line, path=path)
        return Located(None, line, path)
    if isinstance(node, yaml.MappingNode):
        return Located(_mapping(node, path, problems), line, path)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        children = [_located(n, n.start_mark.line + 1, f"{path}[{i}]", problems) for i, n in items]
        return Located(children, line, path)
    return Located(_scalar(node), line, path)


def _mapping(node: yaml.MappingNode, path: str, problems: Problems) -> dict[str, Located]:
    found: dict[str, Located] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        here = f"{path}.{key}" if path else key
        if not isinstance(key_node, yaml.ScalarNode):
            problems.add("a key must be a plain word", line=line, path=path)
        elif key in found:
            problems.add(
                f"key '{key}' stands here a second time (first on line {found[key].line})", line=line, path=here
            )
        else:
            found[key] = _located(value_node, line, here, problems)
    return found


def _scalar(node: yaml.Node) -> Scalar:
    """Numbers, truth values and null as YAML means them; all else (dates too) stays the text that was written."""
    kind = node.tag.removeprefix(YAML_TAG)
    if kind not in ("int", "float", "bool", "null"):
        return str(node.value)
    try:
        value = SafeConstructor().construct_object(node)
    except (ValueError, ArithmeticError):  # `0x_`, and sexagesimal numbers beyond a float's range
        return str(node.value)
    return value if isinstance(value, (int, float, bool)) or value is None else str(node.value)
