from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from nodes.kernel import kvm

SAID = (
    r"hardware|there is no /dev/kvm|guest code is emulated \(\d+ loop rounds took more than 0\.3 s\)"
    r"|an instruction cannot be emulated|/dev/kvm refuses: .+|not examined on (?!x86_64)\w+"
)


def test_this_machine_is_one_of_those_that_are_known() -> None:
    assert re.fullmatch(SAID, kvm.speed())


@pytest.mark.parametrize("device", [os.devnull, "/nowhere/kvm"])
def test_an_empty_device_is_none(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "DEVICE", Path(device))
    assert kvm.speed() == "there is no /dev/kvm"


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo hardware", "hardware"),
        ("echo '/dev/kvm refuses: Permission denied'", "/dev/kvm refuses: Permission denied"),
        ("kill -ALRM $$", "guest code is emulated (2000000 loop rounds took more than 0.3 s)"),
        ("exit 3", "the probe ended with status 3"),
        ("kill -SEGV $$", "the probe ended with status -11"),
    ],
)
def test_what_becomes_of_the_probe_is_told(
    does: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = tmp_path / "probe"
    probe.write_text(f"#!/bin/sh\n{does}\n")
    probe.chmod(0o755)
    monkeypatch.setattr(kvm, "DEVICE", probe)
    monkeypatch.setattr(sys, "executable", str(probe))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert kvm.speed() == said
