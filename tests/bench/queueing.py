"""The simulator's link and disk beside queueing theory, with narrow intervals: takes minutes.

    uv run python tests/bench/queueing.py [PACKETS]

PACKETS for each check, 2 000 000 if not given. Exit code 1 when an interval (99.9 %) does not hold the theory's value. The
same checks with fewer packets are among the tests: docs/explanation/simulator.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from queueingmodels import all_checks  # noqa: E402


def main() -> int:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    agreed = True
    print(f"{'check':34} {'theory':>12} {'simulator, 99.9 %':>27}")
    for found in all_checks(packets):
        agreed &= found.agrees
        word = "" if found.agrees else "  DIFFERS"
        print(
            f"{found.name:34} {found.theory:12.5g} {found.low:12.5g} ... {found.high:<12.5g}{found.unit}{word}",
            flush=True,
        )
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
