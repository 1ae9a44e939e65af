"""A machine in one file, as `netreserve inspect --collector`'s script writes it on a machine without Python.

netreserve-machine 1
@file /proc/swaps                         its lines follow, each after a bar
|Filename    Type    Size    Used    Priority
@names /sys/class/block nbd0 vda          what is in a folder
@link /sys/class/block/vda /sys/devices/pci0000:00/0000:00:02.0/virtio0/block/vda
@denied /sys/kernel/debug                 somebody else may read it
@end                                      the whole was written
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from nodes.errors import UsageError

FIRST = "netreserve-machine 1"
SCRIPT = Path(__file__).with_name("collector.sh")
FILE_BYTES_MAX = 64 << 20
"""A machine with ten thousand processes writes about 20 MiB (own)."""


class Collected:
    """The files in such a file."""

    def __init__(self, text: str) -> None:
        self._files: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._links: dict[str, str] = {}
        self._denied: set[str] = set()
        self.whole = False
        lines: list[str] = []
        for line in text.replace("\r", "").split("\n")[1:]:
            if line.startswith("|"):
                lines.append(line[1:])
            elif line.startswith("@"):
                lines = self._entry(line)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises UsageError when `path` cannot be read or is something else."""
        try:
            with path.open("rb") as file:
                text = file.read(FILE_BYTES_MAX + 1).decode(errors="replace")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        _, first, rest = text.replace("\r", "").partition(f"{FIRST}\n")
        if not first:
            raise UsageError(
                f"{path} is not what the collector writes (it begins with '{FIRST}'):"
                " `netreserve inspect --collector > collect.sh`, then `sh collect.sh > machine.txt` on the machine"
            )
        if len(text) > FILE_BYTES_MAX:
            raise UsageError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB: no machine is")
        return cls(first + rest)  # a serial console has its own words before

    def content(self, path: str) -> bytes:
        if path in self._denied:
            raise PermissionError(path)
        if path not in self._files:
            raise FileNotFoundError(path)
        return "".join(f"{line}\n" for line in self._files[path]).encode()

    def names(self, path: str) -> list[str]:
        if path in self._denied:
            raise PermissionError(path)
        if path not in self._names:
            raise FileNotFoundError(path)
        return self._names[path]

    def real(self, path: str) -> str:
        if path not in self._links:
            raise FileNotFoundError(path)
        return self._links[path]

    @property
    def paths(self) -> tuple[str, ...]:
        """All files."""
        return tuple(self._files)

    def _entry(self, line: str) -> list[str]:
        """Takes a line that begins with @; the list that its file's lines go to."""
        kind, _, rest = line.partition(" ")
        path, *words = rest.split(" ") if rest else [""]
        if kind == "@file":
            self._files[rest] = []
            return self._files[rest]
        if kind == "@names":
            self._names[path] = [word for word in words if word]
        elif kind == "@link":
            self._links[path] = " ".join(words)
        elif kind == "@denied":
            self._denied.add(rest)
        elif kind == "@end":
            self.whole = True
        return []
