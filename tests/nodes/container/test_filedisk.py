"""The local disk keeps what it was given and answers in the next round of the loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nodes.container.filedisk import FileDisk
from nodes.errors import LackingError
from nodes.machine.events import Completed
from nodes.units import PAGE_BYTES


async def test_pages_come_back(tmp_path: Path) -> None:
    disk, ready = FileDisk(tmp_path / "swap" / "file", 8 * PAGE_BYTES), asyncio.Event()
    disk.on_ready = ready.set
    page = bytearray(b"netreser" * 512)
    disk.submit_write([1], 5 * PAGE_BYTES, memoryview(page))
    back = bytearray(PAGE_BYTES)
    disk.submit_read([2], 5 * PAGE_BYTES, memoryview(back))
    assert not ready.is_set(), "never from inside a submit"
    await asyncio.wait_for(ready.wait(), 5)
    assert disk.take() == [Completed(1), Completed(2)] and disk.take() == []
    assert back == page
    await disk.close()
    assert not (tmp_path / "swap" / "file").exists()


async def test_a_request_beyond_the_end_is_an_error_of_that_request(tmp_path: Path) -> None:
    disk = FileDisk(tmp_path / "file", PAGE_BYTES)
    disk.submit_read([1], PAGE_BYTES, memoryview(bytearray(PAGE_BYTES)))
    assert [answer.error for answer in disk.take()] == [5]
    await disk.close()


async def test_a_place_that_cannot_be_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LackingError, match="no local swap file"):
        FileDisk(tmp_path / "file" / "swap", PAGE_BYTES)
