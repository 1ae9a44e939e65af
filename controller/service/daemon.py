"""The daemon put together: `serve` runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from controller.api import CONTROLLER_STATUS, ControllerStatus
from controller.bus.access import Broker, Credentials, load_credentials, parse_broker
from controller.bus.ending import end
from controller.bus.mqtt import Bus
from controller.flood import Locust
from controller.runtime.docker import Engine
from controller.service.commands import Commands
from controller.service.conductor import Conductor
from controller.service.floodwatch import FloodWatch
from controller.service.nodes import Node, Nodes
from controller.service.parts import Parts, Timing
from controller.service.recorder import Recorder
from controller.service.recovery import recover
from controller.service.standing import Standing, load_classic
from controller.store.database import Database
from nodes.errors import HarnessError, UsageError
from nodes.messages import Event, Sample, Status

STOPPED = "controller stopped"
STOP_GRACE_S = 5.0
"""A run under way is still judged and written when the daemon is told to stop; what takes longer is left to recovery."""


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
    or LackingError for what is no use."""
    credentials = environ.get("NETRESERVE_CREDENTIALS", "")
    locust_url = environ.get("NETRESERVE_LOCUST", "http://127.0.0.1:8089")
    if not locust_url.startswith(("http://", "https://")):
        raise UsageError(f"NETRESERVE_LOCUST is '{locust_url}': a URL is needed, for example 'http://127.0.0.1:8089'")
    return Config(
        broker=parse_broker(environ.get("NETRESERVE_BROKER", "127.0.0.1:1883")),
        credentials=load_credentials(Path(credentials)) if credentials else None,
        runs_folder=Path(environ.get("NETRESERVE_RUNS", "runs")),
        database_url=environ.get("NETRESERVE_DATABASE", ""),
        locust_url=locust_url,
        docker_url=environ.get("DOCKER_HOST", ""),
        project=environ.get("NETRESERVE_PROJECT", "netreserve"),
    )


async def serve(config: Config) -> None:
    """Runs until SIGTERM or SIGINT, or until cancelled. Raises LackingError when the broker refuses us, HarnessError when
    nothing can be recorded."""
    classic = load_classic()
    database = _opened(config)
    await recover(database, config.runs_folder)
    bus = Bus(
        config.broker,
        config.credentials,
        "controller",
        patient=True,
        hello=(CONTROLLER_STATUS, lambda: _status("online")),
        will=(CONTROLLER_STATUS, _status("offline")),
    )
    nodes = Nodes(bus)
    recorder = Recorder(database, config.runs_folder)
    nodes.listen(lambda node, what: _record(recorder, node, what))
    engine = Engine(config.docker_url, config.project) if config.docker_url else None
    async with Locust(config.locust_url) as locust:
        parts = Parts(nodes=nodes, recorder=recorder, locust=locust, engine=engine, timing=config.timing)
        watch = FloodWatch(parts)
        conductor = Conductor(parts, watch, bus)
        standing = Standing(parts, classic, conductor.idle)
        Commands(parts, bus, watch, conductor, standing)
        async with bus:
            print(f"netreserve: controller {version('netreserve')} serves {config.broker}", file=sys.stderr)
            work = (bus.over, recorder.run, watch.run, standing.run, conductor.follow_floods, conductor.tell)
            try:
                await _until_stopped([asyncio.create_task(task()) for task in work])
            finally:
                await _wind_up(conductor)
    database.close()


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


def _record(recorder: Recorder, node: Node, what: Sample | Event | Status) -> None:
    if not isinstance(what, Status) and what.node == node.name:  # nobody speaks for another
        recorder.take(what)


async def _until_stopped(tasks: list[asyncio.Task[None]]) -> None:
    """Until a signal comes; a task that fails takes the daemon with it, and compose starts it anew."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(number, stop.set)
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        await end(*tasks, waiting)


async def _wind_up(conductor: Conductor) -> None:
    if conductor.current is not None:
        conductor.current.void(STOPPED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S):
                await conductor.finished()
