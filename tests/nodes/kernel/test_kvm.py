from __future__ import annotations

from pathlib import Path

from nodes.kernel import kvm


def test_it_says_hardware_or_why_not() -> None:
    said = kvm.speed()
    assert said and "\n" not in said
    if not Path("/dev/kvm").exists():
        assert said == "there is no /dev/kvm"
