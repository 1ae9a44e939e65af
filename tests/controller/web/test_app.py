"""What the page is told of this netreserve, and that its files are served whole."""

from __future__ import annotations

from importlib.metadata import version

from webpages import Page

from controller.web.app import STATIC
from controller.web.gallery import GALLERY, Gallery
from nodes.machine.policies import POLICIES


def test_about_tells_what_can_be_seen_and_done(page: Page) -> None:
    told = page.get("/api/about").json
    assert told["version"] == version("netreserve")
    assert told["live"] is False and told["can"] == [] and told["policies"] == list(POLICIES)
    assert [scenario["name"] for scenario in told["gallery"]] == ["tiny"]
    assert told["gallery"][0]["phases_ns"] == [12_000_000_000, 1_000_000_000, 1_000_000_000]


def test_the_gallery_is_that_of_the_checkout() -> None:
    names = [scenario.name for scenario in Gallery().shown()]
    assert names == sorted(path.stem for path in GALLERY.glob("*.yaml")) and "classic" in names


def test_health_tells_who_is_there(page: Page) -> None:
    assert page.get("/health").json == {"netreserve": version("netreserve"), "live": False}


def test_every_file_of_the_page_is_served_as_it_is(page: Page) -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert files
    for path in files:
        answer = page.get("/" + path.relative_to(STATIC).as_posix())
        assert (answer.status, answer.body) == (200, path.read_bytes())
    assert page.get("/").body == (STATIC / "index.html").read_bytes()


def test_an_address_that_is_none_is_a_sentence(page: Page) -> None:
    for path in ("/api/nope", "/api/runs/latest/nope", "/nope.js"):
        assert page.get(path).status == 404 and "/openapi.json" in page.get(path).error
    refused = page.post("/api/runs")
    assert refused.status == 405 and "other methods" in refused.error


def test_a_fault_of_ours_is_one_sentence_without_its_place(page: Page) -> None:
    page.house.shelf.listing = lambda asked: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    failed = page.get("/api/runs")
    assert failed.status == 500 and "ZeroDivisionError" in failed.error and "line" not in failed.error
    assert page.get("/health").status == 200
