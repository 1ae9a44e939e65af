"""The journal's JSON (`journalctl -o json`) as lines of a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

_MESSAGE, _SOURCE = "MESSAGE", "_TRANSPORT"
_SINCE_BOOT = ("_SOURCE_MONOTONIC_TIMESTAMP", "__MONOTONIC_TIMESTAMP")
_BOOT = "_BOOT_ID"


def is_json(text: str) -> bool:
    """Whether the first line is an entry of the journal."""
    first = text[: max(0, text.find("\n"))] or text
    return first.lstrip().startswith("{") and f'"{_MESSAGE}"' in first


def from_json(lines: Iterable[str]) -> list[str]:
    """A line for each line of the kernel's entries, with the stamp that the kernel would have written. Entries of others,
    and lines that are torn, are left out; a start is told as journalctl does."""
    return list(_lines(lines))


def _lines(lines: Iterable[str]) -> Iterator[str]:
    boot = ""
    for line in lines:
        try:
            entry = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if not isinstance(entry, dict) or str(entry.get(_SOURCE, "kernel")) != "kernel":
            continue
        if boot and entry.get(_BOOT, boot) != boot:
            yield "-- Reboot --"
        boot = str(entry.get(_BOOT, boot))
        stamp = next((value for name in _SINCE_BOOT if str(value := entry.get(name, "")).isdigit()), None)
        prefix = f"[{int(stamp) // 1_000_000:5}.{int(stamp) % 1_000_000:06}] " if stamp else ""
        for text in _text(entry.get(_MESSAGE)).split("\n"):
            yield f"{prefix}{text}"


def _text(message: object) -> str:
    """Text that is not plain comes as a list of bytes."""
    if isinstance(message, list):
        return bytes(value & 255 for value in message if isinstance(value, int)).decode(errors="replace")
    return message if isinstance(message, str) else ""
