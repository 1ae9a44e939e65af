"""Locust's web API for the controller: start a flood, stop it, see what it does. The only user of httpx."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from nodes.errors import HarnessError
from traffic.profiles import Aimed, form

TIMEOUT_S = 5.0
MISSING = "missing"
"""Of a worker: it sends no heartbeats any more (locust.runners.STATE_MISSING)."""
GOING = frozenset({"spawning", "running", "cleanup", "stopping"})
"""Locust's states in which junk may be on its way; the others are `ready`, `stopped` and `missing` (no worker)."""


class FloodState(Struct, frozen=True, kw_only=True):
    """What Locust does, as one answer of GET /stats/requests. `stats` is that answer, for the record."""

    state: str
    user_count: int = 0
    total_rps: float = 0.0
    """Locust's own count of requests per second; a udp request may be a batch of datagrams (traffic)."""
    fail_ratio: float = 0.0
    workers: frozenset[str] = frozenset()
    """Those that answer their master, by Locust's names for them: one that is started anew has another."""
    stats: dict[str, Any] = {}

    @property
    def going(self) -> bool:
        return self.state in GOING and self.user_count > 0

    def sent(self, label: str) -> int:
        """Packets, segments or requests of the flood with `label` (`Aimed.label`) since the statistics began. Raises
        HarnessError when the answer has no figures at all."""
        entries = self.stats.get("stats", ())
        if not entries:
            raise HarnessError("Locust does not say how many packets it sent")
        return sum(int(entry["num_requests"]) for entry in entries if _of(str(entry.get("name")), label))

    def __str__(self) -> str:
        return f"running ({self.user_count} users, {self.total_rps:.0f} rps)" if self.going else "stopped"


class _Worker(Struct, frozen=True):
    id: str
    state: str


class _Told(Struct, frozen=True):
    state: str
    user_count: int
    total_rps: float
    fail_ratio: float
    workers: tuple[_Worker, ...] = ()


class Locust:
    """Locust's master at `url`. Each call raises HarnessError when it does not answer or refuses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Locust:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def start(self, floods: Sequence[Aimed], targets: tuple[str, ...], seconds: int) -> None:
        """Starts `floods` at `targets` for `seconds` at most; statistics begin anew."""
        await self.reset()
        answer = await self._ask("POST", "/swarm", data=form(floods, targets, seconds))
        if not answer.get("success"):
            raise HarnessError(f"Locust did not start the flood: {answer.get('message', 'no reason given')}")

    async def stop(self) -> None:
        """Stops whatever goes on; junk that was sent may still arrive."""
        await self._ask("POST", "/stop")

    async def reset(self) -> None:
        """Sets all statistics to zero."""
        await self._ask("POST", "/stats/reset", plain=True)

    async def state(self) -> FloodState:
        found = await self._ask("GET", "/stats/requests")
        try:
            told = msgspec.convert(found, _Told)
        except msgspec.ValidationError as error:
            raise HarnessError(f"Locust at {self.url} answers otherwise ({error}): is it another program?") from None
        return FloodState(
            state=told.state,
            user_count=told.user_count,
            total_rps=told.total_rps,
            fail_ratio=told.fail_ratio,
            workers=frozenset(worker.id for worker in told.workers if worker.state != MISSING),
            stats=found,
        )

    async def _ask(self, method: str, path: str, *, plain: bool = False, **body: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **body)
            found = {} if plain else answer.json()
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise HarnessError(f"Locust does not answer at {self.url}: {why}") from None
        except (ValueError, RecursionError):
            raise HarnessError(f"Locust answers {path} with {answer.status_code} and no JSON") from None
        if answer.is_error or not isinstance(found, dict):
            told = found.get("message", "") if isinstance(found, dict) else ""
            raise HarnessError(f"Locust answers {path} with {answer.status_code} {told}".rstrip())
        return found


def _of(name: str, label: str) -> bool:
    """A stream's entry has its address behind the flood's label."""
    return name == label or name.startswith(f"{label},")
