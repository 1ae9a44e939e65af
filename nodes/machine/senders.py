"""With which rights the block driver allocates what it sends. They were not always what they are.

submitter  In 2005 and 2006: a request runs in the context of whoever submitted it, and nbd sets GFP_NOIO on every send.
           Reclaim has PF_MEMALLOC, so a write may go to 0; a task that reads a page back stops at min (drivers/block/nbd.c
           `sock_xmit`, mm/page_alloc.c). What the block layer's own thread runs has no such right, which Zijlstra's patch
           mends (12 Sep 2006, PATCH 13/20, 20060912144904.417049000@chello.nl): 2006 lies between this and `noio`.
noio       Then, up to 3.5: a thread of the driver's own sends everything, with GFP_NOIO and no PF_MEMALLOC: it stops at min.
memalloc   Since 3.6: PF_MEMALLOC around every send, and GFP_NOIO with __GFP_MEMALLOC, whatever the socket's flag: 0
           (12 Jul 2012, PATCH 14/16, 1342075232-29267-15-git-send-email-mgorman@suse.de).

All have one lock for the connection, so what cannot be sent keeps back what comes after it (physics.md sections 0 and 3).
"""

from __future__ import annotations

from typing import NamedTuple

from nodes.config import Sender
from nodes.machine.watermarks import Watermarks


class TxFloors(NamedTuple):
    """Pages that sending leaves free."""

    read: int
    write: int

    @classmethod
    def of(cls, sender: Sender, marks: Watermarks) -> TxFloors:
        """What `sender` may do between these marks."""
        min_pages, none = marks.kernel_floor, marks.memalloc_floor
        match sender:
            case "submitter":
                return cls(min_pages, none)
            case "noio":
                return cls(min_pages, min_pages)
            case "memalloc":
                return cls(none, none)
