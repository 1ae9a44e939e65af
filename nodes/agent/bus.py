"""A node's connection to the broker, kept up for as long as the node lives."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeAlias

from msgspec import Struct

from nodes.agent.access import Broker, Credentials
from nodes.agent.connection import Client, MqttError, connection
from nodes.agent.tasks import race
from nodes.eventkinds import Harness
from nodes.messages import Event, Leaf, Role, Sample, Status, encode, topic

TIMEOUT_S = 5
"""For connecting, and for the acknowledgement of a message (own)."""
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 2.0
"""A broker restarts in about a second: soon enough to be there when it is, seldom enough not to hammer it (own)."""
FAREWELL_S = 2
"""For the last messages of a node that is told to stop: less than its container is given (compose.yaml)."""
OUTBOX_MAX = 1000
"""Messages kept while offline; then the oldest goes, and the loss is told (own: minutes of a node's events)."""

Greeting: TypeAlias = Callable[[], Iterable[tuple[Leaf, Struct]]]


class Bus:
    """Publishes below `netreserve/<role>/<node>/` and hears the node's `desired`.

    `run` connects, and connects again, for ever. Samples are sent at QoS 0 or not at all; everything else waits for its
    acknowledgement at QoS 1, in order, through an outbox that outlives a connection.
    """

    def __init__(self, broker: Broker, credentials: Credentials | None, role: Role, node: str) -> None:
        self._broker, self._credentials = broker, credentials
        self._role, self._node = role, node
        self._client: Client | None = None
        self._outbox: deque[tuple[Leaf, bytes]] = deque(maxlen=OUTBOX_MAX)
        self._filled = asyncio.Event()
        self._messages_lost = 0
        self.trouble = "not yet connected"
        """Why there is no connection, one line; empty while there is one."""

    async def run(self, greeting: Greeting, on_desired: Callable[[bytes], None]) -> None:
        """Stays connected until cancelled. After each connecting, `greeting`'s messages are published (retained) and the
        retained `desired` is heard anew."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                async with self._new_client() as client:
                    await self._greet(client, greeting)
                    backoff_s = BACKOFF_FIRST_S
                    await race(self._empty_outbox(client), self._listen(client, on_desired))
            except MqttError as error:
                self._note_trouble(error)
            finally:
                self._client = None
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_LAST_S)

    async def publish_sample(self, sample: Sample) -> None:
        """Sends `sample` if there is a connection that takes it; a sample is never sent late."""
        if self._client is not None:
            with suppress(MqttError):  # `run` sees the same trouble and tells it
                await self._client.publish(self._topic("sample"), encode(sample), timeout=TIMEOUT_S)

    def post(self, leaf: Leaf, message: Struct) -> None:
        """Puts `message` into the outbox: sent in order, now or when there is a connection again."""
        self._messages_lost += len(self._outbox) == OUTBOX_MAX
        self._outbox.append((leaf, encode(message)))
        self._filled.set()

    async def farewell(self, status: Status) -> None:
        """Sends what is in the outbox and then `status`, as far as the broker takes it within FAREWELL_S."""
        if self._client is None:
            return
        with suppress(MqttError, TimeoutError):  # the last will says the same
            async with asyncio.timeout(FAREWELL_S):
                while self._outbox:
                    await asyncio.sleep(0.005)  # `run` empties it
                await self._publish(self._client, "status", encode(status))

    def _new_client(self) -> Client:
        offline = Status(
            node=self._node, role=self._role, state="offline", reason="connection lost", t_ns=time.time_ns()
        )
        will = self._topic("status"), offline
        return connection(self._broker, self._credentials, self._node, will=will, timeout_s=TIMEOUT_S)

    async def _greet(self, client: Client, greeting: Greeting) -> None:
        for leaf, message in greeting():
            await self._publish(client, leaf, encode(message))
        await client.subscribe(self._topic("desired"), qos=1)
        self._client, self.trouble = client, ""

    async def _listen(self, client: Client, on_desired: Callable[[bytes], None]) -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes | bytearray) and message.payload:
                on_desired(bytes(message.payload))

    async def _empty_outbox(self, client: Client) -> None:
        while True:
            await self._filled.wait()
            if self._messages_lost:
                await self._tell_loss(client)
            while self._outbox:
                head = self._outbox[0]
                await self._publish(client, *head)
                if self._outbox and self._outbox[0] is head:  # an overflow may have pushed it out meanwhile
                    self._outbox.popleft()
            self._filled.clear()

    async def _tell_loss(self, client: Client) -> None:
        lost, self._messages_lost = self._messages_lost, 0
        reason = f"{lost} messages were lost, offline with {OUTBOX_MAX} waiting"
        detail = Harness(void=reason, harness=True, messages_lost=lost)
        event = Event(t_ns=time.time_ns(), node=self._node, run="", detail=detail)
        await self._publish(client, "event", encode(event))

    async def _publish(self, client: Client, leaf: Leaf, payload: bytes) -> None:
        await client.publish(self._topic(leaf), payload, qos=1, retain=leaf != "event", timeout=TIMEOUT_S)

    def _topic(self, leaf: Leaf) -> str:
        return topic(self._role, self._node, leaf)

    def _note_trouble(self, error: BaseException) -> None:
        trouble = f"broker {self._broker}: {error}"
        if trouble != self.trouble:
            print(f"netreserve: {trouble}; trying again", file=sys.stderr, flush=True)
        self.trouble = trouble
