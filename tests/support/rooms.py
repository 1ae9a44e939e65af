"""The house as it stands: rooms (packages of the controller, nodes and traffic), their lines, and which imports which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("controller", "nodes")
"""Packages whose folders are rooms of their own; `traffic` is one room."""


def room_of(module: str) -> str:
    """The room of a module, by its dotted name: `controller/store`, `nodes/machine`, `traffic`. What lies beside the rooms
    of a house is the house's own."""
    house, *rest = module.split(".")
    return f"{house}/{rest[0]}" if house in HOUSES and rest and (ROOT / house / rest[0]).is_dir() else house


@cache
def rooms() -> dict[str, int]:
    """Every room, and its lines of Python."""
    found: dict[str, int] = {}
    for path in modules():
        room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found[room] = found.get(room, 0) + len(path.read_text(encoding="utf-8").splitlines())
    return dict(sorted(found.items()))


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Who imports whom: pairs of different rooms."""
    found = set()
    for path in modules():
        own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found |= {(own, room_of(name)) for name in _imported(path)}
    return frozenset((a, b) for a, b in found if a != b)


def modules() -> Iterator[Path]:
    """Every Python file of the product."""
    for package in (*HOUSES, "traffic"):
        yield from sorted((ROOT / package).rglob("*.py"))


def table() -> str:
    """The rooms of the controller in Markdown, the highest first: lines, and what each imports."""
    inner = {room for room in rooms() if room.startswith("controller/")}
    within = {(a, b) for a, b in arrows() if a in inner and b in inner}
    rows = ["| room | lines | imports |", "|---|---|---|"]
    for room in sorted(inner, key=lambda room: (-floor_of(room, within), room)):
        below = ", ".join(sorted(b.removeprefix("controller/") for a, b in within if a == room))
        rows.append(f"| `{room.removeprefix('controller/')}` | {rooms()[room]:,} | {below or '-'} |")
    floors = max(floor_of(room, within) for room in inner)
    rows += ["", f"{len(inner)} rooms, {floors} floors, {len(within)} arrows."]
    return "\n".join(rows)


def floor_of(room: str, within: set[tuple[str, str]], above: tuple[str, ...] = ()) -> int:
    """1 for a room that imports no other, else one more than the highest that it imports. A circle is an error."""
    assert room not in above, f"a circle of imports: {' -> '.join([*above, room])}"
    return 1 + max((floor_of(b, within, (*above, room)) for a, b in within if a == room), default=0)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in (*HOUSES, "traffic"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in (*HOUSES, "traffic"))
