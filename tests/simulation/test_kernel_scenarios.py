"""What is written for real kernels is simulated as well: its application is as fast as it can, and virtual time goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.experiment.scenario import load, parse
from controller.experiment.scenario.limits import beyond
from controller.simulated.simulate import Simulation
from nodes.sim.initiator import PROCESSOR_PAGES_PER_S
from nodes.units import SECOND_NS

SMALL = """
name: small
nodes:
  initiator: {{memory: 8 MiB, min_free: 512 KiB, working_set: 12 MiB, touch_rate: 0 pages/s, tasks: 1}}
  target: {target}
links: {{data: {links}}}
policy: {policy}
floods: []
phases: {{warmup: 30 s, flood: 1 s, heal: 1 s}}
expect:
  - data: intact
seed: 1
"""
FILES = sorted((Path(__file__).parents[2] / "scenarios").glob("kernel-*.yaml"))
SCENARIOS = [file for file in FILES if not list(beyond(load(file), "sim"))]
EVENTS_A_TOUCH_MAX = 12
"""A page read back and another written: two requests with a way there, a turn at the disk, a way back and an acknowledgement
each, and the machine's own turns (own)."""


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
@pytest.mark.timeout(60)
def test_a_second_of_a_kernels_scenario_costs_a_bounded_number_of_events(file: Path) -> None:
    """Known bad: without a price of a touch, and with nothing to wait for, the first second never ended."""
    run = Simulation(load(file, "sim"))
    run.cluster.loop.run_until(2 * SECOND_NS)
    before, work = run.cluster.loop.handled, run.cluster.initiators["initiator-1"].machine.workload
    touched = work.progress_pages
    run.cluster.loop.run_until(3 * SECOND_NS)
    assert 0.9 * PROCESSOR_PAGES_PER_S < work.progress_pages - touched <= 1.1 * PROCESSOR_PAGES_PER_S
    assert run.cluster.loop.handled - before <= EVENTS_A_TOUCH_MAX * PROCESSOR_PAGES_PER_S


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("policy", "target", "links", "by_processor"),
    [
        ("memalloc", "{size: 64 MiB}", "{}", True),
        ("local", "{size: 64 MiB}", "{rate: 100 Mbit}", True),
        ("local", "{size: 64 MiB, latency: 2 ms}", "{}", False),
        ("memalloc", "{size: 64 MiB, rate: 8 Mbit}", "{}", False),
        ("memalloc", "{size: 64 MiB}", "{delay: 2 ms}", False),
        ("memalloc", "{size: 64 MiB}", "{rate: 8 Mbit}", False),
    ],
)
def test_only_where_nothing_else_takes_time_the_processor_does(
    policy: str, target: str, links: str, by_processor: bool
) -> None:
    """A local disk meets no link."""
    run = Simulation(parse(SMALL.format(policy=policy, target=target, links=links)))
    run.cluster.loop.run_until(15 * SECOND_NS)
    work = run.cluster.initiators["initiator-1"].machine.workload
    before = work.progress_pages
    assert before, "it swaps by now"
    run.cluster.loop.run_until(16 * SECOND_NS)
    per_s = work.progress_pages - before
    assert (0.9 * PROCESSOR_PAGES_PER_S < per_s < 1.1 * PROCESSOR_PAGES_PER_S) is by_processor
