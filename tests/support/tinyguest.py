"""A guest of a hundred bytes of machine code: says two lines and repeats on its console what it is told there."""

from __future__ import annotations

import struct
from pathlib import Path

TELEMETRY = b"T t=7 memalloc=0 progress=3\n"
READY = b"netreserve: ready\n"
_AT = 0x100000
_MAGIC, _OWN_ADDRESSES = 0x1BADB002, 0x10000
"""Multiboot: the header says itself where the image goes."""
_HEADER_BYTES = 32


def write(path: Path) -> Path:
    """The guest's image, for QEMU's -kernel."""
    path.write_bytes(_image())
    return path


def _image() -> bytes:
    stack = b"\xbc\x00\x00\x09\x00"  # mov esp, 0x90000
    say_bytes, loop_bytes = 14, 20
    puts_at = len(stack) + 2 * say_bytes + loop_bytes
    puts = b"\xac\x84\xc0\x74\x03\xee\xeb\xf8\xc3"  # again: lodsb; test al,al; jz out; out dx,al; jmp again; out: ret
    words = _AT + _HEADER_BYTES + puts_at + len(puts)

    def say(number: int, address: int, port: int) -> bytes:  # mov esi,address; mov dx,port; call puts
        after = len(stack) + (number + 1) * say_bytes
        return struct.pack(
            "<BI3sBBi", 0xBE, address, b"\x66\xba" + bytes([port & 255]), port >> 8, 0xE8, puts_at - after
        )

    # again: wait for COM1's data ready; in al,dx; out dx,al; mov al,10; out dx,al; jmp again
    loop = b"\x66\xba\xfd\x03\xec\xa8\x01\x74\xf7\x66\xba\xf8\x03\xec\xee\xb0\x0a\xee\xeb\xec"
    code = stack + say(0, words, 0x402) + say(1, words + len(TELEMETRY) + 1, 0x3F8) + loop + puts
    header = struct.pack(
        "<8I", _MAGIC, _OWN_ADDRESSES, -(_MAGIC + _OWN_ADDRESSES) & 0xFFFFFFFF, _AT, _AT, 0, 0, _AT + _HEADER_BYTES
    )
    return header + code + TELEMETRY + b"\0" + READY + b"\0"
