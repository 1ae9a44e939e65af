"""What a person sees of recorded runs, in a real browser."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browserpages import DESK, PHONE, View, view
from msgspec import structs
from playwright.sync_api import Browser
from storedruns import stored
from syntheticruns import SECOND, cable_pull, deadlock, healthy, several
from webpages import Page, serving

pytestmark = pytest.mark.browser
HUNG, LIVED, CABLE, MANY = (
    "20231114T221320Z-aaaa",
    "20231114T221321Z-bbbb",
    "20231114T221322Z-cccc",
    "20231114T221323Z-dddd",
)
RUNS = {HUNG: deadlock, LIVED: healthy, CABLE: cable_pull, MANY: lambda: several(6)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    runs = tmp_path_factory.mktemp("page") / "runs"
    for name, made in RUNS.items():
        stored(runs, made(), run=name)
    with serving(runs) as page:
        yield page


def test_who_comes_first_sees_a_sentence_and_two_buttons(chromium: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "runs") as page, view(chromium, page.port) as seen:
        seen.until("netreserve.state.about")
        assert "To free memory" in seen.text("h1")
        assert [seen.text("button.big.bad"), seen.text("button.big.good")] == [
            "See it hang no reserve policy",
            "See it saved the same flood, memalloc",
        ]
        assert seen.errors == []


@pytest.mark.parametrize(
    ("shown", "size"), [(HUNG, DESK), (CABLE, DESK), (HUNG, PHONE), (MANY, PHONE), (f"{HUNG},{LIVED}", PHONE)]
)
def test_it_opens_without_an_error_or_a_request_outside(
    chromium: Browser, served: Page, shown: str, size: tuple[int, int]
) -> None:
    with view(chromium, served.port, f"#run={shown}", size=size) as seen:
        seen.opened()
        assert seen.errors == []
        assert {address for address in seen.asked if not address.startswith(seen.address)} == set()
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], "there is something to scroll sideways"


def test_a_hang_is_a_sentence_and_a_circle(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={HUNG}") as seen:
        seen.opened()
        assert "stopped after" in seen.text("h1") and "has not come back" in seen.text("h1")
        assert seen.text(".hero .verdict").endswith("Deadlocked")
        assert "A circle of waiting" in seen.text(".waits")
        edges = seen.page.locator(".edges li").all_inner_texts()
        assert len(edges) == len(deadlock().result.nodes[0].cycle)
        assert "kswapd waits for writes answered: needs 1, has 0." in edges[0]
        said = seen.page.locator(".circle svg").get_attribute("aria-label")
        assert said is not None and said.startswith("A closed circle: kswapd waits for")


def test_a_survivor_has_none(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={LIVED}") as seen:
        seen.opened()
        assert "kept working" in seen.text("h1")
        assert "No circle of waiting" in seen.text(".waits")


def test_the_slider_moves_everything_and_the_address_brings_it_back(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={HUNG}") as seen:
        seen.opened()
        before = seen.page.locator(".tank").get_attribute("aria-label")
        slider = seen.page.get_by_role("slider", name="Moment of the run")
        slider.fill("400")
        seen.until("netreserve.clock.t < 10e9")
        assert slider.get_attribute("aria-valuetext") == f"{seen.t_ns / SECOND:.3f} s"
        seen.until("(before) => document.querySelector('.tank').ariaLabel !== before", before)
        link = seen.until("location.hash.includes(`t=${Math.round(netreserve.clock.t)}`) && location.hash")
        there = (seen.t_ns, seen.page.locator(".tank").get_attribute("aria-label"))
        with view(chromium, served.port, link) as again:
            again.opened()
            assert (again.t_ns, again.page.locator(".tank").get_attribute("aria-label")) == there


def test_the_keyboard_does_what_the_mouse_does(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={HUNG}") as seen:
        seen.opened()
        moments = seen.page.evaluate("netreserve.state.runs[0].moments['initiator-1']")
        for number, name in enumerate(("flood", "drop", "progress", "closed"), 1):
            seen.page.keyboard.press(str(number))
            assert seen.t_ns == round(moments[name]), name
        seen.page.keyboard.press("ArrowRight")
        assert 0 < seen.t_ns - moments["closed"] <= SECOND // 10
        seen.page.keyboard.press("Home")
        assert seen.t_ns == 0
        seen.page.keyboard.press("Space")
        seen.until("netreserve.clock.playing && netreserve.clock.t > 0")
        seen.page.keyboard.press("Space")
        assert seen.page.evaluate("netreserve.clock.playing") is False
        seen.page.keyboard.press("?")
        assert "play, pause" in seen.text("[role=dialog]")
        assert seen.errors == []


def test_a_table_stands_beside_each_chart(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={HUNG}") as seen:
        seen.opened()
        assert seen.page.locator(".chart canvas").count() == seen.page.locator(".chart details").count() == 4
        seen.page.locator(".chart summary").first.click()
        seen.until("document.querySelectorAll('.chart table tbody tr').length > 10")
        assert seen.text(".chart table thead") == "time free high low min"


def test_two_runs_beside_each_other_have_one_clock(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, "#runs") as seen:
        seen.until("document.querySelectorAll('.runs .run').length === 4")
        for words in ("Deadlocked", "Healthy"):
            seen.page.locator(".run", has_text=words).first.get_by_label("compare").check()
        seen.page.get_by_role("button", name="Show two beside each other").click()
        seen.opened()
        assert seen.page.locator(".pair .tank").count() == 2
        before = seen.page.locator(".pair .tank").evaluate_all("all => all.map(each => each.ariaLabel)")
        seen.page.keyboard.press("Home")
        seen.page.keyboard.press("ArrowRight")
        seen.page.keyboard.press("ArrowRight")
        seen.until(
            "(before) => [...document.querySelectorAll('.tank')].every((each, i) => each.ariaLabel !== before[i])",
            before,
        )
        assert seen.errors == []


def test_the_history_is_searched_and_a_run_is_opened(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, "#runs") as seen:
        seen.until("document.querySelectorAll('.runs .run').length === 4")
        seen.page.get_by_label("Verdict").select_option("deadlocked")
        seen.until(
            "[...document.querySelectorAll('.run .word')].every(each => each.textContent.includes('Deadlocked'))"
        )
        assert 0 < seen.page.locator(".run").count() < 4
        seen.page.get_by_label("Verdict").select_option("")
        seen.page.get_by_label("Search").fill("no such run at all")
        seen.until("document.querySelector('.history').innerText.includes('No run is like this')")
        seen.page.get_by_label("Search").fill("")
        seen.page.locator(".run .open").first.click()
        seen.opened()
        assert seen.page.url.split("#")[1].startswith("run=") or seen.until("location.hash.startsWith('#run=')")


def test_of_many_machines_one_is_chosen(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={MANY}") as seen:
        seen.opened()
        others = seen.page.locator(".machines button[aria-pressed=false]")
        name = f"initiator-{others.last.locator('span').first.inner_text()}"
        others.last.click()
        seen.until("(name) => document.querySelector('.machine h2').textContent === name", name)
        seen.until("(name) => location.hash.endsWith(`node=${name}`)", name)


def test_logs_that_cannot_be_had_are_told_of(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, f"#run={HUNG}") as seen:
        seen.opened()
        seen.page.route("**/lines", lambda route: route.fulfill(status=500, json={"error": "the disk is gone"}))
        seen.page.get_by_role("button", name="the nodes' logs too").click()
        seen.until("netreserve.state.error")
        assert "the disk is gone" in seen.text("[role=alert]")
        assert "printed nothing" not in seen.text(".log")


def test_the_first_click_after_the_server_began_anew_is_done(chromium: Browser, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in (HUNG, LIVED):
        stored(runs, RUNS[name](), run=name)
    with serving(runs) as page, view(chromium, page.port, "#runs") as seen:
        seen.page.on("dialog", lambda dialog: dialog.accept())
        for left in (1, 0):
            seen.until(f"document.querySelectorAll('.runs .run').length === {left + 1}")
            seen.page.get_by_role("button", name="delete").first.click()
            seen.until(f"netreserve.state.error || document.querySelectorAll('.runs .run').length === {left}")
            assert seen.page.evaluate("netreserve.state.error") == ""
            object.__setattr__(page.door, "token", "of-a-server-that-began-anew")


def test_a_run_opens_without_its_close_up_while_a_testbed_records(chromium: Browser, tmp_path: Path) -> None:
    made = deadlock()
    made = structs.replace(made, result=structs.replace(made.result, tier="sim"))
    stored(tmp_path / "runs", made, run=HUNG)
    with serving(tmp_path / "runs") as page, view(chromium, page.port, "#runs") as seen:
        refused = {"error": "run x is being recorded"}
        seen.page.route("**/closeup?*", lambda route: route.fulfill(status=409, json=refused))
        seen.page.locator(".run .open").first.click()
        seen.opened()
        assert any("/closeup?" in address for address in seen.asked)
        assert seen.page.evaluate("netreserve.state.error") == ""


def test_the_first_drop_is_one_of_the_flood(chromium: Browser, tmp_path: Path) -> None:
    made = deadlock()
    early = [structs.replace(each, early_drops=each.early_drops + 1) for each in made.samples]
    stored(tmp_path / "runs", structs.replace(made, samples=type(made.samples)(early)), run=HUNG)
    with serving(tmp_path / "runs") as page, view(chromium, page.port, f"#run={HUNG}") as seen:
        seen.opened()
        moments = seen.page.evaluate("netreserve.state.runs[0].moments['initiator-1']")
        assert moments["drop"] > moments["flood"]
        assert "First drop in the flood" in seen.text(".jump.drop")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_words_of_the_tank_lie_on_others(chromium: Browser, served: Page, size: tuple[int, int]) -> None:
    with view(chromium, served.port, f"#run={HUNG}", size=size) as seen:
        seen.opened()
        few = "netreserve.state.runs[0].nodes[0].machine = {memory_pages: 16384, ring_slots: 80}"
        seen.page.evaluate(few)  # so a square of the ring is a part of a buffer, which takes the most words
        seen.page.keyboard.press("ArrowLeft")
        seen.until("document.querySelector('.tank').ariaLabel.includes('of 80 receive buffers')")
        boxes = seen.page.locator(".tank g > text.small, .tank .head, .tank .figure").evaluate_all(
            "all => all.filter(each => !each.closest('.line')).map(each => [each.textContent, each.getBoundingClientRect()])"
            ".map(([text, box]) => [text, box.left, box.right, box.top, box.bottom])"
        )
        for i, (one, left, right, top, bottom) in enumerate(boxes):
            for other, left2, right2, top2, bottom2 in boxes[i + 1 :]:
                apart = right + 3 <= left2 or right2 + 3 <= left or bottom <= top2 + 3 or bottom2 <= top + 3
                assert apart, f"'{one}' and '{other}' lie on each other"
        tank = "document.querySelector('.memory .rim').getBoundingClientRect().width"
        for inside in seen.page.locator(".inside text").all():
            assert (inside.bounding_box() or {})["width"] < seen.page.evaluate(tank), inside.text_content()


def test_a_run_that_is_not_there_is_a_sentence(chromium: Browser, served: Page) -> None:
    with view(chromium, served.port, "#run=20200101T000000Z-nope") as seen:
        seen.until("netreserve.state.error")
        assert "20200101T000000Z-nope" in seen.text("[role=alert]")


def test_a_run_that_was_broken_off_says_so_and_shows_what_there_is(chromium: Browser, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock(), run=HUNG, closed=False)
    with serving(runs) as page, view(chromium, page.port, f"#run={HUNG}") as seen:
        seen.opened()
        assert page.get(f"/api/runs/{HUNG}").json["problem"] in seen.text(".banner")
        assert (
            seen.page.locator(".tank").count() == 1
            and "A machine, " in seen.text("h1")
            and "proves nothing" in seen.text("h1")
        )
        assert seen.errors == []


def test_a_server_that_was_lost_is_found_again(chromium: Browser, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock(), run=HUNG)
    with contextlib.ExitStack() as stack:
        with serving(runs) as page:
            seen = stack.enter_context(view(chromium, page.port, f"#run={HUNG}"))
            seen.opened()
        seen.page.locator("nav a[href='#runs']").click()
        seen.until("netreserve.state.server === 'lost'")
        assert "does not answer" in seen.text("[role=alert]")
        with serving(runs, port=page.port):
            seen.until("netreserve.state.server === 'here'")
            seen.until("document.querySelectorAll('.runs .run').length === 1")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("hash_", [f"#run={HUNG},{LIVED}", f"#run={MANY}", "#runs"])
def test_axe_finds_nothing_serious(chromium: Browser, served: Page, hash_: str, dark: bool) -> None:
    with view(chromium, served.port, hash_, dark=dark) as seen:
        if hash_ == "#runs":
            seen.until("document.querySelectorAll('.runs .run').length === 4")
        else:
            seen.opened()
        assert serious(seen) == []


def serious(seen: View) -> list[str]:
    found = Axe().run(seen.page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
