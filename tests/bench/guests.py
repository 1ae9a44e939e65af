"""The kernel tier's benchmarks: its guests, one at a time, and what finished runs came to.

    uv run python tests/bench/guests.py [boot] [memory] [telemetry] [lines] [--repeat N] [--kernel NAME] [--nic NAME]
        [--json]
    uv run python tests/bench/guests.py verdicts FOLDER...

boot: power-on to swap on, beside a bare boot; memory: QEMU's, above the guest's; telemetry: swap pages a second with and
without the module; lines: what telemetry's lines take of them; all of them when none is named (parts i to l of run.py).
verdicts: verdict, time to decide, recovery and drops in run folders, or in all of a scenario's, node by node and counted.
Exit code 1 when an aim is not met or a part could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from subprocess import SubprocessError

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import guestfigures  # noqa: E402
import linefigures  # noqa: E402
import msgspec  # noqa: E402
from figures import as_json, as_table  # noqa: E402
from slirpguests import NIC  # noqa: E402

from nodes.errors import NetreserveError  # noqa: E402

PARTS = {
    "boot": guestfigures.boot,
    "memory": guestfigures.memory,
    "telemetry": guestfigures.telemetry,
    "lines": linefigures.lines,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="The benchmarks of netreserve's kernel tier.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or verdicts FOLDER...")
    parser.add_argument("--repeat", type=int, default=0, help="guests of each kind (5, 3, 3), pairs of windows (30)")
    parser.add_argument("--kernel", default="", help="name of a kernel (the default one)")
    parser.add_argument("--nic", default=NIC, help=f"NIC model ({NIC})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.repeat < 0:
        parser.error(f"--repeat {given.repeat}: 1 or more is needed")
    if given.parts[:1] == ["verdicts"]:
        return _verdicts([Path(name) for name in given.parts[1:]], given.json)
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"no benchmark '{unknown[0]}' (there are: {', '.join(PARTS)}, verdicts FOLDER...)")
    return _measure(given.parts or list(PARTS), given)


def _measure(parts: list[str], given: argparse.Namespace) -> int:
    repeat = {"repeat": given.repeat} if given.repeat else {}
    measured, failed = [], False
    for part in parts:
        try:
            measured += list(PARTS[part](kernel=given.kernel, nic=given.nic, **repeat))
        except (NetreserveError, RuntimeError, SubprocessError) as error:
            print(f"{part}: not measured: {error}", file=sys.stderr)
            failed = True
    print(as_json(measured) if given.json else as_table(measured))
    return 1 if failed or any(figure.met is False for figure in measured) else 0


def _verdicts(folders: list[Path], in_json: bool) -> int:
    import guestruns  # it reads runs as the controller does, whose libraries the guests' image lacks

    try:
        found = guestruns.rows(guestruns.run_folders(folders))
    except NetreserveError as error:
        print(f"verdicts: {error}", file=sys.stderr)
        return 1
    print(json.dumps(msgspec.to_builtins(found), indent=1) if in_json else guestruns.table(found))
    return 1 if any(row.in_time is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
