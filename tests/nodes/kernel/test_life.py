"""A guest's life as far as it needs no QEMU: what is refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
import tinykernels

from nodes.config import InitiatorSpec, MachineConfig, PolicySpec
from nodes.errors import LackingError
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
