from __future__ import annotations

from nodes.kernel.accelerator import choose


def test_kvm_is_taken_when_it_runs_at_hardware_speed() -> None:
    chosen = choose(lambda: "hardware")
    assert (chosen.name, chosen.patience) == ("kvm", 1)
    assert "kvm" in chosen.arguments


def test_else_the_guest_is_emulated_with_bounded_memory_and_the_reason_is_told() -> None:
    chosen = choose(lambda: "guest code is emulated")
    assert chosen.name == "tcg" and chosen.patience > 1
    assert "tcg,tb-size=32" in chosen.arguments
    assert "guest code is emulated" in chosen.note
