"""The application: addresses, and who answers at each. `routes` is the whole of it; the guard stands before all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import asdict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from controller.experiment.verdicts import VERDICTS
from controller.web import controls, metrics, moving, openapi, recorded, simulating
from controller.web.answers import answer, failed
from controller.web.guard import Door, Guard
from controller.web.house import House
from nodes.errors import NetreserveError
from nodes.machine.policies import POLICIES

STATIC = Path(__file__).parent / "static"


def application(house: House, door: Door) -> Guard:
    """What a server serves: `house` behind `door`."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        warm = asyncio.create_task(asyncio.to_thread(house.gallery.shown))  # it takes half a second to read
        yield
        await warm
        await house.close()

    app = Starlette(
        routes=routes(),
        exception_handlers={HTTPException: failed, NetreserveError: failed, Exception: failed},
        lifespan=lifespan,
    )
    app.state.house, app.state.door = house, door
    return Guard(app, door)


def routes() -> list[BaseRoute]:
    """Every address there is; the page's own files come last, at what is left."""
    return [
        Route("/health", health),
        Route("/api/about", about),
        Route("/api/token", token),
        *recorded.ROUTES,
        *simulating.ROUTES,
        *controls.ROUTES,
        *moving.ROUTES,
        *metrics.ROUTES,
        *openapi.ROUTES,
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]


async def health(request: Request) -> Response:
    """That we are there, and what we are: `netreserve ui` looks for it."""
    return answer({"netreserve": version("netreserve"), "live": request.app.state.house.live is not None})


async def token(request: Request) -> Response:
    """For the page. The guard refuses other pages, and on loopback whatever does not say that it is ours."""
    return answer({"token": request.app.state.door.token})


async def about(request: Request) -> Response:
    """What can be seen and done here."""
    house: House = request.app.state.house
    return answer(
        {
            "version": version("netreserve"),
            "live": house.live is not None,
            "can": list(controls.CONTROLS) if house.live is not None else [],
            "token_needed": True,
            "policies": list(POLICIES),
            "verdicts": {name: asdict(verdict) for name, verdict in VERDICTS.items() if verdict.rank >= 0},
            "gallery": await asyncio.to_thread(house.gallery.shown),
        }
    )
