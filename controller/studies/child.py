"""A run in a process of its own, as a person would start it: an interrupted or failed one leaves nothing behind here.

The child has a session of its own, so that Ctrl-C on a terminal reaches us alone; we pass one on, and wait: the child
then ends its run early, and the testbed is free again.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from controller.experiment.exitcodes import EXIT_INTERRUPTED
from controller.experiment.record import Result

STARTER: tuple[str, ...] = (sys.executable, "-c", "from controller.cli.main import main; main()")
LEAVE_S = 90.0
"""How long an interrupted child may take to end its run (own: judging and the report take seconds)."""

Message = dict[str, Any]


class Ended(Struct, frozen=True, kw_only=True):
    """How it ended. `result` is None where there was no run to judge; `error` is the one line that was said then."""

    code: int
    result: Result | None = None
    folder: Path | None = None
    """Of the run."""
    error: str = ""


def run(words: Sequence[str], heard: Callable[[Message], None] = lambda message: None) -> Ended:
    """`netreserve run WORDS --json`, to its end; `heard` is told every message but the last. Raises KeyboardInterrupt when
    it, or we, were interrupted."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*STARTER, "run", *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        with process, _ended_with_us(process):
            last = _hear(process, heard)
            code = process.wait()
        errors.seek(0)
        said = errors.read().strip().splitlines()
    if code == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return _ended(code, last, said)


def _hear(process: subprocess.Popen[str], heard: Callable[[Message], None]) -> Message:
    """The last message."""
    last: Message = {}
    assert process.stdout is not None
    for line in process.stdout:
        try:
            message = msgspec.json.decode(line.encode(), type=dict)
        except msgspec.MsgspecError:
            continue
        last = message
        if message.get("kind") != "result":
            heard(message)
    return last


def _ended(code: int, last: Message, said: Sequence[str]) -> Ended:
    try:
        result = msgspec.convert(last["result"], Result)
        return Ended(code=code, result=result, folder=Path(last["folder"]))
    except (msgspec.ValidationError, KeyError):
        error = said[-1].removeprefix("netreserve: ") if said else f"it ended with code {code} and said nothing"
        return Ended(code=code, error=error)


@contextlib.contextmanager
def _ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever interrupts us ends the child, too: by a Ctrl-C of its own, at last by force."""
    try:
        yield
    except BaseException:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=LEAVE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
        raise
