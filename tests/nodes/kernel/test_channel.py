from __future__ import annotations

import asyncio
import socket

from nodes.kernel.channel import BATCH_LINES, LINE_BYTES_MAX, Channel, Stamped


def fed(*data: bytes) -> list[str]:
    seen: list[Stamped] = []
    channel = Channel(seen.append)
    for part in data:
        channel.feed(part)
    assert all(t_ns > 0 for t_ns, _ in seen)
    return [text for _, text in seen]


def test_lines_are_put_together_from_what_comes() -> None:
    assert fed(b"one\r\ntw", b"o\nthr", b"ee") == ["one", "two"]


def test_a_line_without_end_is_cut() -> None:
    assert [len(line) for line in fed(b"x" * LINE_BYTES_MAX, b"xx", b"y\n")] == [LINE_BYTES_MAX + 2, 1]


def test_bytes_that_are_no_text_are_kept() -> None:
    assert fed(b"\xff\x00\xe9\n") == ["\xff\0\xe9"]


def test_lines_are_given_away_in_batches_once() -> None:
    channel = Channel(lambda line: None)
    for number in range(BATCH_LINES + 1):
        channel.add(str(number))
    assert [text for _, text in channel.take()] == [str(number) for number in range(BATCH_LINES)]
    assert [text for _, text in channel.take()] == [str(BATCH_LINES)]
    assert channel.take() == []


async def test_what_is_left_when_the_other_side_hangs_up_is_read() -> None:
    ours, theirs = socket.socketpair()
    seen: list[Stamped] = []
    channel = Channel(seen.append)
    await channel.open(ours)
    channel.send(b"key")
    await asyncio.sleep(0)
    assert theirs.recv(9) == b"key"
    theirs.sendall(b"a\nlast words")
    theirs.close()
    await channel.drained()
    channel.close()
    assert [text for _, text in seen] == ["a", "last words"]
