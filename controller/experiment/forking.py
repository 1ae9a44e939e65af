"""What if, from here: a scenario with one change at one moment, whose run is the same until then. Pure.

The change is one of the scenario's own faults, or the end of its floods: so the fork is a scenario as any other, and its
file runs again as it did.
"""

from __future__ import annotations

from msgspec import Struct, structs

from controller.experiment.scenario import Scenario, dump, parse
from controller.experiment.scenario.faults import Fault, SetMinFree, SwitchPolicy
from controller.experiment.scenario.policies import read_policy
from nodes.errors import UsageError
from nodes.floods import Flood
from nodes.units import PAGE_BYTES, format_ns, parse_size_bytes

STOP = "stop"


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise from `t_ns` of the run on: exactly one of the others."""

    t_ns: int
    policy: str = ""
    """As `--policy` takes it."""
    flood: str = ""
    """`stop`: the floods that go on end."""
    min_free: str = ""
    """With its unit, e.g. `16 MiB`."""

    def __str__(self) -> str:
        if self.policy:
            return f"policy {self.policy}"
        return f"min_free {self.min_free}" if self.min_free else "flood stopped"


class Fork(Struct, frozen=True, kw_only=True):
    """Where a run comes from, when it is a fork: fork.json of its folder."""

    forked_from: str
    """The run that it is equal to before `t_ns`."""
    t_ns: int
    change: str


def forked(scenario: Scenario, change: Change) -> Scenario:
    """`scenario` with `change`. Raises UsageError for a moment or a change that cannot be."""
    named = [name for name in ("policy", "flood", "min_free") if getattr(change, name)]
    if len(named) != 1:
        raise UsageError(
            f"a fork changes one thing: policy, flood or min_free, and not {' and '.join(named) or 'nothing'}"
        )
    since_ns, whole_ns = change.t_ns - scenario.phases.warmup_ns, scenario.phases.total_ns
    if not since_ns >= 0 or not change.t_ns < whole_ns:
        raise UsageError(
            f"a run can be forked from its flood phase on, between {format_ns(scenario.phases.warmup_ns)} and"
            f" {format_ns(whole_ns)}, and not at {format_ns(change.t_ns)}"
        )
    if change.flood:
        made = structs.replace(scenario, floods=_stopped(scenario, change.flood, since_ns))
    else:
        made = structs.replace(scenario, faults=(*scenario.faults, _fault(scenario, change, since_ns)))
    return parse(dump(made))  # with all checks that a file goes through


def _fault(scenario: Scenario, change: Change, since_ns: int) -> Fault:
    if change.policy:
        return SwitchPolicy(at_ns=since_ns, policy=read_policy(change.policy, scenario.policy))
    pages = parse_size_bytes(change.min_free) // PAGE_BYTES
    return SetMinFree(at_ns=since_ns, min_free_pages=pages)


def _stopped(scenario: Scenario, word: str, since_ns: int) -> tuple[Flood, ...]:
    """The floods, of which those that go on end now; later ones come as planned."""
    if word != STOP:
        raise UsageError(f"flood is '{word}': '{STOP}' is possible")
    floods = tuple(_ended(flood, scenario.phases.flood_ns, since_ns) for flood in scenario.floods)
    if floods == scenario.floods:
        raise UsageError(f"no flood goes on at {format_ns(since_ns + scenario.phases.warmup_ns)} of the run")
    return floods


def _ended(flood: Flood, phase_ns: int, since_ns: int) -> Flood:
    end_ns = flood.start_ns + flood.duration_ns if flood.duration_ns else phase_ns
    goes_on = flood.start_ns < since_ns < (end_ns if flood.stopped_ns is None else flood.stopped_ns)
    return structs.replace(flood, stopped_ns=since_ns) if goes_on else flood
