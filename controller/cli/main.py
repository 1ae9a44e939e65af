"""`netreserve`: the way in. It loads nothing itself, so that Ctrl-C is heard while everything else is still loading."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code; never lets a traceback through unless --debug asks for it."""
    sys.exit(carry_out(sys.argv[1:] if arguments is None else arguments))


def carry_out(words: list[str]) -> int:
    """The exit code of `netreserve WORDS`, after what it had to say was said."""
    try:
        from controller.cli import app

        return app.carry_out(words)
    except KeyboardInterrupt:
        print("netreserve: interrupted", file=sys.stderr)
        return 130
