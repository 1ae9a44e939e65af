"""What initiators of every tier have in common as arms: how a wish is answered, and how they tell what happens."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from nodes.arm import in_one_line
from nodes.config import InitiatorSpec
from nodes.errors import LackingError, NetreserveError, SettingError, UsageError, exit_code_of
from nodes.eventkinds import Detail, Harness, PolicySet
from nodes.messages import SAMPLE_INTERVAL_NS, Desired, Event, Reported, Status
from nodes.network.interfaces import Interface
from nodes.units import SECOND_NS


class Initiator(ABC):
    """An `Arm` (see `nodes.arm`) on the data interface `data`, but for its samples and its end. Nothing is touched before
    the first `apply`."""

    tier: ClassVar[str]

    def __init__(self, node: str, data: Interface) -> None:
        self._node, self._data = node, data
        self._run = ""
        self._events: list[Event] = []
        self._emit: Callable[[Event], None] = self._events.append

    def status(self) -> Status:
        """`unable`, with the reason, when what the tier needs is missing."""
        reason = ""
        try:
            self._probe()
        except LackingError as error:
            reason = str(error)
        return Status(
            node=self._node,
            role="initiator",
            state="unable" if reason else "online",
            reason=reason,
            address=self._data.address,
            tier=self.tier,
            t_ns=time.time_ns(),
        )

    async def apply(self, desired: Desired) -> Reported:
        """See `nodes.arm.Arm`. A run whose start failed is started again by the next message."""
        error, exit_code, setting = "", 0, ""
        try:
            if not isinstance(desired.spec, InitiatorSpec):
                raise UsageError(f"{self._node} is an initiator: it cannot be a {type(desired.spec).__name__}")
            await self._make_true(desired, desired.spec)
        except (NetreserveError, OSError, MemoryError) as failure:
            error, exit_code = in_one_line(failure), exit_code_of(failure)
            setting = failure.setting if isinstance(failure, SettingError) else ""
        return self._read_back(
            Reported(
                node=self._node, seq=desired.seq, run=desired.run, t_ns=time.time_ns(), error=error, exit_code=exit_code,
                setting=setting,
            )
        )  # fmt: skip

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Watches, ten times a second; `emit` also takes what happened before. A fault of our own in any callback of the
        loop voids the run: a machine that stands still for it is not a patient."""
        for event in self._events:
            emit(event)
        self._events.clear()
        self._emit = emit
        asyncio.get_running_loop().set_exception_handler(self._own_fault)
        while True:
            self._watch_once()
            await asyncio.sleep(SAMPLE_INTERVAL_NS / SECOND_NS)

    @abstractmethod
    def _probe(self) -> None:
        """Raises LackingError when this machine cannot do the tier's work."""

    @abstractmethod
    async def _make_true(self, desired: Desired, spec: InitiatorSpec) -> None:
        """Raises what keeps `desired` from being in force."""

    @abstractmethod
    def _read_back(self, bare: Reported) -> Reported:
        """`bare` with spec, shape, means and measurements as they are."""

    @abstractmethod
    def _watch_once(self) -> None:
        """Tells what has happened since the last look."""

    def _tell(self, detail: Detail) -> None:
        self._emit(Event(t_ns=time.time_ns(), node=self._node, run=self._run, detail=detail))

    def _tell_switch(self, before: InitiatorSpec, now: InitiatorSpec) -> None:
        """That a running machine has another policy, or another reserve, where it has."""
        if (now.policy, now.machine) != (before.policy, before.machine):
            self._tell(PolicySet(policy=now.policy.name, min_free_pages=now.machine.min_free_pages))

    def _own_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        what = f"{type(fault).__name__}: {fault}" if fault else str(context["message"])
        self._tell(Harness(void=f"a fault of netreserve's own: {what}", harness=True))
        loop.default_exception_handler(context)
