"""What a person sees of a live testbed, in a real browser: scripted nodes, a real controller and broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from browserpages import View, browser, view
from livepages import LivePage
from storedruns import stored
from syntheticruns import deadlock
from testbeds import SCENARIO

pytestmark = pytest.mark.browser
RECORDED = "20231114T221320Z-aaaa"
FOLLOWS = "netreserve.state.live && netreserve.state.runs.length === 1 && netreserve.clock.end > 0"
GROWS = "(end) => netreserve.state.runs[0].end > end"

Do = Callable[[Coroutine[Any, Any, Any]], Any]
"""Lets the testbed's loop do something, from the browser's thread."""


async def seeing(live: LivePage, hash_: str, told: Callable[[View, Do], None]) -> None:
    """Opens the page at `hash_` in a thread of its own, so that the daemon can answer, and lets `told` look at it."""
    loop = asyncio.get_running_loop()

    def do(what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, loop).result(60)

    def look() -> None:
        with browser() as chromium, view(chromium, live.port, hash_) as seen:
            told(seen, do)
            assert seen.errors == []

    await asyncio.to_thread(look)


async def test_a_live_page_that_is_loaded_again_goes_on_live(live: LivePage) -> None:
    def told(seen: View, do: Do) -> None:
        seen.until(FOLLOWS)
        link = seen.until("location.hash.length > 1 && location.hash")
        assert link == "#live"
        seen.page.reload()
        seen.until("'netreserve' in globalThis")
        seen.until(FOLLOWS)
        end = seen.page.evaluate("netreserve.state.runs[0].end")
        seen.until(GROWS, end)
        assert seen.page.evaluate("netreserve.state.error") == ""
        assert seen.page.locator("nav a[aria-current]").inner_text() == "Live"

    await seeing(live, "", told)
    await seeing(live, "#run=live&t=1&node=initiator-1", lambda seen, do: seen.until(FOLLOWS))


async def test_a_recorded_run_stays_until_the_reader_goes_back_to_live(live: LivePage, tmp_path: Path) -> None:
    await asyncio.to_thread(stored, tmp_path / "runs", deadlock(), run=RECORDED)

    def told(seen: View, do: Do) -> None:
        shown = f"netreserve.state.runs.map(run => run.id).join() === '{RECORDED}'"
        seen.opened()
        assert seen.page.evaluate(shown)
        do(live.bed.start(SCENARIO))
        do(live.bed.result())
        assert seen.page.evaluate(shown), "the stream took the reader away"
        assert "flood it" in seen.text("button.big.bad") and "rescue it" in seen.text("button.big.good")
        seen.page.get_by_role("link", name="Live").click()
        seen.until(FOLLOWS)
        seen.until("location.hash === '#live'")
        seen.page.go_back()
        seen.until(shown)

    await seeing(live, f"#run={RECORDED}", told)


async def test_what_a_run_came_to_is_told_where_it_is_watched(live: LivePage) -> None:
    def told(seen: View, do: Do) -> None:
        seen.until(FOLLOWS)
        started = do(live.bed.start(SCENARIO))
        seen.until("(id) => netreserve.state.runs[0].id === id", started.run)
        result = do(live.bed.result())
        seen.until("(verdict) => netreserve.state.runs[0].result.verdict === verdict", result.verdict)
        seen.until(GROWS, seen.page.evaluate("netreserve.state.runs[0].end"))
        assert seen.page.evaluate("netreserve.state.live") is True
        seen.page.get_by_role("button", name="See it saved").click()
        seen.until("netreserve.state.readBack?.rescue || netreserve.state.error")
        assert not any("/api/simulations" in address for address in seen.asked)
        assert any("/api/controls/rescue" in address for address in seen.asked)
        seen.errors = [error for error in seen.errors if "503" not in error]  # nobody hangs here, and the page says so

    await seeing(live, "", told)


async def test_the_first_button_takes_the_reserve_policy_away_and_floods(live: LivePage) -> None:
    def told(seen: View, do: Do) -> None:
        seen.until(FOLLOWS)
        seen.page.get_by_role("button", name="See it hang").click()
        seen.until("netreserve.state.readBack?.flood || netreserve.state.error")
        controls = [address.rpartition("/")[2] for address in seen.asked if "/api/controls/" in address]
        assert controls == ["policy", "flood"]
        assert seen.page.evaluate("JSON.stringify(netreserve.state.readBack.policy)").count("none")

    await seeing(live, "", told)
