"""`netreserve autopsy`: names the cycle that any frozen machine sits in, from its kernel log."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json, print_json
from nodes.errors import UsageError
from nodes.frozen import Autopsy, examine
from nodes.frozen.words import told
from nodes.kernel.figures import at_stall

NOT_NAMED = 1
STDIN = Path("-")
BYTES_MAX = 64 << 20
"""More than any console holds of a hang (own)."""


def autopsy(
    console: Annotated[
        Path, typer.Argument(help="A kernel log: console, dmesg, netconsole, journal or pstore; - is stdin.")
    ],
    telemetry: Annotated[
        Path | None, typer.Option("--telemetry", help="Telemetry lines of a guest, which tell what reception lacked.")
    ] = None,
    json: Json = False,
) -> None:
    """Name the cycle that a frozen machine sits in.

    Exits with 1 when none can be named, 2 when the log cannot be read.

    Example: netreserve autopsy console.log --telemetry telemetry.log
    """
    newest, stopped = at_stall(_lines(telemetry)) if telemetry else (None, None)
    found = examine(_lines(console), newest, stopped)
    if json:
        print_json(found)
    else:
        _print(found)
    raise typer.Exit(0 if found.cycle else NOT_NAMED)


def _lines(path: Path) -> list[str]:
    try:
        with nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; a kernel log is needed") from None
    if not content.strip():
        raise UsageError(f"{path} is empty; a kernel log is needed, best one with the answers to sysrq w, m and t")
    if len(content) > BYTES_MAX:
        raise UsageError(f"{path} is larger than {BYTES_MAX >> 20} MiB; cut out the part with the hang")
    return content.decode(errors="replace").splitlines()


def _print(found: Autopsy) -> None:
    for line in told(found):
        print(line)
