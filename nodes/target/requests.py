"""How many pages a target has read and written for its initiators, measured without asking them, or nbdkit (which tells
only when it ends).

Writes are counted where they end: nbdkit's `file` plugin writes each page with one pwrite, and it sends replies with send,
not write; so the process's `wchar` (/proc/PID/io) is 4096 bytes for each page written, and a byte or two beside.

Reads are counted where *they* end, at the client: a read's reply is 16 + 4096 bytes and a write's 16, all of it acknowledged
by the client's TCP in the end. So reads = (bytes acknowledged - 16 x writes) / 4112, rounded down: a reply that is still
on its way does not count. (nbdkit runs without structured replies, whose headers would be longer.)

The remainder is small and bounded. Too many: 20 bytes of libnbd's handshake stay uncounted for (one read per 205
connections), and 257 requests answered with an injected error look like one read. Too few: what a connection carried
between the last look and its end (100 ms at most, since each sample looks), and, since a request may carry several pages,
one read page for 257 pages written together at most.
"""

from __future__ import annotations

from pathlib import Path

from nodes.machine.events import REPLY_BYTES
from nodes.target.sockdiag import SockDiag
from nodes.units import PAGE_BYTES

HANDSHAKE_BYTES = 70
"""What nbdkit sends at least before the first reply: greeting 18, size and flags 32, acknowledgement 20."""


class Served:
    """Counts the requests served by the nbdkit processes that follow each other on one port. The count only grows."""

    def __init__(self, diag: SockDiag) -> None:
        self._diag = diag
        self._acked: dict[bytes, int] = {}
        self._acked_closed = 0
        self._writes_before = 0
        self._reads = 0
        self._io: Path | None = None
        self._writes = 0

    def follow(self, pid: int) -> None:
        """From now on process `pid` writes; what the one before it did stays counted."""
        self._writes_before += self._writes
        self._writes, self._io = 0, Path(f"/proc/{pid}/io")

    def count(self) -> int:
        """Requests served so far."""
        self._look()
        writes = self._writes_before + self._writes
        carried = self._acked_closed + sum(map(_without_handshake, self._acked.values()))
        self._reads = max(self._reads, (carried - REPLY_BYTES * writes) // (REPLY_BYTES + PAGE_BYTES))
        return writes + self._reads

    def _look(self) -> None:
        acked = self._diag.bytes_acked()
        for cookie in self._acked.keys() - acked.keys():
            self._acked_closed += _without_handshake(self._acked[cookie])
        self._acked = acked
        if self._io is not None:
            self._writes = max(self._writes, written_bytes(self._io) // PAGE_BYTES)


def written_bytes(io: Path) -> int:
    """`wchar` of a process's `io` file; 0 once the process is gone."""
    try:
        return int(io.read_text().split("wchar: ")[1].split()[0])
    except (OSError, IndexError):
        return 0


def _without_handshake(acked_bytes: int) -> int:
    return max(0, acked_bytes - HANDSHAKE_BYTES)
