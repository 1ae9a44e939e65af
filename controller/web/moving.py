"""Addresses that take a run out, bring one in, or delete one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from controller.web import export
from controller.web.answers import JSON, NoSuchError, TooLargeError, answer
from controller.web.columns import Columns
from controller.web.house import House
from controller.web.perfetto import trace
from controller.web.recorded import named
from nodes.errors import InconclusiveError

ARCHIVE = "application/gzip"
UPLOAD_BYTES_MAX = 1 << 30
"""Of an archive: ten times the largest run that we made (own)."""
CHUNK_BYTES = 1 << 16


def take_out(request: Request) -> Response:
    """The archive of a run."""
    shelf, row = named(request)
    file = TemporaryFile(dir=shelf.runs_folder)  # noqa: SIM115 - closed once sent; /tmp is small in a container
    export.pack(shelf.folder(row), file)
    file.seek(0)
    headers = {"content-disposition": f'attachment; filename="{row.scenario}-{row.run}{export.SUFFIX}"'}
    return StreamingResponse(_chunks(file), media_type=ARCHIVE, headers=headers)


def perfetto(request: Request) -> Response:
    """A run as a trace for ui.perfetto.dev or chrome://tracing."""
    shelf, row = named(request)
    columns = Columns(shelf.zero_ns(row))
    for names, rows in shelf.archive.sample_rows(row.run):
        columns.add(names, rows)
    pieces = trace(shelf.view(row.run).phases, columns.nodes, shelf.events(row))
    return StreamingResponse(pieces, media_type=JSON)


def delete(request: Request) -> Response:
    """Takes a run away, for good. Raises InconclusiveError while it goes on."""
    shelf, row = named(request)
    if request.path_params["run"] != row.run:
        raise NoSuchError(f"no run has the id '{request.path_params['run']}': what deletes takes whole ids alone")
    house: House = request.app.state.house
    current = house.live.stage.conductor.unfinished if house.live is not None else ()
    if row.run in {activity.recording.run for activity in current}:
        raise InconclusiveError(f"run {row.run} goes on: it can be deleted when it is over")
    export.remove(shelf.folder(row), shelf.runs_folder, shelf.url, row.run)
    return answer({"deleted": row.run})


async def bring_in(request: Request) -> Response:
    """A run from its archive, which is the request's body."""
    house: House = request.app.state.house
    house.require_quiet()
    house.shelf.runs_folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=house.shelf.runs_folder) as file:
        size_bytes = 0
        async for chunk in request.stream():
            size_bytes += len(chunk)
            if size_bytes > UPLOAD_BYTES_MAX:
                raise TooLargeError(f"the archive has more than {UPLOAD_BYTES_MAX >> 30} GiB: no run has so much")
            await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        row = await asyncio.to_thread(export.unpack, file, house.shelf.runs_folder, house.shelf.url)
    return answer({"id": row.run, "scenario": row.scenario}, 201)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


ROUTES = [
    Route("/api/runs/{run}/export", take_out),
    Route("/api/runs/{run}/perfetto", perfetto),
    Route("/api/runs/{run}", delete, methods=["DELETE"]),
    Route("/api/import", bring_in, methods=["POST"]),
]
