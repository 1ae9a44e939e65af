"""Goal: whoever validates a scenario reads what will happen, without knowing the records of a plan."""

from __future__ import annotations

from pathlib import Path

from controller.experiment.plan import plan
from controller.experiment.planwords import described
from controller.experiment.scenario import load

CLASSIC = Path(__file__).parents[3] / "scenarios" / "classic.yaml"


def test_the_plan_in_words() -> None:
    lines = list(described(plan(load(CLASSIC))))
    assert lines[0].startswith(
        "initiator-1: policy memalloc, 64 MiB memory, 1024 pages min, e1000e, working set 96 MiB on"
    )
    assert (
        "10 s to 30 s: udp flood, 20000 pps x 1400 B to 4 sockets from port 9000, reader stalled, rcvbuf 4 MiB" in lines
    )
    assert "arm bad: policy none must give deadlocked or starved" in lines
    assert lines[-1] == "planned time: 45 s"
