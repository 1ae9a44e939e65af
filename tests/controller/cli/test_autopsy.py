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
    assert (code, out.splitlines()[0]) == (
        1,
        "no cycle is seen: kswapd0 waits for its writes to be answered by the NBD server",
    )
    assert "not seen:\n  what keeps the storage reply from coming" in out
    figures = str(CONSOLES / "heads-rtl8139-6.12.telemetry")
    code, out, _ = autopsy(capsys, CONSOLES / "heads-rtl8139-6.12.log", "--telemetry", figures, "--json")
    found = json.loads(out)
    assert code == 0
    assert [edge["resource"] for edge in found["cycle"]] == ["writes answered", "packet heads", "free pages"]
    assert (found["kind"], found["past"], found["read"]["tasks"]) == ("deadlock", False, 3)


def test_figures_without_a_line_of_telemetry_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = CONSOLES / "heads-rtl8139-6.12.log"
    other = tmp_path / "other.txt"
    other.write_text("not a line\nT t=12 and no more\n")
    for path in (other, log):
        code, out, err = autopsy(capsys, log, "--telemetry", str(path))
        assert code == 2 and not out
        assert f"--telemetry {path}: no line of it is a guest's telemetry (they begin with 'T t=')" in err


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


def test_what_holds_no_kernel_log_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(range(256)) * 64)
    for path in (noise, ROOT / "README.md", ROOT / "docs" / "howto" / "autopsy-a-frozen-machine.md"):
        code, out, err = autopsy(capsys, path)
        assert code == 2 and not out and f"{path}: this holds no kernel log" in err
    code, out, err = autopsy(capsys, "/dev/zero")
    assert code == 2 and not out and "/dev/zero is a device and has no end" in err
    with open("/dev/zero", "rb") as endless:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(endless))
        code, out, err = autopsy(capsys, "-")
    assert code == 2 and not out and "without a line break" in err


def test_a_report_for_a_bug_tracker_has_no_names(capsys: pytest.CaptureFixture[str]) -> None:
    log = ROOT / "tests" / "recorded" / "frozen" / "nfs-server-gone.log"
    code, out, _ = autopsy(capsys, log, "--md", "--mask-commands")
    assert code == 1 and out.startswith("**the NFS server HOST1 does not answer")
    assert "192.0.2.1" not in out and "COMMAND1:1234" in out
    assert autopsy(capsys, log, "--md", "--json")[0] == autopsy(capsys, log, "--mask-commands")[0] == 2


def test_a_cycle_of_an_earlier_boot_is_named_and_one_that_came_apart_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    frozen = ROOT / "tests" / "recorded" / "frozen"
    code, out, _ = autopsy(capsys, frozen / "two-boots.log")
    assert code == 0 and out.startswith("in an earlier boot (1 of 2")
    code, out, _ = autopsy(capsys, frozen / "later-nobody.log")
    assert code == 1 and out.startswith("nobody waits now")


def test_a_log_on_stdin_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    log = (CONSOLES / "refill-worker-virtio-6.12.log").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log)))
    code, out, _ = autopsy(capsys, "-")
    assert (code, out.splitlines()[0]) == (0, "deadlock: kswapd -> storage reply -> refill worker -> kswapd")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, out, err = autopsy(capsys, "-")
    assert code == 2 and not out and "- is empty; a kernel log is needed" in err
