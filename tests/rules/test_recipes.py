"""CONTRIBUTING's recipes hold: a policy or a card that is one entry of its table is found everywhere, or refused by name.

Planted in a process of its own, before anything else of netreserve is imported, as a file of the checkout would be.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLANT = """
from dataclasses import replace
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES
from nodes.machine.policies.base import Policy

class Planted(Policy):
    name = "planted"

POLICIES.register("planted", Planted())
NICS.register("planted-card", replace(NICS["e1000"], name="planted-card", qemu_device="", linux_modules=()))

SCENARIO = '''
name: planted
nodes: {initiator: {memory: 16 MiB, min_free: 256 KiB, nic: planted-card, working_set: 24 MiB}}
policy: planted
phases: {warmup: 8 s, flood: 1 s, heal: 1 s}
expect: [{verdict: healthy}]
'''
"""


def planted(script: str) -> str:
    """What `script` prints where both are planted."""
    environment = {"PATH": "/usr/bin:/bin", "NETRESERVE_COMPILED": "never", "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-c", PLANT + script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )
    assert not done.stderr, done.stderr
    return done.stdout


def test_a_planted_policy_and_card_are_simulated() -> None:
    said = planted("""
from controller.experiment.scenario import parse
from controller.simulated.simulate import judged, simulate
scenario = parse(SCENARIO, "planted.yaml")
print(scenario.policy.name, scenario.nodes.initiator.nic, judged(simulate(scenario, brief=True)).verdict)
""")
    assert said == "planted planted-card healthy\n"


def test_the_debate_has_the_planted_policy() -> None:
    assert planted("""
from controller.studies.debate import VARIANTS
print(VARIANTS["planted"].settings)
""") == "{'policy': 'planted'}\n"  # fmt: skip


def test_editors_are_offered_both() -> None:
    assert planted("""
import json
from controller.experiment.scenario import schema
text = json.dumps(schema())
print(text.count('"planted"') > 0, text.count('"planted-card"') > 0)
""") == "True True\n"  # fmt: skip


def test_real_kernels_refuse_both_by_name() -> None:
    said = planted("""
from controller.experiment.scenario import parse
from nodes.config import PolicySpec
from nodes.errors import NetreserveError
from nodes.kernel.commandline import device_of
from nodes.kernel.policies import switches_of
for ask in (lambda: switches_of(PolicySpec(name="planted")), lambda: device_of("planted-card")):
    try:
        ask()
    except NetreserveError as error:
        print(error)
""")
    assert [line.split(" ")[0] for line in said.splitlines()] == ["policy", "unknown"]
    assert "'planted'" in said and "'planted-card'" in said


def test_their_missing_pages_are_told() -> None:
    """Each has its section on its page; the tests of the pages say so of a policy or card without one."""
    said = planted("""
import sys
sys.path[:0] = ["tests/support", "tests/docs"]
import test_reference
for test in ("test_every_policy_has_its_section_and_row", "test_every_card_is_documented_as_it_is"):
    try:
        getattr(test_reference, test)()
        print("passed")
    except AssertionError:
        print("refused")
""")
    assert said == "refused\nrefused\n"
