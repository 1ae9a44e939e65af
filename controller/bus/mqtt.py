"""MQTT for the controller's side: one connection that comes back by itself, and typed messages.

A `Bus` is told its routes first (`route`), then entered (`async with`). Each time it connects it subscribes anew and
says `hello`; its last will is published by the broker when it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TypeVar

from msgspec import Struct

from nodes.agent.access import Broker, Credentials
from nodes.agent.connection import Client, MqttError, Wildcard, connection
from nodes.agent.tasks import end
from nodes.errors import HarnessError, LackingError, NetreserveError
from nodes.messages import decode, encode

CONNECT_TIMEOUT_S = 3.0
FIRST_ATTEMPTS = 3
"""A first connection that a broker took and did not answer is tried again: a broker that waits for its disk answers nobody
for a while (seen beside image builds; the cause is inferred, not proved). A refusal counts at once."""
FAILURES_UNTOLD = 3
"""Attempts in a row that may fail before it is told: what one more attempt mends, nobody needs to know (own)."""
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 3.0
"""A broker's restart takes about a second (own)."""
GOODBYE_S = 1.0
PUBLISH_DEADLINE_S = 15.0
"""A broker that is away for longer is lost, not restarting; shorter than an operator waits for an answer (own)."""
MESSAGE_BYTES_MAX = 4 << 20
"""The largest that anybody has reason to send is a scenario of 1 MiB, escaped (controller/experiment/scenario)."""
REFUSED_TOLD_MAX = 20
"""So many messages that could not be taken are told one by one, then each hundredth: a flood of them fills no log (own)."""
QUEUED_OUTGOING_MAX = 10_000
NOT_AUTHORIZED = {"Not authorized", "Bad user name or password"}

M = TypeVar("M", bound=Struct)
Handler = Callable[[str, bytes], None]
Greeting = Callable[[], Iterable[tuple[str, Struct]]]


class Bus:
    """A connection to `broker`. With `patient`, entering waits for a broker that is not there yet; without, it raises
    LackingError. Wrong credentials always raise LackingError at entering."""

    def __init__(
        self,
        broker: Broker,
        credentials: Credentials | None,
        identifier: str,
        *,
        patient: bool = False,
        hello: tuple[str, Callable[[], Struct]] | None = None,
        will: tuple[str, Struct] | None = None,
    ) -> None:
        """`hello`: a topic and what to publish there, retained, at each connection; `will`: the same, after our death."""
        self.broker, self._credentials, self._identifier = broker, credentials, identifier
        self._patient, self._will = patient, will
        self._routes: list[tuple[Wildcard, str, int, Handler]] = []
        self._greetings: list[Greeting] = [] if hello is None else [lambda: [(hello[0], hello[1]())]]
        self.on_loss: Callable[[str], None] = lambda why: None
        """Hears each time that a connection which was there is lost, and why, in one line that names the broker."""
        self._connected = asyncio.Event()
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self.leaving = False
        """Whether we are about to go by ourselves."""
        self.refused = 0
        """How many messages could not be taken."""

    def greet(self, greeting: Greeting) -> None:
        """What `greeting()` yields, topics and messages, is published at each connection, retained, beside `hello`."""
        self._greetings.append(greeting)

    def route(
        self,
        topics: str,
        kind: type[M],
        handler: Callable[[str, M], None],
        *,
        qos: int = 1,
        bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        """Messages on `topics` (wildcards allowed) go to `handler(topic, message)`; one that is not a `kind`, is longer than
        `bytes_max`, or that the handler fails on, is told on stderr, counted in `refused`, and dropped."""

        def typed(topic: str, payload: bytes) -> None:
            if len(payload) > bytes_max:
                raise ValueError(f"{len(payload)} bytes, at most {bytes_max} are read")
            handler(topic, decode(payload, kind))

        self._routes.append((Wildcard(topics), topics, qos, typed))

    async def __aenter__(self) -> Bus:
        first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay_connected(first), name="bus")
        try:
            await asyncio.wait({self._task, first}, return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                first.result()
            else:
                await self.over()
        except BaseException:
            await end(self._task)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leaving = True
        if self._will is not None and self._connected.is_set():
            with contextlib.suppress(HarnessError):
                await self.publish(*self._will, retain=True, deadline_s=GOODBYE_S)
        if self._task is not None:
            await end(self._task)

    @property
    def ailment(self) -> str:
        """Why nobody hears us (one line); empty while there is a connection."""
        return "" if self._connected.is_set() else f"not connected to the broker at {self.broker}"

    async def over(self) -> None:
        """Until there is no connection any more, and none will come: raises HarnessError, which says why."""
        assert self._task is not None
        await asyncio.wait({self._task})
        error = None if self._task.cancelled() else self._task.exception()
        why = f"{type(error).__name__}: {error}" if error else "it was ended"
        raise HarnessError(f"the connection to the broker at {self.broker} is over for good: {why}") from error

    async def publish(
        self,
        topic: str,
        message: Struct,
        *,
        retain: bool = False,
        qos: int = 1,
        deadline_s: float = PUBLISH_DEADLINE_S,
    ) -> None:
        """Publishes once there is a connection; a connection lost on the way means once more on the next one. Raises
        HarnessError, which names the broker, when the broker did not take it within `deadline_s`."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._publish(topic, encode(message), retain=retain, qos=qos)
        except TimeoutError:
            raise HarnessError(
                f"the broker at {self.broker} took no message on {topic} within {deadline_s:g} s: is it still running?"
            ) from None

    async def _publish(self, topic: str, payload: bytes, *, retain: bool, qos: int) -> None:
        while True:
            await self._connected.wait()
            client = self._client
            try:
                assert client is not None
                await client.publish(topic, payload, qos=qos, retain=retain)
                return
            except MqttError:
                await asyncio.sleep(BACKOFF_FIRST_S)

    async def _stay_connected(self, first: asyncio.Future[None]) -> None:
        backoff_s, told, failures = BACKOFF_FIRST_S, "", 0
        while True:
            try:
                async with self._connect() as client:
                    backoff_s, told, failures = BACKOFF_FIRST_S, "", 0
                    await self._begin(client)
                    if not first.done():
                        first.set_result(None)
                    await self._dispatch(client)
            except (MqttError, OSError) as error:
                reason = explain(error, self.broker, self._credentials)
                failures += 1
                if self._connected.is_set():
                    self.on_loss(f"the broker at {self.broker} was lost ({_plain(error)})")
                unheard = "timed out" in str(error) and failures < FIRST_ATTEMPTS
                if not first.done() and (refused(error) or not (self._patient or unheard)):
                    first.set_exception(reason)
                    return
                if failures >= FAILURES_UNTOLD and str(reason) != told:
                    told = str(reason)
                    print(f"netreserve: {told}", file=sys.stderr)
            finally:
                self._connected.clear()
                self._client = None
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    def _connect(self) -> Client:
        return connection(
            self.broker,
            self._credentials,
            self._identifier,
            will=self._will,
            timeout_s=CONNECT_TIMEOUT_S,
            queued_max=QUEUED_OUTGOING_MAX,
        )

    async def _begin(self, client: Client) -> None:
        for _, topics, qos, _ in self._routes:
            await client.subscribe(topics, qos=qos)
        for greeting in self._greetings:
            for topic, message in greeting():
                await client.publish(topic, encode(message), qos=1, retain=True)
        self._client = client
        self._connected.set()

    async def _dispatch(self, client: Client) -> None:
        async for message in client.messages:
            payload = message.payload
            if not isinstance(payload, bytes | bytearray) or not payload:
                continue  # an empty payload clears a retained message: nothing is said
            for wildcard, _, _, handler in self._routes:
                if message.topic.matches(wildcard):
                    self._hand_over(handler, str(message.topic), bytes(payload))

    def _hand_over(self, handler: Handler, topic: str, payload: bytes) -> None:
        """Whatever is wrong with a message costs that message alone: one that nests a thousand lists, or that a handler
        did not expect, must not make us deaf to the next."""
        try:
            handler(topic, payload)
        except Exception as error:
            self.refused += 1
            if self.refused <= REFUSED_TOLD_MAX or self.refused % 100 == 0:
                told = f"refused a message on {topic}: {type(error).__name__}: {error} ({self.refused} so far)"
                print(f"netreserve: {told}", file=sys.stderr)


def refused(error: BaseException) -> bool:
    """Whether the broker answered, and said no."""
    return any(text in str(error) for text in NOT_AUTHORIZED)


def explain(error: BaseException, broker: Broker, credentials: Credentials | None) -> NetreserveError:
    """A connection's failure as one line for a person."""
    if refused(error):
        who = f"'{credentials.username}' from {credentials.source or 'the caller'}" if credentials else "(none given)"
        return LackingError(f"the broker at {broker} refuses the credentials {who}: run `netreserve up` to renew them")
    return LackingError(f"no broker answers at {broker}: is the testbed up? run `netreserve up` ({_plain(error)})")


def _plain(error: BaseException) -> str:
    return str(error).split("\n")[0] or type(error).__name__
