"""The document has every address that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Route
from webpages import Page

from controller.web.app import routes
from controller.web.controls import CONTROLS
from controller.web.openapi import PLACE, document

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "web-api.md").read_text()


def served() -> set[tuple[str, str]]:
    """Method and path of every route; one with a control's name in it is one for each."""
    found = set()
    for route in routes():
        if isinstance(route, Route):
            methods = {method.lower() for method in route.methods or ()} - {"head"}
            paths = [
                route.path.replace("{control}", name) for name in (CONTROLS if "{control}" in route.path else [""])
            ]
            found |= {(method, path) for method in methods for path in paths}
    return found


def test_every_address_is_in_it_and_no_other() -> None:
    told = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert told == served()


def test_what_it_refers_to_is_there(page: Page) -> None:
    made = page.get("/openapi.json")
    referred = set(re.findall(re.escape(PLACE) + r"([\w.]+)", made.body.decode()))
    assert referred <= set(made.json["components"]["schemas"]) and "RunView" in referred
    for path, methods in made.json["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert ("security" in operation) == (method != "get"), path


def test_the_reference_has_every_address() -> None:
    for _, path in served():
        if not path.startswith("/api/controls/"):
            assert path.replace("{run}", "ID").partition("/picture")[0] in REFERENCE, path
    for control in CONTROLS:
        assert f"| `{control}` |" in REFERENCE, control
