"""What a person's command asks of the controller, and what it answers: typed messages over the broker.

    netreserve/operator/<client>/request     operator -> controller   Request
    netreserve/controller/reply/<client>     controller -> operator   Reply (matched by `id`)
    netreserve/controller/progress           controller -> all, 2 Hz while a run goes   Progress
    netreserve/controller/status             retained, last will      ControllerStatus

The controller is the only one that tells nodes what to be, so that every change is recorded, whoever asked for it.
"""

from __future__ import annotations

from msgspec import Struct

from controller.experiment.record import Result
from controller.experiment.rescue import REMEDIES, WAIT_NS, Remedy
from nodes.config import PolicySpec, Shape
from nodes.floods import Flood
from nodes.messages import Reported, Status

REQUESTS = "netreserve/operator/+/request"
PROGRESS = "netreserve/controller/progress"
CONTROLLER_STATUS = "netreserve/controller/status"


class StartRun(Struct, frozen=True, kw_only=True, tag=True):
    """Run a scenario, given as YAML text (`file` is for messages). Answered at once with RunStarted; the end is told by
    Progress.result."""

    scenario: str
    file: str = ""
    tier: str = "container"
    """`container` or `kernel`, whatever the scenario says."""


class StopRun(Struct, frozen=True, kw_only=True, tag=True):
    """End the present run now; it is judged and written as far as it got (`inconclusive (interrupted)`)."""


class SetPolicy(Struct, frozen=True, kw_only=True, tag=True):
    """Switch the policy of `node` (empty: of every initiator), live. Answered with State when acknowledged by all."""

    policy: PolicySpec
    node: str = ""


class SetShape(Struct, frozen=True, kw_only=True, tag=True):
    """Change a node's link (empty: every node's); None fields stay. Answered with State, values read back."""

    shape: Shape
    node: str = ""


class SetStall(Struct, frozen=True, kw_only=True, tag=True):
    """Let `node` (empty: every target) stop answering, or answer again. Answered with State, values read back."""

    stalled: bool
    node: str = ""


class StartFlood(Struct, frozen=True, kw_only=True, tag=True):
    """Start a flood through Locust, outside a scenario."""

    flood: Flood
    duration_ns: int


class StopFlood(Struct, frozen=True, kw_only=True, tag=True):
    """Stop whatever Locust is doing."""


class StartRescue(Struct, frozen=True, kw_only=True, tag=True):
    """Try `remedies`, one after the other, on `node` (empty: on every initiator) if it stands still now, and wait `wait_ns`
    for each. An ad-hoc run that goes on ends; the rescue is a run of its own. Answered as StartRun."""

    remedies: tuple[Remedy, ...] = REMEDIES
    node: str = ""
    wait_ns: int = WAIT_NS


class Show(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for the State."""


Command = StartRun | StopRun | SetPolicy | SetShape | SetStall | StartFlood | StopFlood | StartRescue | Show


class Request(Struct, frozen=True, kw_only=True):
    """`id` is chosen by the client and comes back in the Reply."""

    id: str
    client: str
    command: Command


class RunStarted(Struct, frozen=True, kw_only=True, tag=True):
    """`folder` is relative to the runs folder; `expected_ns` is the whole run's planned time."""

    run: str
    folder: str
    expected_ns: int


class NodeState(Struct, frozen=True, kw_only=True):
    """A node as the controller knows it."""

    status: Status
    reported: Reported | None = None
    age_ns: int = 0
    """Since its last sample."""
    deployed: bool = True
    """False for one that has no container: no run takes it (tier container)."""


class Unfinished(Struct, frozen=True, kw_only=True):
    """A run that has no result yet."""

    run: str
    doing: str
    """What it does or waits for, a clause."""
    left_ns: int
    """Until its result and report are there, at the soonest, as far as can be told."""


class State(Struct, frozen=True, kw_only=True, tag=True):
    """All nodes, what is in force at each, and what is going on."""

    nodes: tuple[NodeState, ...]
    run: str = ""
    """The one that records now."""
    unfinished: tuple[Unfinished, ...] = ()
    """That one, and those before it that are still being judged and written."""
    flood: str = ""
    """`running (20 kpps udp)`, `stopped`, or `unreachable: why`."""


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """The command was not carried out; `exit_code` as in nodes.errors."""

    message: str
    exit_code: int


class Reply(Struct, frozen=True, kw_only=True):
    """What became of the request with the same `id`."""

    id: str
    answer: RunStarted | State | Failed


class ProgressRow(Struct, frozen=True, kw_only=True):
    """One node's line in the live view."""

    node: str
    state: str
    policy: str = ""
    free_pages: int = 0
    min_pages: int = 0
    in_flight: int = 0
    progress_age_ns: int = 0
    drops: int = 0
    swap_pages_per_s: float = 0.0


class Progress(Struct, frozen=True, kw_only=True):
    """The present run. The last message of a run carries its result."""

    run: str
    scenario: str
    phase: str
    elapsed_ns: int
    expected_ns: int
    rows: tuple[ProgressRow, ...] = ()
    message: str = ""
    """Why it is waiting, when it is."""
    result: Result | None = None
    folder: str = ""


class ControllerStatus(Struct, frozen=True, kw_only=True):
    """Whether the controller is there; the broker publishes `offline` for one that died. `t_ns` is when that was said."""

    state: str
    """`online` or `offline`."""
    version: str = ""
    t_ns: int = 0
