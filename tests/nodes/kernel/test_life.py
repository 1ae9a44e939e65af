"""A guest's life as far as it needs no QEMU: what is refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
import tinykernels
from msgspec.structs import replace

from nodes.config import GuestSpec, InitiatorSpec, MachineConfig, PolicySpec
from nodes.errors import HarnessError, LackingError, UsageError
from nodes.kernel.accelerator import choose
from nodes.kernel.life import Life
from nodes.kernel.wiring import Wiring
from nodes.network.interfaces import Interface

SPEC = InitiatorSpec(
    machine=MachineConfig(memory_pages=20_480, min_free_pages=1024),
    policy=PolicySpec(name="none"),
    target="198.18.1.2:10809",
)


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETRESERVE_KERNELS_DIR", str(tmp_path / "vm"))
    return tinykernels.write(tmp_path / "vm")


def born(spec: InitiatorSpec = SPEC) -> Life:
    """One that is not started."""
    wiring = Wiring(Interface("left", "198.18.1.5"))
    return Life(spec, wiring, choose(lambda: "no KVM is wanted"), lambda kind, detail: None, lambda why: None)


async def test_a_kernels_folder_without_a_kernel_is_refused(kernels: Path) -> None:
    (kernels / "tiny" / "vmlinux").unlink()
    with pytest.raises(LackingError, match=r"kernel tiny: .*/vmlinux is missing: make the image again"):
        born()


@pytest.mark.parametrize(
    ("ram", "min_free_pages", "possible"),
    [
        ("", 10_241, "128 KiB to 40 MiB"),
        ("MemTotal:  60000 kB", 7_501, "128 KiB to 29.3 MiB"),
        ("MemTotal:  60000 kB", 31, "128 KiB to 29.3 MiB"),
    ],
)
async def test_a_min_free_that_the_guest_cannot_have_is_refused_with_what_it_can(
    kernels: Path, ram: str, min_free_pages: int, possible: str
) -> None:
    guest = born()
    try:
        guest.console.channel.add(f"netreserve: {ram}")
        with pytest.raises(UsageError, match=f"min_free .* cannot be set in this guest: {possible} are possible"):
            await guest.change(replace(SPEC, machine=replace(SPEC.machine, min_free_pages=min_free_pages)))
    finally:
        await guest.close("it was not started")


async def in_force(spec: InitiatorSpec, **told: int) -> GuestSpec:
    """What a guest of `spec` has, when its telemetry tells this."""
    guest = born(spec)
    try:
        guest.feed.newest = replace(guest.feed.newest, memalloc=0, min_free_kb=4096, **told)
        return guest.in_force().guest
    finally:
        await guest.close("it was not started")


async def test_a_boost_factor_is_what_the_guest_tells_and_not_what_was_asked(kernels: Path) -> None:
    asked = replace(SPEC, guest=GuestSpec(boost_factor=0))
    for spec, told, found in ((asked, 0, 0), (asked, 15_000, 15_000), (SPEC, 15_000, None)):
        assert (await in_force(spec, boost_factor=told)).boost_factor == found


async def test_a_limit_of_a_group_is_that_of_the_group_which_pays_for_the_storage_socket(kernels: Path) -> None:
    asked = replace(SPEC, guest=GuestSpec(cgroup_pages=8192))
    for spec, charged, found in ((asked, 8192, 8192), (asked, 0, 0), (SPEC, 0, None)):
        assert (await in_force(spec, cgroup_max=charged)).cgroup_pages == found


async def test_a_min_free_that_stays_is_not_looked_at(kernels: Path) -> None:
    spec = replace(SPEC, machine=replace(SPEC.machine, min_free_pages=16))
    guest = born(spec)
    try:
        with pytest.raises(HarnessError, match="the guest is dead"):
            await guest.change(replace(spec, policy=PolicySpec(name="memalloc")))
    finally:
        await guest.close("it was not started")
