"""`python -m nodes.compiled build | status | remove`: compiles the simulator, tells whether it is, undoes it."""

from __future__ import annotations

import sys
import time

from nodes.compiled import COMMAND, in_use, place
from nodes.compiled.build import build, remove
from nodes.errors import NetreserveError, UsageError

VERBS = "'build', 'status' or 'remove'"


def main(arguments: list[str]) -> int:
    """Runs the command; answers with an exit code of `nodes.errors`."""
    try:
        print(_said(arguments))
    except NetreserveError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _said(arguments: list[str]) -> str:
    match arguments:
        case ["build"]:
            began_s = time.monotonic()
            return f"compiled in {build()} ({time.monotonic() - began_s:.0f} s)"
        case ["remove"]:
            return f"{remove()} build(s) removed"
        case ["status"]:
            folder = in_use()
            if folder is None and place().is_dir():
                return f"plain Python, as NETRESERVE_COMPILED asks; a build is in {place()}"
            return (
                f"compiled, from {folder}" if folder else f"plain Python: nobody has compiled these sources ({COMMAND})"
            )
    raise UsageError(f"'{' '.join(arguments)}': {VERBS} is needed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
