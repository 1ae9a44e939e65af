"""A file that is there in full or not at all, whenever somebody looks, and however the writer ends."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Writes `content` (text as UTF-8) beside `path` and puts it there in one step; returns `path`. Raises OSError, and
    leaves nothing behind then."""
    half = path.with_name(f"{path.name}.part")
    try:
        half.write_bytes(content.encode() if isinstance(content, str) else content)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    return path
