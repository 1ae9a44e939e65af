"""One button shows a hang, the other a survivor, and a run goes on otherwise from any moment: simulated for real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browserpages import View, view
from playwright.sync_api import Browser
from webpages import Page, serving

from controller.web.house import House

pytestmark = pytest.mark.browser
FLOOD_NS = 10_000_000_000
"""When scenarios/classic.yaml begins to flood."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """With the gallery that everybody has."""
    runs = tmp_path_factory.mktemp("page") / "runs"
    with serving(runs, house=House(runs)) as page:
        yield page


def press(seen: View, button: str, *labels: str) -> None:
    """Presses it, and waits until the runs that are called so are shown."""
    seen.until("netreserve.state.about && !netreserve.state.loading")
    seen.page.locator(button).click()
    shown = "netreserve.state.runs.map(run => run.label).join() === labels"
    seen.until(f"(labels) => netreserve.state.error || ({shown})", ",".join(labels))
    seen.opened()
    assert seen.page.evaluate("netreserve.state.error") == ""


@pytest.mark.timeout(600)
def test_one_button_hangs_it_and_from_before_that_it_is_saved(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port) as seen:
        press(seen, "button.big.bad", "none")
        what, became = seen.text("h1").split(": ")
        assert what == "A 64 MiB machine, 20,000 junk packets a second"
        assert became == "stopped after 0.2 s and has not come back. memalloc would save it."
        assert "A circle of waiting" in seen.text(".waits") and seen.page.locator(".edges li").count() == 3
        closing = drawn_at(seen)
        assert min(closing) < 2 and closing[-1] == 3, f"the circle closes edge by edge: {closing}"

        seen.page.keyboard.press("1")
        assert seen.t_ns == FLOOD_NS
        press(seen, ".fork button >> nth=0", "none", "policy memalloc")
        assert seen.page.locator(".pair .run-head").count() == 2
        assert "policy memalloc from 10.000 s on" in seen.text(".pair article:last-child .run-head")
        assert "kept working" in seen.text(".pair article:last-child .run-head")
        assert seen.t_ns == FLOOD_NS
        seen.page.keyboard.press("End")
        seen.until("document.querySelectorAll('.pair .circle.closed').length === 1")
        assert seen.errors == []


@pytest.mark.timeout(600)
def test_the_other_button_shows_a_survivor(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port) as seen:
        press(seen, "button.big.good", "memalloc")
        assert "under memalloc" in seen.text("h1") and "kept working" in seen.text("h1")
        seen.page.keyboard.press("2")
        seen.until("document.querySelector('.waits').innerText.includes('keeps the circle open')")
        assert "No circle of waiting" in seen.text(".waits")
        assert seen.errors == []


def drawn_at(seen: View) -> list[int]:
    """How many edges of the circle are drawn at each moment from the flood to its closing."""
    moments = seen.page.evaluate("netreserve.state.runs[0].moments['initiator-1']")
    found = []
    for step in range(11):
        t = moments["flood"] + (moments["closed"] - moments["flood"]) * step / 10
        slide(seen, t)
        found.append(seen.page.locator(".edges .there").count())
    return found


def slide(seen: View, t_ns: float) -> None:
    seen.page.evaluate("(t) => { location.hash = `run=${netreserve.state.runs[0].id}&t=${t}`; }", round(t_ns))
    seen.until("(t) => netreserve.clock.t === t", round(t_ns))
    seen.page.wait_for_timeout(60)
