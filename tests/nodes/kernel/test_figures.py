"""Of a telemetry record, the newest line and the one of when progress stopped."""

from __future__ import annotations

from nodes.kernel.figures import at_stall


def test_the_stop_is_the_first_line_with_the_last_progress() -> None:
    lines = [
        "T t=1 progress=1",
        "T t=2 progress=5 fail_head=1",
        "garbage",
        "T t=3 progress=5 fail_head=9",
        "T t=4 progr",
    ]
    newest, stopped = at_stall(lines)
    assert newest is not None and stopped is not None
    assert (newest.t, stopped.t) == (3, 2)


def test_a_machine_that_gets_on_stopped_only_now() -> None:
    assert at_stall([]) == (None, None)
    newest, stopped = at_stall(["T t=1 progress=1", "T t=2 populated=5"])
    assert newest is not None and newest.t == 2 and stopped is newest


def test_of_one_line_alone_nobody_knows_what_grew() -> None:
    newest, stopped = at_stall(["2026-11-23T02:50:21.123456Z T t=1 progress=1"])
    assert newest is not None and newest.t == 1 and stopped is None
