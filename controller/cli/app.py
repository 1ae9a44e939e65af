"""The command line: its verbs, and every error turned into one line and an exit code (nodes.errors)."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Annotated

import typer

from controller.cli.console import DEBUG, complain, debugging, say
from controller.cli.verbs import Verbs
from controller.cli.words import refuse_empty
from nodes.compiled import in_use
from nodes.errors import HarnessError, NetreserveError

OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
"""Of an output whose disk is full or gone; an error of a file of ours names that file."""

app = typer.Typer(
    name="netreserve",
    cls=Verbs,
    help="Will this machine survive swapping over the network while junk floods in, and which reserve policy saves it?",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"netreserve {_version()} ({'compiled' if in_use() else 'plain Python'})")
        raise typer.Exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("netreserve")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


@app.callback()
def options(
    shown: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="With an error, print the details too; may stand anywhere.")
    ] = False,
) -> None:
    """Options of netreserve itself. --debug is only shown here: `carry_out` takes it out of the words."""


def carry_out(words: list[str]) -> int:
    """The exit code of `netreserve WORDS`. Raises KeyboardInterrupt."""
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    try:
        refuse_empty(words)
        outcome = app([word for word in words if word != DEBUG], prog_name="netreserve", standalone_mode=False)
        sys.stdout.flush()  # now, while it can still be told that nobody reads
        return outcome if isinstance(outcome, int) else 0
    except NetreserveError as error:
        _details(error)
        complain(str(error))
        return error.exit_code
    except typer.TyperException as error:
        return _wrong_usage(error)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as left:  # what Typer and Rich make of a broken pipe, as a code of 1
        if isinstance(left.__context__, BrokenPipeError):
            return _nobody_reads()
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in OUTPUT_ERRORS:
            _nobody_reads()
            complain(f"what there was to say could not be written: {error.strerror}")
            return HarnessError.exit_code
        return _unexpected(error, words)


def _nobody_reads() -> int:
    """The reader of our output left, as `head` does when it has enough: all is well, and the rest goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _wrong_usage(error: typer.TyperException) -> int:
    """What Typer refuses. Asking for nothing shows the help, which is not an error message."""
    message = error.format_message()
    if message.startswith("Usage:"):
        say(message)
    else:
        complain(f"{message.rstrip('.')} (see --help)".replace("\n", " "))
    return 2


def _details(error: NetreserveError) -> None:
    if not debugging():
        return
    _print_traceback(error)
    if tail := getattr(error, "tail", ()):  # of what Compose said (controller.here.testbed)
        say("\n".join(tail))


def _unexpected(error: Exception, words: list[str]) -> int:
    if debugging():
        _print_traceback(error)
    where = "see above" if debugging() else f"details: netreserve --debug {' '.join(words)}"
    what = " ".join(str(error).split()) or "no message"
    complain(f"unexpected {type(error).__name__}: {what} ({where})")
    return HarnessError.exit_code


def _print_traceback(error: Exception) -> None:
    import traceback

    traceback.print_exception(error)
