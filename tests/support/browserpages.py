"""The page in a real browser: Debian's Chromium, driven by Playwright, which is asked for nothing that it would download."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from requirements import require_programs

DESK = (1280, 800)
PHONE = (390, 844)
PATIENCE_S = 60.0
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@dataclass
class View:
    """A page that is open, and all that went wrong in it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that it asked for anything."""

    def until(self, condition: str, arg: object = None) -> Any:
        """Waits until the JavaScript `condition` holds, and answers its value. The page's policy forbids Playwright's own
        way of waiting, which evaluates text in the page."""
        end_s = time.monotonic() + PATIENCE_S
        while not (value := self.page.evaluate(condition, arg)):
            assert time.monotonic() < end_s, f"{condition} never held; {self.errors}; {self.text('body')[:600]}"
            self.page.wait_for_timeout(50)
        return value

    def text(self, selector: str) -> str:
        """What stands there, on one line."""
        return " ".join(self.page.locator(selector).first.inner_text().split())

    def opened(self) -> View:
        """Once a run is shown and nothing more is on its way."""
        self.until("netreserve.state.runs.length > 0 && !netreserve.state.loading && netreserve.clock.t > 0")
        return self

    @property
    def t_ns(self) -> int:
        return int(self.page.evaluate("Math.round(netreserve.clock.t)"))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    require_programs("chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield found
        found.close()


@contextlib.contextmanager
def view(
    browser: Browser,
    port: int,
    hash_: str = "",
    *,
    size: tuple[int, int] = DESK,
    dark: bool = False,
    still: bool = True,
) -> Iterator[View]:
    """The page of the server at `port`. `still`: as for who wants no motion."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if still else "no-preference",
    )
    seen = View(context.new_page(), f"http://127.0.0.1:{port}/")
    seen.page.on("console", lambda said: seen.errors.append(said.text) if said.type in ("error", "warning") else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    seen.page.goto(seen.address + hash_, timeout=PATIENCE_S * 1000)
    seen.until("'netreserve' in globalThis")
    yield seen
    context.close()
