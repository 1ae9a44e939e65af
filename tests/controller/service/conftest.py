from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import quickdrawer
from brokers import Broker
from testbeds import Testbed, whole_bed

from controller.store import drawing


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.remove()


@pytest.fixture
async def bed(broker: Broker, tmp_path: Path) -> AsyncIterator[Testbed]:
    async with whole_bed(broker, tmp_path / "runs") as bed:
        yield bed


@pytest.fixture(autouse=True)
def quick_drawer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are really drawn in tests marked `drawn`, and in those of controller/report."""
    if request.node.get_closest_marker("drawn") is None:
        monkeypatch.setattr(drawing, "DRAWER", quickdrawer.COMMAND)
