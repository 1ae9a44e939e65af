"""What simulated runs come down to: `python -m controller.studies.fingerprint FILE...` prints a line for each scenario.

The same scenario gives the same line on every machine and under every Python: whoever doubts it compares. Needs nothing but
Python, msgspec and PyYAML.
"""

from __future__ import annotations

import sys
from hashlib import sha256

import msgspec

from controller.experiment.scenario import load
from controller.simulated.simulate import Outcome, simulate


def fingerprint(outcome: Outcome) -> str:
    """SHA-256 of all that a run recorded, as JSON: phases, events, samples, proofs."""
    record = (outcome.result.phases, outcome.events, outcome.samples, outcome.proofs, outcome.handled_events)
    return sha256(msgspec.json.encode(record)).hexdigest()


def main() -> None:
    """For each file named: fingerprint, scenario and seed."""
    for path in sys.argv[1:]:
        scenario = load(path)
        print(fingerprint(simulate(scenario)), scenario.name, scenario.seed)


if __name__ == "__main__":
    main()
