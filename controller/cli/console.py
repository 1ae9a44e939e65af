"""Where the command line writes: answers on stdout (JSON when asked), everything else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console

from nodes.errors import printable

WIDTH_WITHOUT_TERMINAL = 160
"""Wide enough that no table is cut when it goes to a file or a pipe (own)."""

DEBUG = "--debug"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def debugging() -> bool:
    """Whether --debug stands anywhere on the command line."""
    return DEBUG in sys.argv


def console(*, stderr: bool = False) -> Console:
    """Rich's console on stdout (or stderr), as it is now."""
    from rich.console import Console  # here: what needs no table loads none

    stream = sys.stderr if stderr else sys.stdout
    return Console(width=None if stream.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False, stderr=stderr)


def say(text: str) -> None:
    """A remark on stderr. What a terminal would act upon is made visible, wherever it came from (nodes.errors)."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """An answer on stdout, as `say`."""
    print("\n".join(map(printable, text.split("\n"))))


def print_json(value: object) -> None:
    """`value` as one line of JSON; structs become objects."""
    print(msgspec.json.encode(value).decode(), flush=True)


def complain(message: str) -> None:
    """An error on stderr, each of its lines under our name."""
    for line in message.split("\n"):
        say(f"netreserve: {line}")
