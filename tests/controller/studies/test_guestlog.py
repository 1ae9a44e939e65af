"""Telemetry of a guest as the run folder keeps it."""

from __future__ import annotations

from pathlib import Path

from controller.service.guestlines import utc
from controller.studies.guestlog import telemetry
from nodes.units import MS_NS, SECOND_NS

T_NS = 1_700_000_000 * SECOND_NS


def test_what_was_told_comes_back_with_its_times_and_torn_lines_do_not(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    lines = [
        f"{utc(T_NS)} T t=100 free=7 anon=3",
        f"{utc(T_NS + 500 * MS_NS)} T t=600 fr",
        "T t=700 free=9",
        "yesterday T t=800 free=9",
        "",
        f"{utc(T_NS + SECOND_NS)} T t=1100 free=8",
    ]
    (tmp_path / "nodes" / "initiator-1.telemetry.log").write_text("\n".join(lines))
    found = telemetry(tmp_path, "initiator-1")
    assert [(t_ns, told.free, told.anon) for t_ns, told in found] == [(T_NS, 7, 3), (T_NS + SECOND_NS, 8, 0)]


def test_a_run_without_a_guest_has_none(tmp_path: Path) -> None:
    assert telemetry(tmp_path, "initiator-1") == []
