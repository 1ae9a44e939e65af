"""Whatever way a kernel line came, its text is the same."""

from __future__ import annotations

import pytest

from nodes.frozen.lines import LINE_CHARS_MAX, Message, messages

TEXT = "mempool_alloc+0x172/0x1b0"


@pytest.mark.parametrize(
    ("line", "at_us", "caller"),
    [
        (f"[   12.345678] {TEXT}", 12_345_678, ""),
        (f"<4>[   12.345678] {TEXT}\r\n", 12_345_678, ""),
        (f"[   12.345678][   T45] {TEXT}", 12_345_678, "T45"),
        (f"[   12.345678][    C0] {TEXT}", 12_345_678, "C0"),
        (f"\x00[[   12.3456789] {TEXT}", 12_345_678, ""),
        (f"4,416,12345678,-;{TEXT}", 12_345_678, ""),
        (f"4,416,12345678,c,caller=T45;{TEXT}", 12_345_678, "T45"),
        (f"[Mon Nov 23 02:50:21 2026] {TEXT}", 1795402221000000, ""),
        (f"Nov 23 02:50:21 host kernel: [   12.345678] {TEXT}", 12_345_678, ""),
        (f"2026-11-23T02:50:21.123456+00:00 host kernel: {TEXT}", 1795402221123456, ""),
        (TEXT, None, ""),
    ],
)
def test_prefixes_come_off(line: str, at_us: int | None, caller: str) -> None:
    assert messages([line]) == [Message(TEXT, at_us, caller)]


def test_what_has_no_known_prefix_is_all_text() -> None:
    assert [message.text for message in messages(["", "hello, 4,5;6", "[x] y"])] == ["", "hello, 4,5;6", "[x] y"]


@pytest.mark.parametrize(
    "piece", ["a", "[", "(", "a ", "< ", "[<ffffffff81000000>] ", "x D ", "INFO: task ", "a from b "]
)
def test_endless_lines_are_cut(piece: str) -> None:
    (message,) = messages([piece * 10_000])
    assert len(message.text) <= LINE_CHARS_MAX
