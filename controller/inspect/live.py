"""The live machine: its files, and what no file has: a card's receive ring and offloads, and the size of a page."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

from controller.inspect.tree import Folder

RINGS = "/netreserve/rings/"
"""Where `network.py` and the collector's script keep it, in the words of `ethtool -g`."""
OFFLOADS = "/netreserve/offloads/"
"""Likewise, in the words of `ethtool -k`."""
PAGE_KIB = "/netreserve/page_kib"
SIOCETHTOOL, ETHTOOL_GRINGPARAM = 0x8946, 0x10
"""include/uapi/linux/sockios.h and ethtool.h: anybody may ask."""
RINGPARAM = struct.Struct("9I")
"""struct ethtool_ringparam: the command, four most sizes, then rx, rx_mini, rx_jumbo and tx as they are."""
RX = 5
VALUE = struct.Struct("2I")
"""struct ethtool_value: the command, then 0 or 1, or flags."""
OFFLOAD_COMMANDS = (
    ("rx-checksumming", 0x14, 1), ("tcp-segmentation-offload", 0x1E, 1), ("generic-receive-offload", 0x2B, 1),
    ("large-receive-offload", 0x25, 1 << 15),
)  # fmt: skip
"""Name in `ethtool -k`, command (ETHTOOL_GRXCSUM, GTSO, GGRO, GFLAGS), and the bit that says "on" (ETH_FLAG_LRO)."""


class Live(Folder):
    """This machine."""

    def content(self, path: str) -> bytes:
        if path.startswith(RINGS):
            return f"RX:\t\t{rx_slots(path.removeprefix(RINGS))}\n".encode()
        if path.startswith(OFFLOADS):
            name = path.removeprefix(OFFLOADS)
            return "".join(
                f"{word}: {'on' if _asked(name, VALUE, command)[1] & bit else 'off'}\n"
                for word, command, bit in OFFLOAD_COMMANDS
            ).encode()
        if path == PAGE_KIB:
            return f"{os.sysconf('SC_PAGE_SIZE') >> 10}\n".encode()
        return super().content(path)


def rx_slots(name: str) -> int:
    """As the driver of interface `name` says. Raises OSError when it does not."""
    return _asked(name, RINGPARAM, ETHTOOL_GRINGPARAM)[RX]


def _asked(name: str, form: struct.Struct, command: int) -> tuple[int, ...]:
    """What the driver of interface `name` answers to an ethtool command. Raises OSError when it does not."""
    asked = ctypes.create_string_buffer(form.size)
    struct.pack_into("I", asked, 0, command)
    request = struct.pack("16sP", name.encode()[:15], ctypes.addressof(asked)).ljust(40, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        fcntl.ioctl(way, SIOCETHTOOL, request)
    return tuple(map(int, form.unpack(asked.raw)))
