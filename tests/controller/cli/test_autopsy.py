"""`netreserve autopsy` on recorded consoles: the cycle with its frames, its exit codes, and logs that are none."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from clirunner import ROOT

from controller.cli.main import carry_out

CONSOLES = ROOT / "tests" / "recorded" / "consoles"


def autopsy(capsys: pytest.CaptureFixture[str], console: Path | str, *more: str) -> tuple[int, str, str]:
    code = carry_out(["autopsy", str(console), *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_named_cycle_is_told_with_its_frames(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = autopsy(capsys, CONSOLES / "refill-worker-virtio-6.12.log")
    assert code == 0
    assert out.splitlines()[0] == "deadlock: kswapd -> storage reply -> refill worker -> kswapd"
    assert "kswapd waits for writes answered, which storage reply must provide: kswapd0: all spare bios" in out
    assert "(seen: mempool_alloc_noprof <- bio_alloc_bioset <- __swap_writepage; physics.md section 1 step 3)" in out


def test_telemetry_tells_what_the_log_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = autopsy(capsys, CONSOLES / "heads-rtl8139-6.12.log")
    assert (code, out.splitlines()[0]) == (1, "no cycle: not everything that one needs is to be seen")
    assert "not seen:\n  what keeps the storage reply from coming" in out
    figures = str(CONSOLES / "heads-rtl8139-6.12.telemetry")
    code, out, _ = autopsy(capsys, CONSOLES / "heads-rtl8139-6.12.log", "--telemetry", figures, "--json")
    found = json.loads(out)
    assert code == 0
    assert [edge["resource"] for edge in found["cycle"]] == ["writes answered", "packet heads", "free pages"]
    assert set(found) == {"cycle", "waits", "found", "missing", "unknown", "ending"}


def test_what_is_no_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.log"
    empty.write_text("\n")
    for path, why in (
        (tmp_path / "none.log", "cannot be read: No such file"),
        (tmp_path, "cannot be read"),
        (empty, "is empty"),
    ):
        code, out, err = autopsy(capsys, path)
        assert code == 2 and not out
        assert err.count("\n") == 1 and f"{path} {why}" in err and "kernel log is needed" in err


def test_other_bytes_name_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(range(256)) * 64)
    code, out, _ = autopsy(capsys, noise)
    assert code == 1 and "a blocked task that waits for memory or storage" in out
    assert out.splitlines()[0] == "no cycle: nobody waits for memory or storage"


def test_a_log_on_stdin_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    log = (CONSOLES / "refill-worker-virtio-6.12.log").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log)))
    code, out, _ = autopsy(capsys, "-")
    assert (code, out.splitlines()[0]) == (0, "deadlock: kswapd -> storage reply -> refill worker -> kswapd")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, out, err = autopsy(capsys, "-")
    assert code == 2 and not out and "- is empty; a kernel log is needed" in err
