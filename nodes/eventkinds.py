"""What can happen in a run: one record for each kind of event, with what is told of it.

An event's line in events.jsonl, and its message, has the kind's name beside these fields (`nodes.messages.Event`).
docs/reference/events.md says who tells which, and when.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from nodes.config import Shape


class Wait(Struct, frozen=True):
    """An edge of the wait-for graph: `waiter` needs `need` of `resource`, and `have` are there.

    `who_frees` names the actor or resource that alone can provide it: the next node of the graph. `why` is one plain
    sentence; `source` cites the rule (physics.md section or kernel file).
    """

    waiter: str
    resource: str
    need: int
    have: int
    who_frees: str
    why: str
    source: str = ""


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of an event of the kind `kind`."""

    kind: ClassVar[str] = ""

    @property
    def brief(self) -> str:
        """The word or sentence that stands beside the kind on a timeline; empty where the kind says all."""
        return ""


# ---- the run


class PhaseBegun(Detail, frozen=True, kw_only=True):
    """A phase begins: `warmup`, `flood`, `heal` or `rescue`."""

    kind: ClassVar[str] = "phase"
    phase: str


class FloodStart(Detail, frozen=True, kw_only=True):
    """Junk begins to flow. What netreserve started is told by its settings, what it saw at Locust by Locust's figures."""

    kind: ClassVar[str] = "flood_start"
    flood: str = msgspec.field(name="kind", default="")
    """`udp`, `tcp`, ..."""
    rate_pps: int | None = None
    size_bytes: int | None = None
    targets: tuple[str, ...] | None = None
    seconds: int | None = None
    users: int | None = None
    rps: float | None = None
    """Requests per second."""
    unreachable: str = ""
    noticed_after_ns: int | None = None
    """How much later than it began it was noticed."""

    @property
    def brief(self) -> str:
        return self.flood


class FloodStop(Detail, frozen=True, kw_only=True):
    """Junk has stopped; empty when netreserve stopped it."""

    kind: ClassVar[str] = "flood_stop"
    users: int | None = None
    rps: float | None = None
    unreachable: str = ""
    """Locust no longer answers: why."""


class PolicySet(Detail, frozen=True, kw_only=True):
    """Another policy or min is in force: told by a node, as read back, or by the controller, as asked for."""

    kind: ClassVar[str] = "policy"
    policy: str
    min_free_pages: int | None = None
    allocator: str | None = None
    before: str | None = None

    @property
    def brief(self) -> str:
        return self.policy


class LinkSet(Detail, Shape, frozen=True, kw_only=True):
    """A person changed a link: the values that were asked for."""

    kind: ClassVar[str] = "shape"


class FaultSet(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """A fault of the scenario begins or ends."""

    kind: ClassVar[str] = "fault"
    fault: str
    """Its kind; for a target that stops answering `stalled`, for one that is gone `down`."""
    action: Literal["begin", "end"] = "begin"
    concerns: tuple[str, ...] = ()
    """The initiators that it keeps from working."""

    @property
    def brief(self) -> str:
        return f"{self.fault} {self.action}s"


class NodeChanged(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """A node came, went, or cannot work: `online`, `offline`, `unable`."""

    kind: ClassVar[str] = "node"
    state: str
    reason: str = ""

    @property
    def brief(self) -> str:
        return self.state


class Judged(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """The run was judged."""

    kind: ClassVar[str] = "verdict"
    verdict: str
    sentence: str = ""


class Rescue(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """A remedy was tried on a machine that stood still."""

    kind: ClassVar[str] = "rescue"
    remedy: str
    """`policy memalloc`, `min_free 16 MiB`, `flood stopped`."""
    revived: bool
    after_ns: int
    """From asking for it to the first page touched again; else how long it was waited for."""
    error: str = ""
    """Why it was not tried, or not put in force (one line); empty when it was."""

    @property
    def brief(self) -> str:
        return self.remedy


# ---- the machine


class Stalled(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """No progress, told again and again while it lasts."""

    kind: ClassVar[str] = "stall"
    stalled_ns: int = 0
    waits: tuple[Wait, ...] = ()
    """All edges of the wait-for graph."""
    cycle: tuple[Wait, ...] = ()
    """The closed part of it, or empty."""


class Recovered(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """Progress after a stall, which lasted for `stalled_ns`."""

    kind: ClassVar[str] = "recovered"
    stalled_ns: int = 0


class OutOfMemory(Detail, frozen=True, kw_only=True):
    """Something was killed for memory."""

    kind: ClassVar[str] = "oom"
    free_pages: int | None = None
    min_pages: int | None = None
    whose: Literal["modelled", "guest", "real"] = msgspec.field(name="kind")
    """Whose memory ran out: the model's, a guest's kernel's, or the container's own limit."""
    kills: int | None = None
    limit_bytes: int | None = None

    @property
    def brief(self) -> str:
        return self.whose


class Corrupt(Detail, frozen=True, kw_only=True):
    """Pages came back wrong: their numbers, and the generation that was expected."""

    kind: ClassVar[str] = "corrupt"
    pages: tuple[int, ...]
    generation: int | None = None


class IoError(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """The target answered with an error; a guest does not tell which page."""

    kind: ClassVar[str] = "io_error"
    page: int | None = None
    write: bool
    errno: int


GAVE_UP = "TCP gave up: no answer to 15 retransmissions"
"""Why a block connection is lost that nobody makes again (net.ipv4.tcp_retries2; physics.md section 0)."""


class Reconnect(Detail, frozen=True, kw_only=True):
    """The block connection was lost, or made anew."""

    kind: ClassVar[str] = "reconnect"
    state: Literal["lost", "connected"]
    reason: str = ""

    @property
    def brief(self) -> str:
        return self.state


class Panic(Detail, frozen=True, kw_only=True):
    """A guest's kernel gave up, and said `line`."""

    kind: ClassVar[str] = "panic"
    line: str = ""


Ending = Literal["", "oom", "panic"]


class Autopsy(Detail, frozen=True, kw_only=True, omit_defaults=False):
    """What a frozen machine died of, as far as it can be seen."""

    kind: ClassVar[str] = "autopsy"
    cycle: tuple[Wait, ...] = ()
    """Who waits for whom, round; empty unless each of its edges was seen and it closes."""
    waits: tuple[Wait, ...] = ()
    """All edges that were seen."""
    found: tuple[str, ...] = ()
    """Plain sentences, each with its evidence; those of the cycle come first."""
    missing: tuple[str, ...] = ()
    """What a cycle would still need; empty when there is one, or when the machine ended otherwise."""
    unknown: tuple[str, ...] = ()
    """Blocked tasks whose stacks have no shape that we know, with their innermost frames."""
    ending: Ending = ""
    """How the machine ended other than by waiting: its OOM killer killed, or it panicked."""


class ConsoleLines(Detail, frozen=True, kw_only=True):
    """What a guest printed on its console: time and text."""

    kind: ClassVar[str] = "console"
    lines: tuple[tuple[int, str], ...]


class TelemetryLines(Detail, frozen=True, kw_only=True):
    """What a guest's module printed: time and text."""

    kind: ClassVar[str] = "telemetry"
    lines: tuple[tuple[int, str], ...]


# ---- netreserve


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a node can never be what was asked of it."""

    why: str
    """In the node's own words, one line."""
    setting: str = ""
    """The one at fault, where the node knows it, e.g. `kernel`."""


class Harness(Detail, frozen=True, kw_only=True):
    """netreserve, or a part that it stands on, had trouble. With `void` the run proves nothing; else it is a note."""

    kind: ClassVar[str] = "harness"
    what: str = ""
    """The note."""
    void: str = ""
    """Why the run proves nothing."""
    harness: bool = False
    """netreserve, or a part that it stands on, is to blame: exit code 6 instead of 5."""
    exit_code: int = 0
    """What the run exits with instead of either; 0: with either."""
    next_step: str = ""
    """What to do about it."""
    refused: Refusal | None = None
    """What a node could not be set up to be."""
    hang_stands: bool = False
    """It only proves no survival: who hung or died did so all the same."""
    messages_lost: int = 0
    nbdkit_code: int | None = None
    """What nbdkit exited with."""
    restarted: bool | None = None
    error: str = ""
    """Why it was not started again."""

    @property
    def brief(self) -> str:
        return self.what or self.void


KINDS: dict[str, type[Detail]] = {
    record.kind: record
    for record in (
        PhaseBegun, FloodStart, FloodStop, PolicySet, LinkSet, FaultSet, NodeChanged, Judged, Rescue, Stalled, Recovered,
        OutOfMemory, Corrupt, IoError, Reconnect, Panic, Autopsy, ConsoleLines, TelemetryLines, Harness,
    )
}  # fmt: skip


def detail_of(kind: str, told: object) -> Detail:
    """The record of an event of the kind `kind`, from plain values. Raises msgspec.ValidationError."""
    record = KINDS.get(kind)
    if record is None:
        raise msgspec.ValidationError(f"there is no event of the kind '{kind}'")
    return msgspec.convert(told, record)
