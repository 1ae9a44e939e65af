"""`netreserve autopsy`: says what any frozen machine waits for, from its kernel log."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from controller.cli.console import Json, console, print_json, say
from nodes.errors import UsageError
from nodes.frozen.masked import Mask, markdown
from nodes.frozen.reading import Report, read
from nodes.frozen.sieve import Sieve
from nodes.frozen.words import told
from nodes.kernel.figures import MARK, at_stall
from nodes.kernel.protocol import Telemetry

NOT_NAMED = 1
STDIN = Path("-")
CHUNK_BYTES = 1 << 20
PROGRESS_FROM_BYTES = 32 << 20
"""A smaller file is read before a bar could be seen (own)."""
_NEEDED = "a kernel log is needed, best one with the answers to sysrq w, m and t"


def autopsy(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG",
            help="A kernel log in any form: console, dmesg, netconsole, journal, pstore, packed; - is stdin.",
        ),
    ],
    telemetry: Annotated[
        Path | None, typer.Option("--telemetry", help="Telemetry lines of a guest, which tell what reception lacked.")
    ] = None,
    json: Json = False,
    md: Annotated[
        bool, typer.Option("--md", help="Print Markdown for a bug report, hosts and addresses masked.")
    ] = False,
    mask_commands: Annotated[
        bool, typer.Option("--mask-commands", help="With --md: mask the names of processes, too.")
    ] = False,
) -> None:
    """Say what a frozen machine waits for, and name the cycle that it sits in.

    Exits with 0 when a cycle is named, 1 when none is or it came apart, 2 when LOG holds no kernel log.

    Example: netreserve autopsy console.log --telemetry telemetry.log
    """
    if json and md:
        raise UsageError("--json and --md are two forms of one answer: choose one")
    if mask_commands and not md:
        raise UsageError("--mask-commands belongs to --md")
    newest, stopped = _figures(telemetry) if telemetry else (None, None)
    lines = _lines(log)
    try:
        report = read(lines, newest, stopped)
    except UsageError as error:
        raise UsageError(f"{log}: {error}; {_NEEDED}") from None
    if json:
        print_json(report)
    else:
        _print(report, Mask(commands=mask_commands) if md else None)
    raise typer.Exit(0 if report.cycle and not report.dissolved else NOT_NAMED)


def _figures(path: Path) -> tuple[Telemetry, Telemetry | None]:
    """What the telemetry lines in `path` tell. Raises UsageError when there are none."""
    newest, stopped = at_stall(_lines(path))
    if newest is None:
        raise UsageError(f"--telemetry {path}: no line of it is a guest's telemetry (they begin with '{MARK}')")
    return newest, stopped


def _lines(path: Path) -> list[str]:
    try:
        if path != STDIN and stat.S_ISCHR(path.stat().st_mode):
            raise UsageError(
                f"{path} is a device and has no end; {_NEEDED} (of a running machine: dmesg | netreserve autopsy -)"
            )
        with _progress(path) as progress:
            sieve = Sieve(progress)
            lines = sieve.lines(_chunks(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; {_NEEDED}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None
    if sieve.dropped_bytes:
        say(f"{path}: too much that matters; the oldest {sieve.dropped_bytes >> 20} MiB of it are left out")
    if not any(line.strip() for line in lines):
        raise UsageError(f"{path} is empty; {_NEEDED}")
    return lines


def _chunks(path: Path) -> Iterator[bytes]:
    with nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr where somebody watches, for a large file."""
    total = 0 if path == STDIN else path.stat().st_size
    if total < PROGRESS_FROM_BYTES or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=total)
        yield lambda done: bar.update(task, completed=done)


def _print(report: Report, mask: Mask | None) -> None:
    for line in markdown(report, mask) if mask else told(report):
        print(line)
