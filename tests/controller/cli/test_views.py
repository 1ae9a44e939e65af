"""The live table on a terminal: what it shows, and what it warns of by more than colour."""

from __future__ import annotations

from rich.console import Console

from controller.api import Progress, ProgressRow
from controller.cli.views import render, time_left

SECOND = 1_000_000_000


def test_the_live_view_shows_each_node_and_the_time_left() -> None:
    row = ProgressRow(
        node="initiator-1", state="stuck", policy="none", free_pages=88, min_pages=256, in_flight=64,
        progress_age_ns=8 * SECOND, drops=10_000,
    )  # fmt: skip
    progress = Progress(
        run="r", scenario="classic", phase="flood", elapsed_ns=15 * SECOND, expected_ns=40 * SECOND,
        rows=(row, ProgressRow(node="target-1", state="serving")), message="waiting for target-1",
    )  # fmt: skip
    console = Console(width=100, record=True, file=None, force_terminal=True, quiet=False, stderr=True)
    with console.capture() as captured:
        console.print(render(progress))
    text = captured.get()
    for word in ("classic", "flood", "25 s left", "88/256", "8.0 s", "10000", "stuck", "waiting for target-1"):
        assert word in text
    assert "0/0" not in text


def test_a_run_over_its_plan_says_so() -> None:
    progress = Progress(run="r", scenario="s", phase="heal", elapsed_ns=52 * SECOND, expected_ns=40 * SECOND)
    assert time_left(progress) == "12 s over the plan"
