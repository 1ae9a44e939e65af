"""Boots are told apart, and a spoilt stamp is not a boot."""

from __future__ import annotations

import pytest

from nodes.frozen.boots import boots
from nodes.frozen.lines import messages


def stamped(*seconds: int) -> list[str]:
    return [f"[{second:5}.000000] usb 1-1: line" for second in seconds]


@pytest.mark.parametrize(
    ("lines", "sizes"),
    [
        ([], []),
        (stamped(1, 2, 3, 500, 501), [5]),
        (stamped(*range(100, 110), *range(10)), [10, 10]),
        (stamped(*range(100, 110), 1, *range(110, 115)), [16]),
        (stamped(*range(100, 105), 90_000_000, *range(105, 110)), [11]),
        ([*stamped(*range(10)), "[    0.000000] Linux version 6.1.0", *stamped(1, 2)], [10, 3]),
        ([*(f"Aug 14 12:00:{at:02} host kernel: usb 1-1: line" for at in range(9)), "-- Reboot --", "x"], [9, 2]),
    ],
)
def test_a_start_is_told_by_the_kernel_or_by_its_clock(lines: list[str], sizes: list[int]) -> None:
    assert [len(part) for part in boots(messages(lines))] == sizes
