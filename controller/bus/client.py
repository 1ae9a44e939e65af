"""An operator's connection to the controller: ask and be answered, and follow a run.

async with Client("127.0.0.1:1883", read_credentials(path)) as client:
    answer = await client.ask(Show())
    async for progress in client.progress():
        ...
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import TracebackType

from controller.api import (
    CONTROLLER_STATUS,
    PROGRESS,
    Command,
    ControllerStatus,
    Failed,
    Progress,
    Reply,
    Request,
    RunStarted,
    State,
)
from controller.bus.mqtt import Bus
from nodes.agent.access import Credentials, parse_broker
from nodes.errors import HarnessError, LackingError
from nodes.messages import ROOT

ASK_DEADLINE_S = 30.0
"""Longer than the controller waits for a node's acknowledgement, so that its own reason arrives first."""
LOSS_GRACE_S = 20.0
"""A broker that is back within it brings the result of the run that it spoilt (own: it restarts in seconds)."""
STATUS_DEADLINE_S = 3.0
"""The retained status comes with the subscription; a broker that knows none of a controller sends nothing."""

Answer = RunStarted | State | Failed


class Client:
    """An operator. Entering raises LackingError when no broker answers, or when it refuses the credentials."""

    def __init__(self, broker: str, credentials: Credentials | None = None) -> None:
        self.name = f"cli-{secrets.token_hex(4)}"
        self.controller: ControllerStatus | None = None
        self._heard = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._followers: set[asyncio.Queue[Progress | None]] = set()
        self.lost = ""
        """How the broker was lost while we were connected (one line that names it); empty when it never was."""
        self._losing: list[asyncio.TimerHandle] = []
        self._bus = Bus(parse_broker(broker), credentials, self.name)
        self._bus.route(f"{ROOT}/controller/reply/{self.name}", Reply, self._replied)
        self._bus.route(PROGRESS, Progress, self._progressed)
        self._bus.route(CONTROLLER_STATUS, ControllerStatus, self._status)
        self._bus.on_loss = self._note_loss

    async def __aenter__(self) -> Client:
        await self._bus.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._losing:
            timer.cancel()
        await self._bus.__aexit__(kind, error, trace)

    async def ask(self, command: Command, deadline_s: float = ASK_DEADLINE_S) -> Answer:
        """The controller's answer; a command that it refuses is answered with `Failed`. Raises LackingError when there
        is no controller, HarnessError when it is offline or does not answer within `deadline_s`."""
        await self._present()
        request = Request(id=secrets.token_hex(8), client=self.name, command=command)
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = reply
        try:
            async with asyncio.timeout(deadline_s):
                await self._bus.publish(f"{ROOT}/operator/{self.name}/request", request)
                return await reply
        except TimeoutError:
            raise HarnessError(f"the controller did not answer within {deadline_s:g} s: see its log") from None
        finally:
            del self._waiting[request.id]

    async def progress(self) -> AsyncIterator[Progress]:
        """What the controller tells of its runs, from now on, until the caller leaves. Raises HarnessError when the
        controller goes offline."""
        queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._followers.add(queue)
        try:
            while True:
                progress = await queue.get()
                if progress is None:
                    why = self.lost or "the controller went offline"
                    raise HarnessError(f"{why}: once it is back (`netreserve up`) its run is judged as far as it got")
                yield progress
        finally:
            self._followers.discard(queue)

    async def _present(self) -> None:
        try:
            async with asyncio.timeout(STATUS_DEADLINE_S):
                await self._heard.wait()
        except TimeoutError:
            raise LackingError(
                f"no controller is known to the broker at {self._bus.broker}: run `netreserve up`"
            ) from None
        if self.controller is None or self.controller.state != "online":
            raise HarnessError("the controller is offline: run `netreserve up`, or look at its log")

    def _note_loss(self, why: str) -> None:
        self.lost = why
        self._losing.append(asyncio.get_running_loop().call_later(LOSS_GRACE_S, self._give_up))

    def _give_up(self) -> None:
        if self._bus.ailment:
            self._leave_followers()

    def _leave_followers(self) -> None:
        for queue in self._followers:
            queue.put_nowait(None)

    def _status(self, topic: str, status: ControllerStatus) -> None:
        self.controller = status
        self._heard.set()
        if status.state == "offline":
            self._leave_followers()

    def _replied(self, topic: str, reply: Reply) -> None:
        waiting = self._waiting.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.answer)

    def _progressed(self, topic: str, progress: Progress) -> None:
        for queue in self._followers:
            queue.put_nowait(progress)
