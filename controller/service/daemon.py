"""The daemon put together: `serve` runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from controller.api import CONTROLLER_STATUS, ControllerStatus
from controller.bus.access import broker_of, health_address
from controller.bus.mqtt import Bus
from controller.runtime.docker import Engine
from controller.service.admission import Admission
from controller.service.commands import Commands
from controller.service.conductor import Conductor
from controller.service.connections import Parts, Timing
from controller.service.floodwatch import FloodWatch
from controller.service.locust import Locust
from controller.service.nodes import Nodes
from controller.service.recorder import Recorder
from controller.service.recovery import recover
from controller.service.standing import Standing, load_classic
from controller.service.staying import Staying
from controller.store.database import Database
from nodes.agent.access import Broker, Credentials, read_credentials
from nodes.agent.health import serve_health
from nodes.agent.tasks import end
from nodes.errors import HarnessError, NetreserveError, UsageError
from nodes.messages import Event, Sample, Status

STOPPED = "controller stopped"
STOP_GRACE_S = 20.0
"""A run under way is still judged, written and drawn when the daemon is told to stop, which takes 3 to 6 s beside other work
(own); what takes longer is left to recovery. compose.yaml gives the container longer than this."""


class Config(Struct, frozen=True, kw_only=True):
    """What the environment says; see `from_environment`."""

    broker: Broker
    credentials: Credentials | None
    runs_folder: Path
    database_url: str
    locust_url: str
    docker_url: str
    """Empty: no Docker, memory limits are neither set nor read back."""
    project: str
    timing: Timing = Timing()


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """NETRESERVE_BROKER (host:port), NETRESERVE_CREDENTIALS (a file), NETRESERVE_RUNS (a folder), NETRESERVE_DATABASE (a
    URL; default: SQLite in the runs folder), NETRESERVE_LOCUST (a URL), DOCKER_HOST, NETRESERVE_PROJECT. Raises UsageError
    or LackingError for what cannot be used."""
    credentials = environ.get("NETRESERVE_CREDENTIALS", "")
    locust_url = environ.get("NETRESERVE_LOCUST", "http://127.0.0.1:8089")
    if not locust_url.startswith(("http://", "https://")):
        raise UsageError(f"NETRESERVE_LOCUST is '{locust_url}': a URL is needed, for example 'http://127.0.0.1:8089'")
    return Config(
        broker=broker_of(environ),
        credentials=read_credentials(Path(credentials)) if credentials else None,
        runs_folder=Path(environ.get("NETRESERVE_RUNS", "runs")),
        database_url=environ.get("NETRESERVE_DATABASE", ""),
        locust_url=locust_url,
        docker_url=environ.get("DOCKER_HOST", ""),
        project=environ.get("NETRESERVE_PROJECT", "netreserve"),
    )


class Stage(NamedTuple):
    """What a part beside the daemon's own is given to work with: the page."""

    config: Config
    parts: Parts
    commands: Commands
    conductor: Conductor


Beside = Callable[[Stage], Coroutine[Any, Any, None]]
"""Runs as long as the daemon does, in its event loop."""


async def serve(config: Config, beside: Beside | None = None) -> None:
    """Runs until SIGTERM or SIGINT, or until cancelled; a run under way is ended first. Raises LackingError when the broker
    refuses us, HarnessError when nothing can be recorded, or when a part of the daemon ends."""
    stop = _stop_by_signal()
    bus = Bus(
        config.broker,
        config.credentials,
        # nobody can take the place of a connection whose name he cannot guess
        f"controller-{secrets.token_hex(8)}",
        patient=True,
        hello=(CONTROLLER_STATUS, lambda: _status("online")),
        will=(CONTROLLER_STATUS, _status("offline")),
    )
    async with await _healthy(bus):  # first of all: a second controller must not end the runs of the one that serves
        database = _opened(config)
        try:
            if await _unless(stop, recover(database, config.runs_folder)):
                await _serve(config, bus, database, stop, beside)
        finally:
            database.close()


async def _serve(config: Config, bus: Bus, database: Database, stop: asyncio.Event, beside: Beside | None) -> None:
    classic = load_classic()
    engine = Engine(config.docker_url, config.project) if config.docker_url else None
    nodes = Nodes(bus, guarded=engine is not None)
    recorder = Recorder(database, config.runs_folder)
    nodes.listen(lambda node, what: _record(recorder, what))
    async with Locust(config.locust_url) as locust, contextlib.AsyncExitStack() as stack:
        parts = Parts(nodes=nodes, recorder=recorder, locust=locust, engine=engine, timing=config.timing)
        watch = FloodWatch(parts)
        conductor = Conductor(parts, watch, bus)
        standing = Standing(parts, classic, conductor.idle)
        commands = Commands(parts, bus, watch, conductor, standing)
        bus.on_loss = conductor.broker_lost
        stay = Staying(bus, lambda: _status("online"))
        if not await _unless(stop, stack.enter_async_context(bus)):
            return
        stack.push_async_callback(_wind_up, conductor)
        print(f"netreserve: controller {version('netreserve')} serves {config.broker}", file=sys.stderr)
        work = [bus.over, recorder.run, watch.run, standing.run, conductor.follow_floods, conductor.tell, stay.run]
        if engine is not None:
            work.append(Admission(nodes, engine).run)
        tasks = [asyncio.create_task(task(), name=task.__qualname__) for task in work]
        if beside is not None:
            tasks.append(asyncio.create_task(_beside(beside(Stage(config, parts, commands, conductor))), name="beside"))
        await _until_stopped(stop, tasks)


async def _beside(work: Coroutine[Any, Any, None]) -> None:
    """Until cancelled, whatever becomes of `work`: what only looks on never ends a run."""
    try:
        await work
    except NetreserveError as error:
        print(f"netreserve: no page: {error}", file=sys.stderr)
    except Exception as error:
        print("netreserve: the page failed, and the controller goes on without it", file=sys.stderr)
        traceback.print_exception(error, file=sys.stderr)
    await asyncio.Event().wait()


async def _healthy(bus: Bus) -> asyncio.Server:
    """Answers health checks: that the event loop turns, and whether anybody hears us."""
    try:
        return await serve_health(health_address(bus.broker), lambda: bus.ailment)
    except OSError as error:
        raise HarnessError(f"another controller serves {bus.broker} on this machine ({error.strerror})") from None


def _opened(config: Config) -> Database:
    try:
        config.runs_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"no runs folder {config.runs_folder}: {error.strerror}") from None
    database = Database.of(config.runs_folder, config.database_url)
    database.create()
    return database


def _status(state: str) -> ControllerStatus:
    return ControllerStatus(state=state, version=version("netreserve"), t_ns=time.time_ns())


def _record(recorder: Recorder, what: Sample | Event | Status) -> None:
    if not isinstance(what, Status):
        recorder.take(what)


def _stop_by_signal() -> asyncio.Event:
    """Set when somebody tells us to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(number, stop.set)
    return stop


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Whether `work` came to its end before `stop`. Raises what it raises."""
    task, waiting = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(task, waiting)
    if task.cancelled():
        return False
    task.result()
    return True


async def _until_stopped(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Until `stop`; a task that fails takes the daemon with it, and compose starts it anew."""
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        await end(*tasks, waiting)


async def _wind_up(conductor: Conductor) -> None:
    """A run under way is judged and written; what takes too long is left to the next start."""
    if conductor.current is not None:
        conductor.current.void(STOPPED)
    try:
        async with asyncio.timeout(STOP_GRACE_S):
            await conductor.finished()
    except TimeoutError:
        await conductor.leave()
