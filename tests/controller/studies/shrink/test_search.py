"""Shrinking, against machines whose cause is known, and once with the simulator itself."""

from __future__ import annotations

import pytest
import yaml
from tinyscenario import tiny

from controller.experiment.scenario import Scenario, parse
from controller.studies.shrink.keys import brief
from controller.studies.shrink.search import Shrinker
from controller.studies.trials import Trial, try_out
from nodes.errors import InconclusiveError, UsageError

CYCLE = (("kswapd", "writes answered"), ("storage reply", "receive buffers"))
OTHER = (("kswapd", "writes sent"),)


def many() -> Scenario:
    """Three floods, a fault, and links that matter nothing."""
    flood = "{kind: udp, rate: 20 kpps, size: 1400 B, sockets: 4, reader: stalled, rcvbuf: 4 MiB}"
    return parse(f"""
name: many
nodes:
  initiator: {{memory: 64 MiB, min_free: 4 MiB, working_set: 96 MiB, queue_depth: 64}}
links:
  data: {{rate: 1 Gbit, delay: 200 us, loss: 1 %}}
policy: none
floods: [{flood}, {flood.replace("udp", "tcp")}, {flood}]
faults: [{{at: 5 s, kind: cut, duration: 5 s, node: initiator}}]
phases: {{warmup: 10 s, flood: 20 s, heal: 15 s}}
expect:
  - verdict: deadlocked
seed: 7
""")


def blamed(scenario: Scenario) -> Trial:
    """Hangs when a TCP flood of 5 kpps or more comes over a slow link for 4 s or more."""
    tcp = any(flood.kind == "tcp" and flood.rate_pps >= 5000 for flood in scenario.floods)
    hangs = tcp and scenario.links.data.rate_bps and scenario.phases.flood_ns >= 4 * 10**9
    return Trial(seed=7, verdict="deadlocked" if hangs else "healthy", cycle=CYCLE if hangs else ())


def test_only_the_cause_is_left() -> None:
    shrunk = Shrinker(many(), simulator=blamed).shrink()
    scenario = shrunk.scenario
    assert [flood.kind for flood in scenario.floods] == ["tcp"] and not scenario.faults
    assert 5000 <= scenario.floods[0].rate_pps < 10_000 and scenario.links.data.rate_bps
    assert 4 * 10**9 <= scenario.phases.flood_ns < 8 * 10**9
    assert scenario.nodes.initiator.memory_pages < 1024
    kept = {line.partition(":")[0] for line in shrunk.kept}
    assert {"floods.0", "floods.0.rate", "links.data.rate"} <= kept <= {*kept} - {"faults.0", "links.data.loss"}
    assert {"faults.0", "links.data.loss", "nodes.initiator.queue_depth", "floods.2"} <= set(shrunk.dropped)
    assert shrunk.complete and scenario.name == "many-shrunk" and scenario.seed == 7
    assert blamed(scenario).cycle == shrunk.cycle == CYCLE


def test_another_cycle_is_not_the_same_outcome() -> None:
    """Without the loss it hangs as well, but otherwise: so the loss stays."""

    def simulator(scenario: Scenario) -> Trial:
        return Trial(seed=7, verdict="deadlocked", cycle=CYCLE if scenario.links.data.loss_ratio else OTHER)

    shrunk = Shrinker(many(), simulator=simulator).shrink()
    assert shrunk.scenario.links.data.loss_ratio and not shrunk.scenario.floods
    assert [line.partition(":")[0] for line in shrunk.kept if "loss" in line] == ["links.data.loss"]


def test_the_number_of_runs_is_bounded() -> None:
    made: list[Scenario] = []

    def simulator(scenario: Scenario) -> Trial:
        made.append(scenario)
        return blamed(scenario)

    shrunk = Shrinker(many(), runs_most=10, simulator=simulator).shrink()
    assert not shrunk.complete and shrunk.runs == len(made) == 10
    assert blamed(shrunk.scenario).verdict == "deadlocked", "what it has so far is still good"
    with pytest.raises(UsageError, match="2 at least"):
        Shrinker(many(), runs_most=1, simulator=simulator)


def test_no_candidate_is_simulated_twice_and_the_answer_is_always_the_same() -> None:
    made: list[Scenario] = []

    def simulator(scenario: Scenario) -> Trial:
        made.append(scenario)
        return blamed(scenario)

    first = Shrinker(many(), simulator=simulator).shrink()
    assert len({repr(scenario) for scenario in made}) == len(made) == first.runs
    assert Shrinker(many(), simulator=blamed).shrink() == first


def test_what_proves_nothing_is_not_shrunk() -> None:
    with pytest.raises(InconclusiveError, match="pressure not reached"):
        Shrinker(many(), simulator=lambda _: Trial(seed=7, verdict="inconclusive", sentence="pressure not reached"))


def test_a_real_deadlock_becomes_smaller() -> None:
    told: list[int] = []
    shrunk = Shrinker(tiny(), runs_most=4, progress=lambda runs, what: told.append(runs)).shrink()
    assert shrunk.verdict == "deadlocked" and ("storage reply", "receive buffers") in shrunk.cycle
    again = try_out(parse(yaml.safe_dump(brief(shrunk.scenario))))
    assert (again.verdict, again.cycle) == (shrunk.verdict, shrunk.cycle)
    assert told and told == sorted(told)
