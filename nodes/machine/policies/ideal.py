"""`ideal`: the yardstick. It knows whose packet it is before the packet costs anything, which no machine can."""

from __future__ import annotations

from typing import ClassVar

from nodes.machine.policies.base import Policy
from nodes.machine.watermarks import Watermarks


class IdealPolicy(Policy):
    """At or below min a stranger's packet is dropped before it costs a page, and reception takes none from the reserve.
    Packets of the paging socket always get through and need no memory. What hangs under this policy, no policy of reception
    can save; what lives under another as well, needs no better one (own)."""

    name: ClassVar[str] = "ideal"
    follows: ClassVar[str] = "our own: an oracle, the yardstick of all others"
    patches_sender: ClassVar[bool] = True
    memalloc_socket: ClassVar[bool] = True
    oracle: ClassVar[bool] = True

    def rx_floor(self, marks: Watermarks) -> int:
        return marks.kernel_floor

    def on_demux(self, memalloc_socket: bool) -> bool:
        return memalloc_socket
