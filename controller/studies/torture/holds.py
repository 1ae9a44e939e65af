"""What must hold of every simulated experiment, whatever it is: one function a promise, which raises Broken."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import structs

from controller.experiment.scenario import Scenario
from controller.experiment.scenario.faults import SwitchPolicy
from controller.experiment.trace import by_node, stalls
from controller.experiment.verdict import Judgement
from controller.experiment.verdicts import SURVIVED
from controller.simulated.simulate import Outcome, Simulation, judged
from nodes.machine.checks import check

OTHER_NAME = "another-name"
STANDING = ("deadlocked", "livelock")
"""Verdicts that say that a machine does not come back."""


class Broken(Exception):
    """A promise that does not hold. `promise` is its name."""

    def __init__(self, promise: str, told: str) -> None:
        self.promise, self.told = promise, told
        super().__init__(f"{promise}: {told}")


def examine(scenario: Scenario) -> Judgement:
    """Simulates `scenario` three times, in full, under another name, and in brief; its judgement. Raises Broken, and what
    a machine that cannot be raises (UsageError)."""
    full = simulated(scenario)
    judgement = judged(full)
    same_under_another_name(scenario, full)
    brief_is_full(scenario, judgement)
    for promise in (data_intact, verdict_honest, proofs_hold):
        promise(full, judgement)
    return judgement


def simulated(scenario: Scenario, *, brief: bool = False) -> Outcome:
    """The run; at each second of it every machine's invariants are looked at (nodes/machine/checks.py). Raises Broken."""
    run = Simulation(scenario, brief=brief, heard=lambda *_: _machines(run, scenario))
    try:
        run.warm_up()
        run.flood()
        run.heal()
        return run.outcome()
    except AssertionError as error:  # a mistake of ours that the model itself found
        raise Broken("invariant", _place(error)) from error


def _machines(run: Simulation, scenario: Scenario) -> None:
    switched = any(isinstance(fault, SwitchPolicy) for fault in scenario.faults)
    for name, initiator in run.cluster.initiators.items():
        try:
            check(initiator.machine, switched=switched)
        except AssertionError as error:
            at_s = run.cluster.loop.now_ns / 1e9
            raise Broken("invariant", f"{name} of {scenario.name} at {at_s:g} s: {_place(error)}") from error


def same_under_another_name(scenario: Scenario, full: Outcome) -> None:
    """The same bytes again: a name, another process' moment or an earlier run changes nothing."""
    again = simulated(structs.replace(scenario, name=OTHER_NAME))
    if _recorded(full) != _recorded(again):
        differing = sum(a != b for a, b in zip(full.samples, _renamed(again, full), strict=False))
        raise Broken("same again", f"{len(full.samples)} and {len(again.samples)} samples, {differing} of them differ")


def brief_is_full(scenario: Scenario, judgement: Judgement) -> None:
    """A run that ends as soon as its verdict is decided has the verdict of one that goes on."""
    brief = judged(simulated(scenario, brief=True))
    full, short = ([(node.node, node.verdict) for node in told.nodes] for told in (judgement, brief))
    if full != short:
        raise Broken("brief is full", f"in full {full}, in brief {short}")


def data_intact(full: Outcome, judgement: Judgement) -> None:
    """No page ever comes back wrong: nothing that is simulated damages one."""
    if judgement.data.startswith("corrupt"):
        raise Broken("data intact", judgement.data)


def verdict_honest(full: Outcome, judgement: Judgement) -> None:
    """Who is said to live moved at the end, who is said to stand still did not, and what proves nothing says what to do."""
    series = by_node(full.samples, full.initiators)
    for node in judgement.nodes:
        found = stalls(series[node.node])
        stands = bool(found) and found[-1].open
        if node.verdict in SURVIVED and stands:
            raise Broken("verdict honest", f"{node.node} is {node.verdict}, and stood still at the end: {node.reason}")
        if node.verdict == "deadlocked" and not stands and node.node not in full.proofs:
            raise Broken("verdict honest", f"{node.node} is {node.verdict}, and moved at the end: {node.reason}")
    if judgement.verdict == "inconclusive" and not judgement.next_step:
        raise Broken("verdict honest", f"inconclusive without a next step: {judgement.sentence}")
    if not judgement.sentence.endswith("."):
        raise Broken("verdict honest", f"the verdict is not a sentence: '{judgement.sentence}'")


def proofs_hold(full: Outcome, judgement: Judgement) -> None:
    """Whoever is proved to stand for ever touches no page from then to the end."""
    series = by_node(full.samples, full.initiators)
    for name in full.proofs:
        found = stalls(series[name])
        if series[name] and not (found and found[-1].open):
            raise Broken("proofs hold", f"{name} was proved to stand still for ever, and moved")


def _recorded(outcome: Outcome) -> bytes:
    """All that a run said, without its name."""
    named = msgspec.json.encode((outcome.samples, outcome.events, outcome.result.phases, outcome.proofs))
    return named.replace(outcome.result.run.encode(), b"")


def _renamed(again: Outcome, full: Outcome) -> list[object]:
    return [structs.replace(sample, run=full.result.run) for sample in again.samples]


def _place(error: AssertionError) -> str:
    """What an assertion says, and where it stands."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace is not None else "?"
    return f"{where}: {error}".rstrip(": ")


Promise = Callable[[Outcome, Judgement], None]
