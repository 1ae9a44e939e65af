"""A node with a canned life over real MQTT: says what an agent says, when a test wants it to. A fake with behaviour."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import aiomqtt
import msgspec
from brokers import Broker

from nodes.agent.tasks import end
from nodes.config import InitiatorSpec
from nodes.eventkinds import detail_of
from nodes.messages import Desired, Event, Reported, Role, Sample, Status, decode, encode, topic

INTERVAL_S = 0.05


class ScriptedNode:
    """An initiator that makes progress (or, `frozen`, none), or a target that serves. It obeys at once unless
    `answers` is replaced: that gets the honest Reported and returns the one to send, or None to stay silent."""

    def __init__(self, broker: Broker, role: Role, name: str, address: str, tier: str = "") -> None:
        self._broker, self.role, self.name, self.address, self.tier = broker, role, name, address, tier
        self.desired: list[Desired] = []
        self.answers: Callable[[Reported], Reported | None] = lambda reported: reported
        self.answer_delay_s = 0.0
        self.swaps = True
        self.frozen = False
        self.junked = False
        """Whether junk arrives, ..."""
        self.junk_pps: Callable[[], int] = lambda: 0
        """... or how much of it, packets per second."""
        self.junk_packets = 0
        self.progress_pages = 0
        self._progress_ns = time.monotonic_ns()
        self._client: aiomqtt.Client | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def run(self) -> str:
        return self.desired[-1].run if self.desired else ""

    @property
    def progress_age_ns(self) -> int:
        return time.monotonic_ns() - self._progress_ns

    @property
    def policy(self) -> str:
        spec = self.desired[-1].spec if self.desired else None
        return spec.policy.name if isinstance(spec, InitiatorSpec) else ""

    async def __aenter__(self) -> ScriptedNode:
        account = self._broker.account(self.role)
        self._client = aiomqtt.Client(
            "127.0.0.1",
            self._broker.port,
            identifier=self.name,
            username=account.username,
            password=account.password,
            will=aiomqtt.Will(self._topic("status"), encode(self._status("offline")), qos=1, retain=True),
        )
        await self._client.__aenter__()
        await self._client.subscribe(self._topic("desired"), qos=1)
        await self._say("status", self._status("online"), retain=True)
        self._tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._measure())]
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._end_tasks()
        assert self._client is not None
        await asyncio.gather(self._client.__aexit__(None, None, None), return_exceptions=True)

    async def die(self) -> None:
        """As a killed process: the connection ends without a word, so that the broker publishes the last will."""
        await self._end_tasks()
        assert self._client is not None
        sock = self._client._client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)

    async def tell(self, kind: str, **detail: Any) -> None:
        """An event of this node."""
        await self._say(
            "event", Event(t_ns=time.time_ns(), node=self.name, run=self.run, detail=detail_of(kind, detail))
        )

    async def _obey(self) -> None:
        assert self._client is not None
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            desired = decode(message.payload, Desired)
            if desired.run != self.run:
                self.progress_pages = 0
            self.desired.append(desired)
            await asyncio.sleep(self.answer_delay_s)
            honest = Reported(
                node=self.name,
                seq=desired.seq,
                run=desired.run,
                t_ns=time.time_ns(),
                spec=desired.spec,
                shape=desired.shape,
                means={"delay": "nfqueue hold"},
            )
            answer = self.answers(honest)
            if answer is not None:
                await self._say("reported", answer, retain=True)

    async def _measure(self) -> None:
        before_ns = time.monotonic_ns()
        while True:
            elapsed_ns, before_ns = time.monotonic_ns() - before_ns, time.monotonic_ns()
            self.progress_pages += 0 if self.frozen else 100
            self._progress_ns = self._progress_ns if self.frozen else before_ns
            self.junk_packets += round((1000 if self.junked else self.junk_pps()) * elapsed_ns / 1e9)
            await self._say("sample", self._sample(), qos=0)
            await asyncio.sleep(INTERVAL_S)

    def _sample(self) -> Sample:
        base = Sample(t_ns=time.time_ns(), node=self.name, run=self.run, policy=self.policy)
        if self.role == "target":
            return msgspec.structs.replace(base, state="serving")
        return msgspec.structs.replace(
            base,
            state="stuck" if self.frozen else "running",
            free_pages=88 if self.frozen else 350,
            min_pages=256,
            low_pages=320,
            high_pages=384,
            reserve_used_pages=168 if self.frozen else 0,
            swap_out_pages=1 + self.progress_pages if self.swaps else 0,
            swap_in_pages=self.progress_pages,
            verified_pages=1 + self.progress_pages,
            progress_pages=self.progress_pages,
            progress_age_ns=self.progress_age_ns,
            tier=self.tier or "container",
            rx_packets=self.progress_pages + self.junk_packets,
            in_flight=16,
            junk_packets=self.junk_packets,
        )

    def _status(self, state: Any) -> Status:
        return Status(
            node=self.name, role=self.role, state=state, address=self.address, tier=self.tier, t_ns=time.time_ns()
        )

    def _topic(self, leaf: str) -> str:
        return topic(self.role, self.name, leaf)

    async def _say(self, leaf: str, message: msgspec.Struct, *, retain: bool = False, qos: int = 1) -> None:
        assert self._client is not None
        await self._client.publish(self._topic(leaf), encode(message), qos=qos, retain=retain)

    async def _end_tasks(self) -> None:
        await end(*self._tasks)
