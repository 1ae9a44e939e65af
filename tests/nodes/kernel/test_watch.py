"""What a guest that stands still is asked, told by a life that answers as it is told to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from nodes.eventkinds import Autopsy, Wait
from nodes.kernel import watch
from nodes.kernel.watch import Watch
from nodes.messages import Sample
from nodes.units import SECOND_NS

CYCLE = (Wait("kswapd", "writes answered", 1, 0, "kswapd", "why", "source"),)
STANDS = Sample(t_ns=SECOND_NS, node="n", run="r", tier="kernel", progress_age_ns=4 * SECOND_NS, state="stuck")


class Patient:
    """A guest whose autopsies name a cycle where their number is in `named`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *named: int) -> None:
        self.asked: list[str] = []
        monkeypatch.setattr(watch, "AUTOPSY_EVERY_NS", 0)
        monkeypatch.setattr(
            watch, "examine", lambda lines, now, before: Autopsy(cycle=CYCLE if len(self.asked) in named else ())
        )
        silent = SimpleNamespace(take=lambda: [])
        feed = SimpleNamespace(
            channel=silent, newest=SimpleNamespace(oom=0), when_moved=None, silent_ns=lambda now_ns: 0
        )
        life: Any = SimpleNamespace(
            console=SimpleNamespace(channel=silent), feed=feed, ended=False, strayed=lambda: "", examine=self.examine
        )
        self.watch = Watch(life, lambda detail: None)

    async def examine(self, keys: str) -> list[str]:
        self.asked.append(keys)
        return []

    async def looked_at(self, *samples: Sample) -> list[str]:
        for sample in samples:
            self.watch.look(sample)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.asked


async def test_all_tasks_are_asked_for_when_the_blocked_ones_show_no_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Patient(monkeypatch, 1, 2).looked_at(STANDS, STANDS) == ["wm", "wm"]
    assert await Patient(monkeypatch).looked_at(STANDS, STANDS, STANDS) == ["wm", "wmt", "wmt"]


async def test_what_only_all_tasks_showed_is_asked_for_in_the_same_way_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known bad: blocked tasks alone were asked for after a cycle, and the latest answer, which counts, had none."""
    patient = Patient(monkeypatch, 2, 3)
    assert await patient.looked_at(STANDS, STANDS, STANDS) == ["wm", "wmt", "wmt"]


async def test_another_standstill_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Patient(monkeypatch)
    await patient.looked_at(STANDS, STANDS)
    patient.watch._forget()
    assert await patient.looked_at(STANDS) == ["wm", "wmt", "wm"]
