"""What an activity finds out about a node that went away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from brokers import until
from traces import NODE, WARMUP, phases, stretch, trace

from controller.experiment.verdict import judge
from controller.runtime.docker import Container
from controller.service.activity import LOOK_S, Activity
from controller.service.recorder import Recording
from nodes.messages import Status
from nodes.units import SECOND_NS

KILLED = Container(
    node=NODE, name="netreserve-initiator-1", hostname="1", running=False, oom_killed=True, restarts=0, exit_code=137,
    memory_limit_bytes=160 << 20, swap_limit_bytes=160 << 20,
)  # fmt: skip


async def test_a_container_that_its_own_limit_killed_is_no_victim_of_the_machine() -> None:
    parts: Any = SimpleNamespace(
        nodes=SimpleNamespace(listen=lambda listener: None),
        engine=SimpleNamespace(container=lambda name: KILLED),
    )
    recording = Recording(SimpleNamespace(run="r"), None, frozenset({NODE}))  # type: ignore[arg-type]  # no folder
    recording.begin("flood", 0)
    activity = Activity(parts, None, recording, [])  # type: ignore[arg-type]
    activity.died(SimpleNamespace(name=NODE), Status(node=NODE, role="initiator", state="offline"))  # type: ignore[arg-type]
    await until(activity.ended.done)

    told = recording.events
    assert [event.kind for event in told] == ["oom", "harness"]
    assert "memory limit of 160 MiB killed it" in told[1].detail.brief
    standing = trace(WARMUP, stretch(20, 0), stretch(15, 0))
    assert judge(phases(), {NODE: standing}, told[:1]).verdict == "inconclusive", "it says so even without the void"


async def test_a_standstill_is_judged_anew_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, clock = [2 * SECOND_NS, 3 * SECOND_NS, 0, 0], SimpleNamespace(s=100.0)
    monkeypatch.setattr("controller.service.activity.heal_needed_ns", lambda *_: looks.pop(0))
    monkeypatch.setattr("controller.service.activity.time.monotonic", lambda: clock.s)
    parts: Any = SimpleNamespace(
        nodes=SimpleNamespace(listen=lambda listener: None), timing=SimpleNamespace(heal_extension_ns=0)
    )
    recording: Any = SimpleNamespace(phases=[], samples=[], events=[])
    activity = Activity(parts, None, recording, [])  # type: ignore[arg-type]
    assert [activity.heal_needed_ns(0) for _ in range(10)] == [2 * SECOND_NS] * 10
    clock.s += LOOK_S
    assert [activity.heal_needed_ns(0) for _ in range(10)] == [3 * SECOND_NS] * 10
    clock.s += LOOK_S
    assert [activity.heal_needed_ns(0) for _ in range(2)] == [0, 0], "where nobody stands still it costs nothing"
    assert not looks
