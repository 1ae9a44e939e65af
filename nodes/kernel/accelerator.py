"""What runs a guest's instructions: KVM where it works at hardware speed, else QEMU's own translation (TCG)."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from nodes.kernel import kvm

EMULATED_PATIENCE = 3
READY_S = 20.0
"""A guest's time from power-on to `READY`, at hardware speed: 3 to 8 s when emulated (lab.md section 4), several at once
take longer."""
_GUESTS = 2
"""An initiator's own and, with transport `nvme`, its storage target, one after the other."""
READY_S_MAX = _GUESTS * READY_S * EMULATED_PATIENCE
"""What a node may take until its guests are ready, or told to have failed."""


class Accelerator(Struct, frozen=True, kw_only=True):
    """How QEMU is to run its guest, and what follows from that."""

    name: str
    arguments: tuple[str, ...]
    note: str
    """Why this one, for a person."""
    patience: float
    """What time limits are multiplied by: 1 at hardware speed, EMULATED_PATIENCE without."""


def choose(speed: Callable[[], str] = kvm.speed) -> Accelerator:
    """Probes KVM (up to 0.5 s): QEMU itself does not fall back from a KVM that opens and then runs nothing (own
    measurement, on a host whose KVM is nested without VMX or SVM)."""
    said = speed()
    if said == "hardware":
        return Accelerator(name="kvm", arguments=("-accel", "kvm", "-cpu", "host"), note="KVM", patience=1)
    return Accelerator(
        name="tcg",
        # tb-size: MiB of translated code, so that QEMU's memory is bounded (own measurement); la57 off saves a
        # fifth level of page tables in each of the guest's accesses (lab.md section 4)
        arguments=("-accel", "tcg,tb-size=32", "-cpu", "max,la57=off"),
        note=f"guests are emulated (TCG): {said}",
        patience=EMULATED_PATIENCE,
    )
