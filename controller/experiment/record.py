"""What a finished run says: the records of result.json, read by the report, the command line and any later tool.

A run folder `runs/<scenario>/<UTC>-<id>/` holds scenario.yaml (expanded), result.json (`Result`), events.jsonl (one
`nodes.messages.Event` a line), samples.csv (one `nodes.messages.Sample` a row, columns in field order), report.html,
picture.png, junit.xml, locust.json, env.json and nodes/<name>.log; of a fork fork.json.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from controller.experiment.verdicts import VerdictName
from nodes.eventkinds import Refusal, Rescue, Wait
from nodes.messages import Event, Sample

SCHEMA = 1
KERNEL = "kernel"
"""The setting that says which release a guest runs."""


class Phase(Struct, frozen=True, kw_only=True):
    """One phase as it really was: Unix ns; in the sim tier ns of virtual time, from 0."""

    name: str
    start_ns: int
    end_ns: int


class NodeVerdict(Struct, frozen=True, kw_only=True):
    """The judgement of one initiator, with the figures it rests on."""

    node: str
    verdict: VerdictName
    reason: str
    """One plain sentence."""
    next_step: str = ""
    """Of an inconclusive one: what to do about it, with the command."""
    warmup_pages_per_s: float = 0.0
    flood_pages_per_s: float = 0.0
    heal_pages_per_s: float = 0.0
    recovery_ns: int | None = None
    """From the end of the flood, or of the fault that caused the stall, to the first page touched again; None: no stall
    outlived its cause."""
    stalled_since_ns: int | None = None
    """Unix time of the last progress, for a node that did not recover."""
    reserve_used_pages: int = 0
    """The most at any time."""
    corrupt_pages: int = 0
    verified_pages: int = 0
    cycle: tuple[Wait, ...] = ()
    proof: str = ""
    """Why the cycle can never open again, where the tier can prove it (sim): one sentence."""
    rescues: tuple[Rescue, ...] = ()
    """What was tried afterwards, in order; the verdict does not regard it."""


class Check(Struct, frozen=True, kw_only=True):
    """One expectation of the scenario and what became of it."""

    expectation: str
    """As written, e.g. `sometimes: reserve_used_pages > 0`."""
    met: bool
    found: str


class Setting(Struct, frozen=True, kw_only=True):
    """A setting as it was asked and as it was read back; texts with units, e.g. `200 us`."""

    node: str
    name: str
    """`delay`, `policy`, `rtt p50`, ..."""
    asked: str = ""
    """Empty for what was only measured."""
    in_force: str = ""
    means: str = ""
    """How it is done here: `netem`, `tbf`, `nfqueue hold`, ..."""


class Result(Struct, frozen=True, kw_only=True):
    """A run's result. `verdict` is the worst of its initiators'."""

    schema: int = SCHEMA
    run: str
    """`<UTC>-<id>`, unique."""
    scenario: str
    kind: Literal["scenario", "adhoc"] = "scenario"
    tier: str = "container"
    policy: str = ""
    """At the start; later switches are events. Of a run by hand: what its floods met, with THEN between."""
    seed: int = 0
    started_ns: int = 0
    ended_ns: int = 0
    verdict: VerdictName = "inconclusive"
    sentence: str = ""
    """The verdict in one sentence, the first thing a reader sees."""
    next_step: str = ""
    """Of an inconclusive run: what to do about it, with the command."""
    data: str = "intact"
    """`intact`, `corrupt (n pages)` or `unverified`."""
    exit_code: int = 5
    refused: Refusal | None = None
    """What a node could not be set up to be; None where none refused."""
    harness_fault: bool = False
    """True when the run proves nothing because netreserve, or a part it stands on, failed."""
    phases: tuple[Phase, ...] = ()
    nodes: tuple[NodeVerdict, ...] = ()
    checks: tuple[Check, ...] = ()
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know: fallbacks used, packets the harness lost, limits found."""
    environment: dict[str, Any] = {}
    metrics: dict[str, float] = {}


class Record(Struct, frozen=True, kw_only=True):
    """What one run said, whatever ran it: every sample and every event, and its result. A runner yields it with a result
    that nobody has judged yet; `controller.experiment.conclude` judges it."""

    result: Result
    samples: list[Sample]
    events: list[Event]


THEN = ", then "
"""Between the policies of a run by hand (`Result.policy`), in the order in which its floods met them."""


class RunRow(Struct, frozen=True, kw_only=True):
    """A run in the index. `ended_ns` is None while it goes on; `folder` is relative to the runs folder."""

    run: str
    scenario: str
    kind: str
    folder: str
    tier: str
    policy: str
    started_ns: int
    ended_ns: int | None = None
    verdict: str | None = None
    exit_code: int | None = None

    def unjudged(self) -> Result:
        """What is known of its result before anybody has judged it."""
        return Result(
            run=self.run,
            scenario=self.scenario,
            kind="adhoc" if self.kind == "adhoc" else "scenario",
            tier=self.tier,
            policy=self.policy,
            started_ns=self.started_ns,
        )


def kernel_of(result: Result) -> str:
    """The release that the run's guests booted, as the first of them told; empty in the other tiers."""
    return next((setting.in_force for setting in result.settings if setting.name == KERNEL), "")
