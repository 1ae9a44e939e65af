from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import netspaces
import pytest
import tinykernels

from nodes.errors import LackingError
from nodes.kernel import kernels
from nodes.kernel.accelerator import choose
from nodes.kernel.commandline import storage_container_bytes, storage_memory_bytes
from nodes.kernel.kernels import Kernel
from nodes.kernel.storageguest import StorageGuest
from nodes.kernel.wiring import Wiring
from nodes.network.interfaces import Interface

EMULATED = choose(lambda: "no KVM is wanted")
DISK_BYTES = 8 << 20


def test_its_memory_has_room_for_the_disk_and_a_kernel() -> None:
    assert storage_memory_bytes(160 << 20) == (160 + 5 + 96) << 20
    assert storage_memory_bytes((160 << 20) + 1) % (1 << 20) == 0
    assert storage_container_bytes(160 << 20) > storage_memory_bytes(160 << 20)


@pytest.mark.qemu
def test_it_boots_beside_the_first_guest_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tinykernels.write(tmp_path)

    async def story() -> Any:
        wiring = Wiring(Interface("left", netspaces.LEFT))
        wired = await wiring.open(netspaces.RIGHT)
        storage = StorageGuest(kernels.find("tiny", folder), DISK_BYTES, EMULATED)
        try:
            mac = await storage.start(wiring, wired)
            words = Path(f"/proc/{storage.qemu.pid}/cmdline").read_bytes().decode().replace("\0", " ")
        finally:
            await storage.close()
            await wiring.close()
        return mac, words, storage.qemu

    def work() -> Any:
        mac, words, qemu = asyncio.run(story())
        links = subprocess.run(("ip", "-br", "link"), capture_output=True, text=True, check=True).stdout
        return mac, words, qemu.pid, qemu.folder.exists(), links

    with netspaces.pair() as (left, _):
        mac, words, pid, folder_left, links = netspaces.run_in(left, work)
    assert "nr.server=1" in words and f"nr.swap_bytes={DISK_BYTES}" in words and f"mac={mac}" in words
    assert not pid and not folder_left and "tap" not in links and "br0" not in links


def test_a_kernel_that_cannot_serve_is_refused() -> None:
    async def make() -> None:
        StorageGuest(Kernel(name="k", release="6.1", needs={"virtio_net": ()}), DISK_BYTES, EMULATED)

    with pytest.raises(LackingError, match="lacks the module nvmet_tcp"):
        asyncio.run(make())
