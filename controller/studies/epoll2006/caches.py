"""Cache lines and who holds them: one cache a CPU, least recently used line out first, writers hold a line alone."""

from __future__ import annotations

LINE_BYTES = 64
KINDS = ("cached", "bounce", "memory")
"""Where a touched line was: in the CPU's own cache; in another CPU's (or to be taken from it before a write); nowhere."""

_CACHED, _BOUNCE, _MEMORY = range(3)


class Caches:
    """Touches are counted by what they were for (`purpose`) and by kind; `cleared` starts the counts again."""

    def __init__(self, cpus: int, size_bytes: int) -> None:
        self.lines_max = size_bytes // LINE_BYTES
        self._held: list[dict[int, None]] = [{} for _ in range(cpus)]
        """Lines of each CPU, the one used last at the end."""
        self._others = [[held for held in self._held if held is not own] for own in self._held]
        self._tally: dict[str, list[int]] = {}
        self.purpose = "rest"

    def read(self, cpu: int, address: int, size_bytes: int = 1) -> None:
        """`cpu` reads `size_bytes` (1 or more) at `address`."""
        self._touch(cpu, address, size_bytes, writes=False)

    def write(self, cpu: int, address: int, size_bytes: int = 1) -> None:
        """`cpu` writes `size_bytes` (1 or more) at `address`: no other CPU holds the lines afterwards."""
        self._touch(cpu, address, size_bytes, writes=True)

    def dma(self, address: int, size_bytes: int) -> None:
        """A device writes to memory: no CPU holds the lines afterwards."""
        for line in range(address // LINE_BYTES, (address + size_bytes - 1) // LINE_BYTES + 1):
            for held in self._held:
                held.pop(line, None)

    def cleared(self) -> None:
        """Counts start again; what the CPUs hold stays."""
        self._tally.clear()

    def counts(self) -> dict[str, dict[str, int]]:
        """Touches by purpose and kind."""
        return {purpose: dict(zip(KINDS, row, strict=True)) for purpose, row in sorted(self._tally.items())}

    def _touch(self, cpu: int, address: int, size_bytes: int, *, writes: bool) -> None:
        """One loop without calls: it runs a million times."""
        own, others = self._held[cpu], self._others[cpu]
        row = self._tally.setdefault(self.purpose, [0, 0, 0])
        for line in range(address // LINE_BYTES, (address + size_bytes - 1) // LINE_BYTES + 1):
            kind = _MEMORY
            if line in own:
                del own[line]
                kind = _CACHED
            elif len(own) >= self.lines_max:
                del own[next(iter(own))]
            own[line] = None
            for held in others:
                if line in held and (writes or kind == _MEMORY):
                    kind = _BOUNCE
                    if writes:
                        del held[line]
            row[kind] += 1
