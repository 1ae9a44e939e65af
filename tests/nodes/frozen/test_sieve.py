"""A log of any size, however packed, comes as its lines that matter, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Iterator

import pytest
import zstandard

from nodes.errors import UsageError
from nodes.frozen.sieve import KEPT_BYTES_MAX, WHOLE_BYTES, Sieve

TEXT = "[    1.000000] task:kswapd0 state:D pid:87\r\n[    1.000001]  schedule+0x1/0x2\rlast\n"
LINES = ["[    1.000000] task:kswapd0 state:D pid:87", "[    1.000001]  schedule+0x1/0x2", "last", ""]
DULL = b"Aug  1 12:00:00 host sshd[1]: nothing of note happened here at all, as on any other day\n"


def sieved(content: bytes, chunk_bytes: int = 1000) -> list[str]:
    return Sieve().lines(content[at : at + chunk_bytes] for at in range(0, len(content), chunk_bytes))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        gzip.compress(TEXT.encode(), mtime=0),
        gzip.compress(TEXT[:40].encode(), mtime=0) + gzip.compress(TEXT[40:].encode(), mtime=0),
        lzma.compress(TEXT.encode()),
        bz2.compress(TEXT.encode()),
        zstandard.compress(TEXT.encode()),
    ],
)
def test_a_log_is_read_however_it_is_packed_and_encoded(content: bytes) -> None:
    assert sieved(content) == sieved(content, 7) == LINES


def test_bytes_that_are_no_text_are_kept_as_they_can() -> None:
    assert sieved(b"task:a\xff\xfe state:D\n") == ["task:a�� state:D", ""]


def test_a_packed_log_that_breaks_off_is_read_up_to_there_and_a_false_one_refused() -> None:
    packed = gzip.compress(b"".join(b"[%8d.000000] line\n" % number for number in range(50_000)))
    assert len(sieved(packed[: len(packed) // 2])) > 100
    with pytest.raises(UsageError, match="cannot be unpacked"):
        sieved(b"\xfd7zXZ\x00" + b"nonsense" * 100)


def test_what_never_breaks_a_line_is_refused() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)

    with pytest.raises(UsageError, match="without a line break"):
        Sieve().lines(endless())


def test_of_a_large_log_the_surroundings_of_what_matters_are_kept() -> None:
    dull = DULL * (2 * WHOLE_BYTES // len(DULL))
    stack = b"kswapd0 D 0 87 2 0x80004000\nCall Trace:\n schedule+0x1/0x2\n"
    sieve = Sieve()
    lines = sieve.lines([dull, stack, dull])
    at = lines.index(" schedule+0x1/0x2")
    assert lines[at - 2 : at] == ["kswapd0 D 0 87 2 0x80004000", "Call Trace:"]
    assert sieve.read_bytes == 2 * len(dull) + len(stack)
    assert len(lines) < (WHOLE_BYTES + (1 << 20)) // len(DULL)


@pytest.mark.parametrize(
    "line",
    [
        b" connection1:0: detected conn error (1020)",
        b" connection1:0: ping timeout of 5 secs expired, recv timeout 5",
        b"drbd r0: PingAck did not arrive in time.",
        b"drbd r0: conn( Connected -> NetworkFailure ) pdsk( UpToDate -> DUnknown )",
        b"block nbd3: Possible stuck request 00000000a1b2c3d4: control (write@4096,4096B). Runtime 30 seconds",
        b"block nbd3: Connection timed out, shutting down connection",
        b"nvme nvme1: Reconnecting in 10 seconds...",
        b"block nvme1n1: no usable path - requeuing I/O",
    ],
)
def test_a_single_line_of_a_gone_server_is_found_in_a_large_log(line: bytes) -> None:
    dull = DULL * (2 * WHOLE_BYTES // len(DULL))
    assert line.decode() in Sieve().lines([dull, line + b"\n", dull])


def test_too_much_that_matters_loses_its_oldest() -> None:
    frame = b"[    1.000000]  schedule_timeout_uninterruptible+0x1/0x2 and more of the same as long as it takes\n"
    sieve = Sieve()
    lines = sieve.lines(frame * 10_000 for _ in range(KEPT_BYTES_MAX // (len(frame) * 10_000) + 3))
    assert sieve.dropped_bytes and sum(map(len, lines)) <= KEPT_BYTES_MAX


def test_progress_is_told_in_bytes() -> None:
    told: list[int] = []
    Sieve(told.append).lines([DULL * 1000, DULL * 1000])
    assert told[-1] == len(DULL) * 2000 and told == sorted(told)


def test_the_journals_json_is_the_kernels_lines() -> None:
    entries = [
        {"MESSAGE": "one\ntwo", "_TRANSPORT": "kernel", "_BOOT_ID": "a", "_SOURCE_MONOTONIC_TIMESTAMP": "1500000"},
        {"MESSAGE": "of sshd", "_TRANSPORT": "syslog", "_BOOT_ID": "a"},
        {"MESSAGE": list(b"\x1b[1mbold"), "_TRANSPORT": "kernel", "_BOOT_ID": "b", "__MONOTONIC_TIMESTAMP": "7"},
    ]
    text = "\n".join([json.dumps(entry) for entry in entries] + ['{"MESSAGE": "torn'])
    assert sieved(text.encode()) == [
        "[    1.500000] one",
        "[    1.500000] two",
        "-- Reboot --",
        "[    0.000007] \x1b[1mbold",
    ]
