"""The live machine: its files, and the one fact that no file has, how many slots a card's receive ring has."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct

from controller.inspect.tree import Folder

RINGS = "/netreserve/rings/"
"""Where `network.py` and the collector's script keep it, in the words of `ethtool -g`."""
SIOCETHTOOL, ETHTOOL_GRINGPARAM = 0x8946, 0x10
"""include/uapi/linux/sockios.h and ethtool.h: anybody may ask."""
RINGPARAM = struct.Struct("9I")
"""struct ethtool_ringparam: the command, four most sizes, then rx, rx_mini, rx_jumbo and tx as they are."""
RX = 5


class Live(Folder):
    """This machine."""

    def content(self, path: str) -> bytes:
        if path.startswith(RINGS):
            return f"RX:\t\t{rx_slots(path.removeprefix(RINGS))}\n".encode()
        return super().content(path)


def rx_slots(name: str) -> int:
    """As the driver of interface `name` says. Raises OSError when it does not."""
    asked = ctypes.create_string_buffer(RINGPARAM.pack(ETHTOOL_GRINGPARAM, *[0] * 8), RINGPARAM.size)
    request = struct.pack("16sP", name.encode()[:15], ctypes.addressof(asked)).ljust(40, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        fcntl.ioctl(way, SIOCETHTOOL, request)
    return int(RINGPARAM.unpack(asked.raw)[RX])
