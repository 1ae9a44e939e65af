"""What the verbs have in common that make many runs: their options, where they keep what was computed, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import say
from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.here import testbed
from nodes.errors import LackingError

Jobs = Annotated[int, typer.Option(help="Processes at a time; 0: one for each core.", min=0)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin anew; what was computed before is put aside.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where studies are kept (NETRESERVE_SWEEPS).")]


def studies_folder(given: Path | None = None) -> Path:
    """`--out`, else NETRESERVE_SWEEPS, else `sweeps` in the checkout (in the present folder without one)."""
    if given is not None:
        return given
    if named := os.environ.get("NETRESERVE_SWEEPS"):
        return Path(named)
    try:
        return testbed.find_root() / "sweeps"
    except LackingError:
        return Path("sweeps")


@contextmanager
def resumable(kept: Callable[[], str]) -> Iterator[None]:
    """Within it Ctrl-C and SIGTERM end the verb with what `kept` says is on the disk, and that the same command goes on
    from there."""
    with _terminable():
        try:
            yield
        except KeyboardInterrupt:
            say(f"netreserve: interrupted: {kept()}; the same command goes on from there")
            raise typer.Exit(EXIT_INTERRUPTED) from None


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is as good as Ctrl-C, so that whatever was started is ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
