"""Goal: pictures are as small as their format allows, so that those of the documentation are what their command writes."""

from __future__ import annotations

import struct
import zlib

from controller.report import charts
from controller.report.smallpng import SIGNATURE, small


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + data),)
        found.append((kind, data))
        at += length + 12
    return found


def pixels(png: bytes) -> bytes:
    return zlib.decompress(b"".join(data for kind, data in chunks(png) if kind == b"IDAT"))


def test_a_chart_is_deflated_as_far_as_it_goes_and_still_the_same_picture() -> None:
    spec = {"data": {"values": [{"x": x, "y": x * x % 17} for x in range(99)]}, "mark": "line", "config": {}}
    spec |= {"encoding": {axis: {"field": axis, "type": "quantitative"} for axis in ("x", "y")}}
    drawn = charts.paint(spec)
    assert small(drawn) == drawn, "nothing is left to gain"
    assert [kind for kind, _ in chunks(drawn)] == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
    assert len(drawn) < len(zlib.compress(pixels(drawn), 1))


def test_the_picture_is_unchanged() -> None:
    rows = b"".join(b"\x00" + bytes([row, row, row]) * 64 for row in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    stored = zlib.compress(rows, 0)
    parts = [chunk(b"IDAT", stored[:5000]), chunk(b"IDAT", stored[5000:])]
    png = SIGNATURE + chunk(b"IHDR", head) + b"".join(parts) + chunk(b"IEND", b"")
    assert len(small(png)) < len(png) // 10
    assert pixels(small(png)) == rows and chunks(small(png))[0] == (b"IHDR", head)
