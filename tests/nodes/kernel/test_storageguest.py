from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import netspaces
import pytest
import tinykernels
from guests import kernels_folder
from msgspec.structs import replace

from nodes.config import GuestSpec, InitiatorSpec, MachineConfig, PolicySpec
from nodes.errors import LackingError
from nodes.kernel import kernels
from nodes.kernel.accelerator import choose
from nodes.kernel.arm import KernelArm
from nodes.kernel.commandline import storage_container_bytes, storage_memory_bytes
from nodes.kernel.kernels import Kernel
from nodes.kernel.storageguest import StorageGuest
from nodes.kernel.wiring import Wiring
from nodes.messages import Desired
from nodes.network.interfaces import Interface

EMULATED = choose(lambda: "no KVM is wanted")
DISK_BYTES = 8 << 20
SWAPPING_S = 60.0
"""On a machine that emulates two guests and runs much else."""


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


@pytest.mark.qemu
def test_a_real_kernel_swaps_to_it_and_its_sockets_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.FOLDER_VARIABLE, str(kernels_folder(tmp_path)))
    spec = InitiatorSpec(
        machine=MachineConfig(memory_pages=24_576, working_set_pages=24_576, touch_pages_per_s=0, tasks=1, cpus=1),
        policy=PolicySpec(name="none"),
        target=f"{netspaces.RIGHT}:10809",
        guest=GuestSpec(transport="nvme"),
    )

    async def story() -> Any:
        arm = KernelArm("initiator-1", Interface("left", netspaces.LEFT))
        try:
            booted = await arm.apply(Desired(seq=1, run="run-1", spec=spec))
            assert not booted.error, booted.error
            flagged = await arm.apply(
                Desired(seq=2, run="run-1", spec=replace(spec, policy=PolicySpec(name="memalloc")))
            )
            async with asyncio.timeout(SWAPPING_S):
                while (now := arm.sample()).verified_pages < 500:
                    await asyncio.sleep(0.05)
        finally:
            await arm.close()
        return booted.spec, flagged, now

    with netspaces.pair() as (left, _):
        monkeypatch.setattr(netspaces, "ANSWER_S", 4 * SWAPPING_S)
        booted, flagged, now = netspaces.run_in(left, lambda: asyncio.run(story()))
    assert booted == spec, "the client's own flag was taken away"
    assert flagged.spec.policy.name == "memalloc" and not flagged.error
    assert now.swap_in_pages > 0 and now.swap_out_pages > 1000 and not now.corrupt_pages
