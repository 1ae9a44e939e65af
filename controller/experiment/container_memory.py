"""How much memory a node's container may have: what it is there for, and what its own programs take beside it."""

from __future__ import annotations

from nodes.config import InitiatorSpec, TargetSpec
from nodes.kernel.commandline import container_bytes, storage_container_bytes
from nodes.units import PAGE_BYTES

INITIATOR_OVERHEAD_BYTES = (
    (48 << 20)  # Python, the pump and libnbd: their bound (measured: 35 to 40 MiB)
    + (28 << 20)  # the child that shapes a link, while it does (nodes.network.shaper)
    + (20 << 20)  # kernel memory that is charged: page tables, socket buffers, the local swap file's cache
)
"""An initiator's container gets this above its modelled memory."""
TARGET_OVERHEAD_BYTES = 64 << 20
"""A target's container gets this above its disk, which lives in memory: nbdkit and the agent (own)."""
GUEST_REQUESTS_BYTES = 256 << 20
"""... and this for each guest that it serves: a real block layer merges what it swaps into requests of up to 1.25 MiB
(max_sectors_kb), and each of the 64 threads that nbdkit has for a connection keeps a buffer as large as the largest that it
had. Measured: 75 MiB for a connection, 88 MiB at most; and the connection of a guest that was ended lives on until the next
guest of its address connects."""


def of_initiator(tier: str, spec: InitiatorSpec) -> int:
    """Bytes for one that is `spec` in `tier`."""
    memory_bytes = spec.machine.memory_pages * PAGE_BYTES
    if tier != "kernel":
        return memory_bytes + INITIATOR_OVERHEAD_BYTES
    disk_bytes = spec.machine.working_set_pages * PAGE_BYTES
    second_bytes = storage_container_bytes(disk_bytes) if spec.guest.transport == "nvme" else 0
    return container_bytes(memory_bytes) + second_bytes


def of_target(tier: str, spec: TargetSpec, initiators: int) -> int:
    """Bytes for one that is `spec` and serves so many `initiators`."""
    requests_bytes = initiators * GUEST_REQUESTS_BYTES if tier == "kernel" else 0
    return spec.size_bytes + TARGET_OVERHEAD_BYTES + requests_bytes
