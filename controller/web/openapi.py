"""The API as an OpenAPI 3.1 document: every address, what it takes, and the shape of what it answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from controller.experiment.forking import Change
from controller.web import controls, simulating
from controller.web.answers import answer
from controller.web.messages import Told
from controller.web.shelf import Asked, Listing
from controller.web.views import RunView

PLACE = "#/components/schemas/"
TOKEN = "token"


class Entry(NamedTuple):
    """One address with one method. `takes` is the record that its query (GET) or body is; `gives` the answer's type, or a
    media type for what is not JSON."""

    method: str
    path: str
    about: str
    gives: Any = dict[str, Any]
    takes: Any = None


ENTRIES = (
    Entry("get", "/health", "that the server is there, and whether a testbed stands behind it"),
    Entry("get", "/metrics", "for Prometheus", "text/plain"),
    Entry("get", "/openapi.json", "this document"),
    Entry("get", "/api/about", "what can be seen and done here"),
    Entry("get", "/api/token", "the token, for the page alone"),
    Entry("get", "/api/runs", "the recorded runs, the newest first", Listing, Asked),
    Entry("get", "/api/runs/{run}", "one run, without samples and events", RunView),
    Entry("delete", "/api/runs/{run}", "delete a run for good"),
    Entry("get", "/api/runs/{run}/samples", "its samples in columns", dict[str, dict[str, list[int | str]]]),
    Entry("get", "/api/runs/{run}/events", "its events in the order of time", list[Told]),
    Entry("get", "/api/runs/{run}/lines", "what its nodes printed", list[dict[str, Any]]),
    Entry("get", "/api/runs/{run}/report", "its report", "text/html"),
    Entry("get", "/api/runs/{run}/picture", "its timeline", "image/png"),
    Entry("get", "/api/runs/{run}/closeup", "a span of a simulated run gone through again", dict[str, Any]),
    Entry("get", "/api/runs/{run}/export", "its folder as an archive", "application/gzip"),
    Entry("get", "/api/runs/{run}/perfetto", "a trace that Perfetto and Chrome open"),
    Entry("post", "/api/runs/{run}/fork", "the same simulated run with one change at one moment", takes=Change),
    Entry("post", "/api/import", "a run from its archive"),
    Entry("post", "/api/simulations", "begin a simulation", takes=simulating.Asked),
    Entry("get", "/api/stream", "what is said of a run, or of the testbed", "text/event-stream"),
    Entry("get", "/api/live", "the testbed now"),
    *(
        Entry("post", f"/api/controls/{name}", (kind.__doc__ or "").split("\n")[0], takes=kind)
        for name, kind in controls.CONTROLS.items()
    ),
)
"""In the order of docs/reference/web-api.md; a test holds them to the routes."""


def document() -> dict[str, Any]:
    """All of it."""
    kinds = [kind for entry in ENTRIES for kind in (entry.gives, entry.takes) if kind and not isinstance(kind, str)]
    shapes, components = msgspec.json.schema_components(kinds, schema_hook=_anything, ref_template=PLACE + "{name}")
    schemas = iter(shapes)
    paths: dict[str, Any] = {}
    for entry in ENTRIES:
        gives = None if isinstance(entry.gives, str) else next(schemas)
        takes = next(schemas) if entry.takes else None
        paths.setdefault(entry.path, {})[entry.method] = _operation(entry, gives, takes)
    told = (
        "What `netreserve ui` and a testbed's controller serve. Times are nanoseconds since the beginning of the run."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "netreserve", "version": version("netreserve"), "description": told},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {TOKEN: {"type": "apiKey", "in": "header", "name": "X-Netreserve-Token"}},
        },
    }


def _anything(kind: type) -> dict[str, Any]:
    """Of what differs from event to event: docs/reference/events.md has it."""
    return {"type": "object", "description": "as its kind has it"}


def _operation(entry: Entry, gives: Any, takes: Any) -> dict[str, Any]:
    content = {entry.gives if gives is None else "application/json": {"schema": gives or {"type": "string"}}}
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    made: dict[str, Any] = {
        "summary": entry.about,
        "responses": {
            "2XX": {"description": "done", "content": content},
            "default": {"description": "one sentence", "content": {"application/json": {"schema": error}}},
        },
    }
    if "{run}" in entry.path:
        made["parameters"] = [{"name": "run", "in": "path", "required": True, "schema": {"type": "string"}}]
    if entry.method != "get":
        made["security"] = [{TOKEN: []}]
    if takes is not None and entry.method == "post":
        made["requestBody"] = {"content": {"application/json": {"schema": takes}}}
    elif takes is not None:
        made["parameters"] = [
            {
                "name": field.name,
                "in": "query",
                "schema": {"type": "integer" if field.type in (int, "int") else "string"},
            }
            for field in msgspec.structs.fields(entry.takes)
        ]
    return made


async def openapi(request: Request) -> Response:
    """The document."""
    return answer(document())


ROUTES = [Route("/openapi.json", openapi)]
