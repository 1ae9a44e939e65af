"""Studies of machines whose smallest reserve is known."""

from __future__ import annotations

from collections.abc import Sequence

from clirunner import ROOT

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.policies import read_policy
from controller.studies.size.advised import Bound
from controller.studies.size.sequential import SequentialTest
from controller.studies.size.study import Sized, study
from controller.studies.trials import Goal, Trial

CLASSIC = load(ROOT / "scenarios" / "classic.yaml")
QUICK = SequentialTest(survive=0.8, confidence=0.9)
PEAKS = {"in_flight": 3, "writeback_pages": 3, "ring_free_slots": 256, "junk_held_bytes": 0, "reserve_used_pages": 1}
CYCLE = (("kswapd", "writes answered"), ("storage reply", "receive buffers"))


def sized(
    policy: str,
    least_pages: int,
    scenario: Scenario = CLASSIC,
    *,
    hole: range = range(0),
    inconclusive: bool = False,
    faultless_pages: int = 0,
    goal: Goal = "survival",
    asked: Sequence[Bound] | None = None,
) -> Sized:
    """The study of machines that live from `least_pages` on, the `hole` left out, and in whose receptions nothing fails from
    `faultless_pages` on."""

    def simulator(varied: Scenario) -> Trial:
        pages = varied.nodes.initiator.min_free_pages
        lives = pages >= least_pages and pages not in hole
        assert varied.policy == read_policy(policy)
        failures = 0 if pages >= faultless_pages else 17
        return Trial(
            seed=varied.seed,
            verdict="slow" if lives else "inconclusive" if inconclusive else "deadlocked",
            cycle=() if lives else CYCLE,
            peaks=PEAKS | {"rx_alloc_failures": failures},
        )

    def simulate(scenarios: Sequence[Scenario]) -> list[Trial]:
        return [simulator(each) for each in scenarios]

    return study(scenario, read_policy(policy), QUICK, simulate, goal=goal, asked=asked)
