"""Gorman's test without the patches: who gets a freed page decides it, where the sender must stop at min.

Goal: the table of docs/explanation/the-debate-run.md is what the simulator says. Method: gorman-2012, shortened, under every
rule of the contest, for both senders of before 3.6, with one task and with sixteen, with a small min and a large one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
from docpages import DOCS, prose_of

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.vary import vary
from controller.simulated.simulate import judged, simulate
from nodes.config import ContestRule

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "gorman.txt"
RULES = get_args(ContestRule)
SENDERS = ("noio", "submitter")
MACHINES = {
    "1 task": {"nodes.initiator.tasks": 1},
    "16 tasks": {"nodes.initiator.tasks": 16},
    "16 tasks, min 2 MiB": {"nodes.initiator.tasks": 16, "nodes.initiator.min_free": "2 MiB"},
}
BRIEF = {
    "nodes.initiator.memory": "8 MiB",
    "nodes.initiator.min_free": "360 KiB",
    "nodes.initiator.working_set": "12 MiB",
    "phases.warmup": "2500 ms",
    "phases.flood": "500 ms",
    "phases.heal": "500 ms",
    "policy": "none",
}
"""Half of its memory, with the kernel's min for it, and half as much again of mappings."""


def scenario(sender: str, rule: str, machine: str) -> Scenario:
    asked = {"nodes.initiator.sender": sender, "nodes.initiator.contest": rule, **MACHINES[machine]}
    return vary(load(ROOT / "scenarios" / "gorman-2012.yaml"), {**BRIEF, **asked})


def line(sender: str, rule: str) -> str:
    ends = (judged(simulate(scenario(sender, rule, machine), brief=True)).verdict for machine in MACHINES)
    return f"{sender:<12}{rule:<10}{''.join(f'{end:<22}' for end in ends)}".rstrip()


def test_who_gets_a_freed_page_decides_gormans_test() -> None:
    header = f"{'sender':<12}{'contest':<10}{''.join(f'{machine:<22}' for machine in MACHINES)}".rstrip()
    text = "\n".join([header, *(line(sender, rule) for sender in SENDERS for rule in RULES)]) + "\n"
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_the_page_tells_what_the_golden_table_says() -> None:
    told = [
        [cell.strip(" `") for cell in row.strip("|").split("|")]
        for row in prose_of(DOCS / "explanation" / "the-debate-run.md").partition("## Gorman's hang")[2].splitlines()
        if row.startswith("| `")
    ]
    golden = [row.split(maxsplit=2) for row in GOLDEN.read_text().splitlines()[1:]]
    assert told == [[sender, rule, *ends.split()] for sender, rule, ends in golden]


@pytest.mark.parametrize("rule", RULES)
def test_a_sender_that_may_go_to_0_lives_whoever_wins(rule: str) -> None:
    """So it does not hang on the rule what became of Gorman's patches."""
    asked = {"policy": "mainline", "nodes.initiator.contest": rule}
    assert judged(simulate(vary(scenario("noio", rule, "16 tasks"), asked), brief=True)).verdict == "healthy"


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    def trace(seed: int) -> list[tuple[int, int]]:
        outcome = simulate(vary(scenario("submitter", "lottery", "16 tasks"), {"seed": seed}), brief=True)
        return [(sample.free_pages, sample.swap_out_pages) for sample in outcome.samples]

    assert trace(1) == trace(1) != trace(2)
