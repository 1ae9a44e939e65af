"""Addresses that begin a simulation or a fork, the stream of a run, and a close-up of one."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from controller.experiment.forking import Change, Fork, forked
from controller.experiment.scenario import Scenario, parse
from controller.experiment.scenario.vary import vary
from controller.store.recorded import Recorded
from controller.web.answers import JSON, NoSuchError, UnsuitableError, answer, told
from controller.web.house import House
from controller.web.journal import END, Journal
from controller.web.tasks import Span
from nodes.errors import UsageError
from nodes.messages import encode

STREAM = "text/event-stream"
DIGITS_END = 19
"""Numbers of fewer digits have less than 64 bits."""


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to simulate: `scenario` of the gallery, or a whole one as `yaml`; `set` is what `--set` takes."""

    scenario: str = ""
    yaml: str = ""
    policy: str = ""
    seed: int | None = None
    set: dict[str, str] = {}

    def changes(self) -> dict[str, object]:
        """What of the scenario is to be otherwise."""
        named = {"policy": self.policy or None, "seed": self.seed}
        return {**self.set, **{name: value for name, value in named.items() if value is not None}}


async def simulate(request: Request) -> Response:
    """Begins a simulation; it is recorded as `netreserve run` records it."""
    house, asked = house_of(request), await told(request, Asked)
    house.require_quiet()
    scenario = await asyncio.to_thread(_scenario, house, asked)
    return answer({"id": house.simulations.begin(scenario).task.run}, 202)


async def fork(request: Request) -> Response:
    """Begins the same run with one change at one moment."""
    house, change = house_of(request), await told(request, Change)
    house.require_quiet()
    run, scenario = await asyncio.to_thread(_simulated, house, request.path_params["run"])
    made = await asyncio.to_thread(forked, scenario, change)
    begun = house.simulations.begin(made, Fork(forked_from=run, t_ns=change.t_ns, change=str(change)))
    return answer({"id": begun.task.run, "forked_from": run, "t_ns": change.t_ns}, 202)


async def stream(request: Request) -> Response:
    """What is said of a run, as server-sent events; of a recorded one what it is and its result."""
    house, seen = house_of(request), request.headers.get("last-event-id", "")
    name = request.query_params.get("run", "")
    if not name:
        raise UsageError("the stream of which run? /api/stream?run=ID is needed")
    if seen == END:  # EventSource comes again after the last message, too, and stays away for this
        return Response(status_code=204)
    if name == "live":
        if house.live is None:
            raise NoSuchError("no testbed stands behind this page: /api/about says so")
        return StreamingResponse(house.live.follow(seen), media_type=STREAM)
    known = house.simulations.find(name)
    journal = known.journal if known else await _told_again(house, name)
    return StreamingResponse(journal.follow(seen), media_type=STREAM)


async def _told_again(house: House, name: str) -> Journal:
    view, journal = await asyncio.to_thread(house.shelf.view, name), Journal()
    journal.add("run", encode(view))
    if view.state == "recorded":
        journal.add("result", encode(view.result))
    else:
        journal.add("failed", msgspec.json.encode({"error": view.problem}))
    return journal


def house_of(request: Request) -> House:
    """What this server works with."""
    house: House = request.app.state.house
    return house


def _scenario(house: House, asked: Asked) -> Scenario:
    if bool(asked.scenario) == bool(asked.yaml):
        raise UsageError("scenario (a name of the gallery) or yaml (a whole scenario) is needed, and not both")
    scenario = parse(asked.yaml, tier="sim") if asked.yaml else house.gallery.find(asked.scenario, "sim")
    return vary(scenario, asked.changes()) if asked.changes() else scenario


def _simulated(house: House, name: str) -> tuple[str, Scenario]:
    """The id and scenario of a simulated run, recorded or under way. Raises UnsuitableError for another."""
    if known := house.simulations.find(name):
        return known.task.run, known.scenario
    row = house.shelf.row(name)
    if row.tier != "sim":
        raise UnsuitableError(f"run {row.run} is of tier {row.tier}: only a simulated run repeats to the byte")
    result = house.shelf.archive.result(row)
    return row.run, Recorded(folder=house.shelf.folder(row), result=result, samples=[], events=[]).scenario()


async def closeup(request: Request) -> Response:
    """A span of a simulated run gone through again, finer."""
    house, asked = house_of(request), {name: request.query_params.get(name, "") for name in Span.__struct_fields__}
    if not all(text.isdecimal() and len(text) < DIGITS_END for text in asked.values()):
        raise UsageError("a close-up needs from_ns, to_ns and step_ns, each a whole number of nanoseconds")
    house.require_quiet()
    _, scenario = await asyncio.to_thread(_simulated, house, request.path_params["run"])
    span = Span(**{name: int(text) for name, text in asked.items()})
    return Response(await house.simulations.closeup(scenario, span), media_type=JSON)


ROUTES = [
    Route("/api/simulations", simulate, methods=["POST"]),
    Route("/api/runs/{run}/fork", fork, methods=["POST"]),
    Route("/api/runs/{run}/closeup", closeup),
    Route("/api/stream", stream),
]
