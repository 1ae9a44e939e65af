from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from brokers import Broker
from testbeds import Testbed, whole_bed


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.remove()


@pytest.fixture
async def bed(broker: Broker, tmp_path: Path) -> AsyncIterator[Testbed]:
    async with whole_bed(broker, tmp_path / "runs") as bed:
        yield bed
