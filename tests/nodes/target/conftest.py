"""A folder for the disk that is memory, and a target arm on loopback whose link only passes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from freeports import free_port
from requirements import require_programs

from nodes.config import OPEN_LINK, Shape
from nodes.errors import LackingError
from nodes.network.interfaces import Interface
from nodes.target.arm import TargetArm


class PassingLink:
    """A link on which nothing can be shaped."""

    shape, means = OPEN_LINK, dict[str, str]()
    lost = 0

    async def apply(self, request: Shape) -> tuple[Shape, dict[str, str]]:
        if request.rate_bps:
            raise LackingError("this link has no rate")
        return self.shape, self.means

    def dropped(self) -> int:
        return self.lost

    async def close(self) -> None:
        pass


@pytest.fixture
def store() -> Iterator[Path]:
    require_programs("nbdkit")
    folder = Path(tempfile.mkdtemp(prefix="nragent-store-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def link() -> PassingLink:
    return PassingLink()


@pytest.fixture
async def arm(store: Path, port: int, link: PassingLink) -> AsyncIterator[TargetArm]:
    arm = TargetArm("target-1", Interface("lo", "127.0.0.1"), store=store, port=port, link=link)
    yield arm
    await arm.close()
