from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import quickdrawer
from brokers import Broker
from browserpages import browser
from livepages import LivePage, live_page
from playwright.sync_api import Browser
from storedruns import stored
from syntheticruns import deadlock
from webpages import Page, serving

from controller.store import drawing


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A server of one run, `20231114T221320Z-abcd`."""
    stored(tmp_path / "runs", deadlock())
    with serving(tmp_path / "runs") as page:
        yield page


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setattr(drawing, "DRAWER", quickdrawer.COMMAND)
    broker = Broker()
    yield broker
    broker.remove()


@pytest.fixture
async def live(broker: Broker, tmp_path: Path) -> AsyncIterator[LivePage]:
    async with live_page(broker, tmp_path / "runs") as page:
        yield page
