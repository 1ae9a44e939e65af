"""A log of any size in bounded memory: of a large one only the surroundings of what matters are kept.

Of a log of up to `WHOLE_BYTES` every line is. Beyond, blocks without any of a few words are passed over, which goes as fast
as bytes can be searched; the blocks before and after one with such a word are kept, too, since the first and the last
lines of a stack have none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from nodes.frozen.journal import from_json, is_json
from nodes.frozen.unpack import as_utf8, blocks, unpacked

WHOLE_BYTES = 4 << 20
KEPT_BYTES_MAX = 16 << 20
"""Of text; the oldest goes first (own: some 200,000 lines)."""
BLOCK_BYTES = 128 << 10
_FRAME = b"+0x"
_WORDS = (
    b"location fail", b"ut of memory", b"not responding", b" swap on ", b"Linux version", b"conn error", b"ping timeout",
    b"PingAck", b" conn( ", b"stuck request", b"no usable path", b"econnecting in", b"onnection timed out",
)  # fmt: skip
"""What a log that matters has somewhere, the later ones where a server of iSCSI, DRBD, NVMe or NBD is gone and no stack
stands in the log; few, since each costs a search of everything. Stacks, and with them hung tasks and
lockups, have `+0x`, which stands by itself because one `+` is found far faster."""
_BREAK = re.compile(r"\r\n|\n|\r")


class Sieve:
    """Takes chunks of bytes, as they come from a file, and keeps the lines that matter."""

    def __init__(self, progress: Callable[[int], None] | None = None) -> None:
        self._progress = progress or (lambda _: None)
        self.read_bytes = 0
        """Unpacked."""
        self.dropped_bytes = 0
        """Of what matters, as there was too much of it."""

    def lines(self, chunks: Iterable[bytes]) -> list[str]:
        """The lines that matter, in their order. Raises UsageError for what cannot be a log."""
        kept = b"".join(self._kept(blocks(as_utf8(unpacked(chunks)), BLOCK_BYTES)))
        text = kept.decode(errors="replace")
        return from_json(text.splitlines()) if is_json(text) else _BREAK.split(text)

    def _kept(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        kept: deque[bytes] = deque()
        kept_bytes, after, before = 0, False, b""
        for piece in self._counted(pieces):
            small = self.read_bytes <= WHOLE_BYTES
            hit = small or _matters(piece)
            for one in (before, piece) if hit and not after else (piece,) if hit or after else ():
                kept.append(one)
                kept_bytes += len(one)
            after, before = hit and not small, b"" if hit or after else piece
            while kept_bytes > KEPT_BYTES_MAX:
                gone = len(kept.popleft())
                kept_bytes, self.dropped_bytes = kept_bytes - gone, self.dropped_bytes + gone
        return kept

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.read_bytes += len(piece)
            self._progress(self.read_bytes)
            yield piece


def _matters(piece: bytes) -> bool:
    return (b"+" in piece and _FRAME in piece) or any(word in piece for word in _WORDS)
