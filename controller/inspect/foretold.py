"""What the simulator says of a machine: does it survive junk, how large must its reserve be, what saves it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct, structs

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.policies import policy_text
from controller.inspect.answer import Answer
from controller.inspect.facts import Machine, Memory
from controller.inspect.modelled import scenario_of
from controller.inspect.rules.reserve import NOT_LOW, low_memory_kib
from controller.studies.advice import saving_policy
from controller.studies.size.advised import Bound, Decider, asked_of
from controller.studies.size.search import Progress
from controller.studies.size.sequential import SequentialTest
from controller.studies.size.study import study
from controller.studies.trials import Trial, cycle_text
from nodes.units import PAGE_BYTES

Simulate = Callable[[Sequence[Scenario]], list[Trial]]
TEST = SequentialTest(survive=0.5, confidence=0.9)
"""Four runs without a failure: a person waits for the answer. `netreserve size` on the scenario asks for more."""
JUNK: tuple[tuple[Literal["udp", "tcp"], str], ...] = (("udp", "datagrams"), ("tcp", "streams"))


class Foretold(Struct, frozen=True, kw_only=True):
    """What one kind of junk does, in the simulator (tier sim)."""

    junk: str
    survives: bool
    verdict: str
    cycle: str
    """Who waits for whom; empty when nobody does for ever."""
    min_free_kib: int | None
    """The smallest safe min_free found; None: none helps."""
    bound: Literal[Decider, "none helps", "not known"]
    """What decided it."""
    saves: tuple[str, ...]
    """What saves it as the machine stands: exact commands, or a policy's name."""
    runs: int


class Printed(Struct, frozen=True, kw_only=True):
    """What `netreserve inspect --json` prints: docs/reference/inspect.schema.json."""

    answer: Answer
    foretold: list[Foretold]
    """Empty without --answer."""


def foretell(
    machine: Machine, simulate: Simulate, *, batch: int = 1, progress: Progress | None = None
) -> list[Foretold]:
    """Simulates `machine` under the standard floods: junk at the link's rate that nobody reads, as datagrams and as
    streams. Raises LackingError when the machine's memory could not be read."""
    scenario = scenario_of(machine)
    asked = asked_by(machine.memory)
    return [_one(scenario, kind, name, asked, simulate, batch, progress) for kind, name in JUNK]


def asked_by(memory: Memory) -> tuple[Bound, ...]:
    """What Linux asks for on a machine with this memory, by its own zones where they could be read."""
    zones = sum(not zone.name.startswith(NOT_LOW) for zone in memory.zones)
    huge_pages = bool(memory.huge_pages)
    return asked_of(
        memory.total_kib or 0, low_kib=low_memory_kib(memory) or None, zones=zones or None, huge_pages=huge_pages
    )


def under(scenario: Scenario, kind: Literal["udp", "tcp"]) -> Scenario:
    """`scenario` with its flood of another kind."""
    return structs.replace(scenario, floods=tuple(structs.replace(flood, kind=kind) for flood in scenario.floods))


def _one(
    scenario: Scenario, kind: Literal["udp", "tcp"], name: str, asked: Sequence[Bound], simulate: Simulate,
    batch: int, progress: Progress | None,
) -> Foretold:  # fmt: skip
    flooded = under(scenario, kind)
    now = simulate([flooded])[0]
    sized = study(flooded, flooded.policy, TEST, simulate, asked=asked, batch=batch, progress=progress)
    advice = sized.advice
    safe_kib = advice.min_free_kib
    saves = []
    if not now.survived:
        if safe_kib is not None and safe_kib << 10 > flooded.nodes.initiator.min_free_pages * PAGE_BYTES:
            saves.append(advice.command)
        if policy := saving_policy(flooded, lambda changed: simulate([changed])[0].survived):
            saves.append(f"policy {policy} instead of {policy_text(flooded.policy)} (simulated once)")
    return Foretold(
        junk=name,
        survives=now.survived,
        verdict=now.verdict,
        cycle=cycle_text(now.cycle) if now.cycle else "",
        min_free_kib=safe_kib,
        bound=advice.decided_by or ("none helps" if advice.known else "not known"),
        saves=tuple(saves),
        runs=sized.found.runs,
    )
