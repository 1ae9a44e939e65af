"""The machines of tests/recorded/machines, whole or with a file mangled, and unpacked into a folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from controller.inspect.answer import Answer, inspect
from controller.inspect.collected import Collected
from controller.inspect.facts import Machine
from controller.inspect.look import look
from controller.inspect.tree import Source, Tree

MACHINES = Path(__file__).parents[1] / "recorded" / "machines"
NAMES = sorted(path.name for path in MACHINES.iterdir())


@cache
def collected(name: str) -> Collected:
    """As the collector wrote it."""
    return Collected.read(MACHINES / name / "machine.txt")


def machine(name: str) -> Machine:
    return look(Tree(collected(name)))


def answer(source: Source) -> Answer:
    return inspect(Tree(source))


class Mangled:
    """`source` with one file that has other content; None: it is gone."""

    whole = True

    def __init__(self, source: Collected, path: str, content: bytes | None) -> None:
        self._source, self._path, self._content = source, path, content

    def content(self, path: str) -> bytes:
        if path != self._path:
            return self._source.content(path)
        if self._content is None:
            raise FileNotFoundError(path)
        return self._content

    def names(self, path: str) -> list[str]:
        return self._source.names(path)

    def real(self, path: str) -> str:
        return self._source.real(path)


class Edited:
    """`source` with some files as given."""

    whole = True

    def __init__(self, source: Collected, files: dict[str, str]) -> None:
        self._source, self._files = source, files

    def content(self, path: str) -> bytes:
        return f"{self._files[path]}\n".encode() if path in self._files else self._source.content(path)

    def names(self, path: str) -> list[str]:
        return self._source.names(path)

    def real(self, path: str) -> str:
        return self._source.real(path)


def unpack(name: str, root: Path) -> None:
    """Writes the machine into `root` as a copy of /proc, /sys and /etc: links are links, folders hold what they list."""
    entries = (MACHINES / name / "machine.txt").read_text().splitlines()
    for path, to in (line.split(" ")[1:3] for line in entries if line.startswith("@link ")):
        link = root / path[1:]
        (root / to[1:]).mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(root / to[1:])
    source = collected(name)
    for path in source.paths:
        file = root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.content(path))
    for path, *names in (line.split(" ")[1:] for line in entries if line.startswith("@names ")):
        for each in filter(None, names):
            if not (there := root / path[1:] / each).exists():
                there.mkdir(parents=True)
