"""What our real kernels did that swapped over NBD under junk, by network card: a sum of docs/reference/kernel-matrix.md.

A cell is a few trials of two floods (streams and datagrams that nobody reads), on 6.1, 6.12 and 7.3, with guests of 128 MiB
and QEMU's cards: a case that happened, not a law.
"""

from __future__ import annotations

from typing import NamedTuple

PAGE = "reference/kernel-matrix.md"


class Cell(NamedTuple):
    """So many of so many trials hung, and in so many others the machine killed a task for want of memory."""

    hung: int
    trials: int
    killed: int = 0

    @property
    def told(self) -> str:
        """`hung in 1 of 21 trials, and 5 lost a task to the OOM killer`."""
        killed = f", and {self.killed} lost a task to the OOM killer" if self.killed else ""
        return f"hung in {self.hung} of {self.trials} trials{killed}"


CELLS: dict[tuple[str, bool], Cell] = {
    ("rtl8139", True): Cell(7, 8),
    ("rtl8139", False): Cell(8, 8),
    ("e1000e", True): Cell(1, 16, 6),
    ("e1000e", False): Cell(20, 21),
    ("virtio-net", True): Cell(5, 5),
    ("virtio-net", False): Cell(6, 6),
    ("vmxnet3", True): Cell(3, 4, 1),
    ("vmxnet3", False): Cell(4, 4),
    ("e1000", True): Cell(1, 3),
    ("e1000", False): Cell(2, 3),
    ("igb", True): Cell(2, 3),
    ("igb", False): Cell(2, 3),
}
"""NIC model, and whether SOCK_MEMALLOC was set -> what happened."""
