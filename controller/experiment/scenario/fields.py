"""How a scenario's values are read from YAML, written back, and described to an editor: one object does all three.

A `Kind` is a single value; a `Table` is a mapping whose keys fill a record; `Many` is a list of equals; `OneOf` picks
the table by a key that is present or by the value of `kind`. All problems of a file are noted, none is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from controller.experiment.scenario.located import Located, Problems
from nodes.errors import UsageError
from nodes.registry import did_you_mean

BAD: Final = object()
"""Stands for a value that could not be read; its problem has been noted."""


class Form(Protocol):
    """Something that a place in the file can hold."""

    def read(self, at: Located, problems: Problems) -> Any: ...
    def write(self, value: Any) -> Any: ...
    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Kind:
    """One value. `parse` takes the scalar or list and raises UsageError with what would be right."""

    parse: Callable[[Any], Any]
    describe: Callable[[], dict[str, Any]]
    form: Callable[[Any], Any] = lambda value: value
    short: Callable[[str], Any] = lambda text: text
    """What a short form on a command line stands for in a file: `128K` for `128 KiB`, `4` for the number 4."""

    def read(self, at: Located, problems: Problems) -> Any:
        try:
            return self.parse(_plain(at))
        except UsageError as error:
            problems.at(at, str(error))
            return BAD

    def write(self, value: Any) -> Any:
        return self.form(value)

    def schema(self) -> dict[str, Any]:
        return self.describe()


@dataclass(frozen=True)
class Key:
    """`name` in the file fills `attribute` of the record."""

    name: str
    attribute: str
    form: Form
    about: str
    required: bool = False


@dataclass(frozen=True)
class Table:
    """A mapping. `build` makes the record of the attributes that were given; what it refuses (ValueError) is a problem."""

    build: Callable[..., Any]
    keys: tuple[Key, ...]
    constants: Mapping[str, str] | None = None
    """Keys with one possible value, such as `kind: cut`, that fill nothing."""

    def read(self, at: Located, problems: Problems) -> Any:
        if not isinstance(at.value, dict):
            problems.at(at, f"keys are needed here ({', '.join(self._names())}), not {at.described()}")
            return BAD
        self._refuse_unknown(at.value, problems)
        found = {
            key.attribute: key.form.read(at.value[key.name], problems) for key in self.keys if key.name in at.value
        }
        missing = [key.name for key in self.keys if key.required and key.name not in at.value]
        for name in missing:
            problems.at(at, f"key '{name}' is missing")
        if missing or any(value is BAD for value in found.values()):
            return BAD
        return self._built(at, found, problems)

    def write(self, value: Any) -> Any:
        written = dict(self.constants or {})
        for key in self.keys:
            item = getattr(value, key.attribute)
            if item is not None and item != "":
                written[key.name] = key.form.write(item)
        return written

    def schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {name: {"const": value} for name, value in (self.constants or {}).items()}
        properties |= {key.name: {"description": key.about, **key.form.schema()} for key in self.keys}
        required = [*(self.constants or {}), *(key.name for key in self.keys if key.required)]
        return {"type": "object", "properties": properties, "additionalProperties": False, "required": required}

    def _names(self) -> list[str]:
        return [*(self.constants or {}), *(key.name for key in self.keys)]

    def _refuse_unknown(self, given: dict[str, Located], problems: Problems) -> None:
        for name, place in given.items():
            if name not in self._names():
                problems.at(place, f"unknown key '{name}'", hint=did_you_mean(name, self._names()))

    def _built(self, at: Located, found: dict[str, Any], problems: Problems) -> Any:
        try:
            return self.build(**found)
        except ValueError as error:
            key = next((key for key in self.keys if str(error).startswith(f"{key.attribute} ")), None)
            place = at.value[key.name] if key and isinstance(at.value, dict) and key.name in at.value else at
            problems.at(place, str(error).replace(key.attribute, key.name, 1) if key else str(error))
            return BAD


@dataclass(frozen=True)
class Many:
    """A list; `floods:` with nothing behind it is an empty one."""

    item: Form
    least: int = 0

    def read(self, at: Located, problems: Problems) -> Any:
        items = [] if at.value is None else at.value
        if not isinstance(items, list):
            problems.at(at, f"a list is needed here, not {at.described()}")
            return BAD
        if len(items) < self.least:
            problems.at(at, f"at least {self.least} is needed here")
            return BAD
        read = tuple(self.item.read(item, problems) for item in items)
        return BAD if BAD in read else read

    def write(self, value: Any) -> Any:
        return [self.item.write(item) for item in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema(), "minItems": self.least}


@dataclass(frozen=True)
class Named:
    """A mapping from names of one's own to equals."""

    name: Kind
    item: Form

    def read(self, at: Located, problems: Problems) -> Any:
        if not isinstance(at.value, dict):
            problems.at(at, f"names with their values are needed here, not {at.described()}")
            return BAD
        named = [self.name.read(Located(name, place.line, place.path), problems) for name, place in at.value.items()]
        read = {name: self.item.read(place, problems) for name, place in at.value.items()}
        return BAD if any(value is BAD for value in (*named, *read.values())) else read

    def write(self, value: Any) -> Any:
        return {name: self.item.write(item) for name, item in value.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "propertyNames": self.name.schema(), "additionalProperties": self.item.schema()}


@dataclass(frozen=True)
class OneOf:
    """Several tables: the one whose name is a key of the mapping, or, with `by`, the value of the key `by`."""

    tables: Mapping[str, tuple[type[Any], Table]]
    by: str = ""

    def read(self, at: Located, problems: Problems) -> Any:
        if not isinstance(at.value, dict):
            problems.at(at, f"keys are needed here, not {at.described()}")
            return BAD
        table = self._by_value(at, at.value, problems) if self.by else self._by_key(at, at.value, problems)
        return table.read(at, problems) if table else BAD

    def write(self, value: Any) -> Any:
        return next(table for record, table in self.tables.values() if isinstance(value, record)).write(value)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [table.schema() for _, table in self.tables.values()]}

    def _by_value(self, at: Located, given: dict[str, Located], problems: Problems) -> Table | None:
        if self.by not in given:
            problems.at(at, f"key '{self.by}' is missing: one of {', '.join(self.tables)}")
            return None
        place = given[self.by]
        if place.value not in list(self.tables):
            name = str(place.value)
            problems.at(place, f"unknown {self.by} {place.described()}", hint=did_you_mean(name, list(self.tables)))
            return None
        return self.tables[str(place.value)][1]

    def _by_key(self, at: Located, given: dict[str, Located], problems: Problems) -> Table | None:
        chosen = [name for name in self.tables if name in given]
        if len(chosen) == 1:
            return self.tables[chosen[0]][1]
        unknown = next((name for name in given if name not in self.tables), "")
        hint = did_you_mean(unknown, list(self.tables)) if unknown and not chosen else ""
        problems.at(at, f"exactly one of {', '.join(self.tables)} is needed here", hint=hint)
        return None


def _plain(at: Located) -> Any:
    if isinstance(at.value, dict):
        raise UsageError("one value is needed here, not a mapping")
    return [_plain(item) for item in at.value] if isinstance(at.value, list) else at.value
