"""Recorded runs: the list, one run, its samples, events, log lines, report and files.

These functions block, and Starlette calls them in threads of their own.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from controller.experiment.record import RunRow
from controller.web.answers import JSON, NoSuchError, answer
from controller.web.columns import Columns
from controller.web.shelf import Asked, Shelf, inside
from nodes.errors import UsageError

REPORT_POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'none'; img-src data:;"
    " script-src 'unsafe-inline'; style-src 'unsafe-inline'"
)
"""The report carries scripts of its own: it is shown, but cannot ask anything of us, nor see the page."""
LINES_MAX = 20_000
"""Of a node's logs in one answer, the last ones (own: a guest that hangs prints some hundred)."""
LINE_MAX = 16 << 10
"""Characters; what is longer is told in pieces (own)."""
LOGS = (".log", ".console.log", ".telemetry.log", ".autopsy.txt")


def runs(request: Request) -> Response:
    """The list."""
    try:
        asked = msgspec.convert(dict(request.query_params), Asked, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"runs cannot be asked for so: {error}") from None
    return answer(shelf_of(request).listing(asked))


def run(request: Request) -> Response:
    """One run, without samples and events."""
    name = request.path_params["run"]
    known = request.app.state.house.simulations.find(name)
    return answer(shelf_of(request).view(name) if known is None or known.journal.over else known.view())


def samples(request: Request) -> Response:
    """`{node: {field: [values]}}`, sent as it is made."""
    shelf, row = named(request)
    columns = Columns(shelf.zero_ns(row), request.query_params.get("node", ""))
    for names, rows in shelf.archive.sample_rows(row.run):
        columns.add(names, rows)
    return StreamingResponse(columns.json(), media_type=JSON)


def events(request: Request) -> Response:
    """What happened, in the order of time."""
    shelf, row = named(request)
    return answer(shelf.events(row))


def lines(request: Request) -> Response:
    """`{file, t_ns, text}` of what a node printed, in the order of the files; `t_ns` is null where a line has no time."""
    shelf, row = named(request)
    node, zero_ns = request.query_params.get("node", ""), shelf.zero_ns(row)
    found = (
        {"file": path.name, "t_ns": t_ns, "text": text}
        for path in _logs(shelf.folder(row), node)
        for t_ns, text in _lines(path, zero_ns)
    )
    return answer(list(deque(found, LINES_MAX)))


def report(request: Request) -> Response:
    """report.html, in a box of its own."""
    return _file(request, "report.html", headers={"content-security-policy": REPORT_POLICY})


def picture(request: Request) -> Response:
    """picture.png."""
    return _file(request, "picture.png")


def shelf_of(request: Request) -> Shelf:
    """The runs that this server shows."""
    shelf: Shelf = request.app.state.house.shelf
    return shelf


def named(request: Request) -> tuple[Shelf, RunRow]:
    """The run in the address. Raises NoSuchError."""
    shelf = shelf_of(request)
    return shelf, shelf.row(request.path_params["run"])


def _file(request: Request, name: str, headers: dict[str, str] | None = None) -> Response:
    shelf, row = named(request)
    path = shelf.folder(row) / name
    if not (path.is_file() and inside(shelf.folder(row), path)):
        raise NoSuchError(f"run {row.run} has no {name}: it was not drawn, or was deleted")
    return FileResponse(path, headers=headers)


def _logs(folder: Path, node: str) -> list[Path]:
    """The logs of `node`, or of all."""
    there = sorted(
        path for path in folder.glob("nodes/*") if path.name.endswith(LOGS) and path.is_file() and inside(folder, path)
    )
    return [path for path in there if not node or any(path.name == node + ending for ending in LOGS)]


def _lines(path: Path, zero_ns: int) -> Iterator[tuple[int | None, str]]:
    """Each line with its time, if it begins with one (as `controller.service.guestlines` writes it)."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        while line := stream.readline(LINE_MAX):
            text = line.rstrip("\n")
            moment, _, rest = text.partition(" ")
            t_ns = _time_ns(moment)
            yield (None, text) if t_ns is None else (t_ns - zero_ns, rest)


def _time_ns(moment: str) -> int | None:
    """Of `2026-11-23T02:50:21.123456Z`."""
    if not (moment.endswith("Z") and "T" in moment):
        return None
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(moment)
        return int(found.timestamp()) * 1_000_000_000 + found.microsecond * 1000
    return None


ROUTES = [
    Route("/api/runs", runs),
    Route("/api/runs/{run}", run),
    Route("/api/runs/{run}/samples", samples),
    Route("/api/runs/{run}/events", events),
    Route("/api/runs/{run}/lines", lines),
    Route("/api/runs/{run}/report", report),
    Route("/api/runs/{run}/picture", picture),
]
