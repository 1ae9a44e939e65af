"""All benchmarks, or those named by letter; a table of what was measured, or JSON.

    uv run python tests/bench/run.py [--json] [a] [b] [c] [d] [e] [f] [g] [h] [i] [j] [k] [l] [m]

a: packets judged per CPU second; b: swap pages a second beside fio; c: a policy change's acknowledgement; d: memory above
the modelled pool; e: initiators at once; f: the simulator beside SimPy; g: beside real time; h: with up to 512 initiators;
i: a guest's boot; j: QEMU's memory above the guest's; k: what a guest's module costs; l: what a line of its telemetry does;
m: how long a command takes to say anything.
a and b need root with NET_ADMIN and SYS_ADMIN (b also fio, nbdkit and python3-libnbd), c to e the testbed, up to date and
used by nobody else, f to h and m nothing, i to l QEMU, nbdkit, a C compiler and kernels (by themselves: guests.py). Exit
code 1 when an aim is not met or a part could not be measured.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from subprocess import SubprocessError

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import guestfigures  # noqa: E402
import linefigures  # noqa: E402
import packets  # noqa: E402
import scaling  # noqa: E402
import simpy_peer  # noqa: E402
import startup  # noqa: E402
import swap  # noqa: E402
import testbedfigures  # noqa: E402
from figures import as_json, as_table  # noqa: E402

from nodes.errors import NetreserveError  # noqa: E402

PARTS = {
    "a": packets.figures,
    "b": swap.figures,
    "c": testbedfigures.acknowledgement,
    "d": testbedfigures.memory,
    "e": testbedfigures.many,
    "f": simpy_peer.packets,
    "g": simpy_peer.realtime,
    "h": scaling.figures,
    "i": guestfigures.boot,
    "j": guestfigures.memory,
    "k": guestfigures.telemetry,
    "l": linefigures.lines,
    "m": startup.figures,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="The benchmarks of netreserve.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all of them)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"no benchmark '{unknown[0]}' (there are: {', '.join(PARTS)})")
    measured, failed = [], False
    for part in given.parts or PARTS:
        try:
            for figure in PARTS[part]():
                print(f"{part}: {figure.name}: {figure.value:,.3g} {figure.unit}", file=sys.stderr, flush=True)
                measured.append(figure)
        except (NetreserveError, RuntimeError, SubprocessError) as error:
            print(f"{part}: not measured: {error}", file=sys.stderr)
            failed = True
    print(as_json(measured) if given.json else as_table(measured))
    return 1 if failed or any(figure.met is False for figure in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
