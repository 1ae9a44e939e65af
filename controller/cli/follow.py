"""A run from the question to its result: asked, shown as it goes, stopped when the person wants it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import NamedTuple

from controller.api import Progress, RunStarted, StartRescue, StartRun, StopRun
from controller.bus.client import Client
from controller.cli.session import accepted
from controller.cli.views import View
from nodes.errors import HarnessError

SILENCE_S = 60.0
"""The controller speaks twice a second during a run and is quiet only while it judges and writes the report (own)."""


class Ended(NamedTuple):
    """How a run ended: the message with its result, and whether the person ended it."""

    last: Progress
    interrupted: bool


async def follow(client: Client, command: StartRun | StartRescue, view: View) -> Ended:
    """Starts a run and stays until its result. SIGINT or SIGTERM once ends the run early and waits for its record; a
    second one raises KeyboardInterrupt. Raises what the controller refuses with."""
    heard: asyncio.Queue[Progress | Exception] = asyncio.Queue()
    async with _background(_listen(client, heard)):
        with _stop_by_signal(client, view) as interrupted:
            started = accepted(await client.ask(command))
            assert isinstance(started, RunStarted)
            view.started(started)
            last = await _until_result(client, started.run, heard, view)
            return Ended(last, interrupted.is_set())


async def _listen(client: Client, heard: asyncio.Queue[Progress | Exception]) -> None:
    try:
        async for progress in client.progress():
            heard.put_nowait(progress)
    except Exception as error:
        heard.put_nowait(error)


async def _until_result(client: Client, run: str, heard: asyncio.Queue[Progress | Exception], view: View) -> Progress:
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):  # wait_for may swallow the cancellation of a second Ctrl-C
                progress = await heard.get()
        except TimeoutError:
            lost = f"{client.lost}, and " if client.lost else ""
            raise HarnessError(
                f"{lost}the controller said nothing for {SILENCE_S:.0f} s: `netreserve runs show {run}` tells what it kept"
            ) from None
        if isinstance(progress, Exception):
            raise progress
        if progress.run != run:
            continue
        view.progress(progress)
        if progress.result is not None:
            return progress


@contextlib.asynccontextmanager
async def _background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def _stop_by_signal(client: Client, view: View) -> Iterator[asyncio.Event]:
    loop, run, stopping = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    requests: set[asyncio.Task[object]] = set()  # held here: the loop itself keeps tasks only weakly
    assert run is not None

    def stop() -> None:
        if stopping.is_set():
            view.remark("leaving: the controller goes on alone")
            run.cancel()
            return
        stopping.set()
        view.remark("stopping: the run is judged and written as far as it got (Ctrl-C again leaves at once)")
        requests.add(loop.create_task(client.ask(StopRun())))

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
        for request in requests:
            request.cancel()
