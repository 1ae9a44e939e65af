"""`netreserve`: composes the verbs, one file each, and turns every error into one line and an exit code (nodes.errors)."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from controller.cli import (
    agree,
    allocators,
    autopsy,
    compare,
    debate,
    doctor,
    down,
    epoll,
    flood,
    kernels,
    policy,
    ps,
    replay,
    report,
    rescue,
    run,
    runs,
    serve,
    shape,
    shrink,
    size,
    sweep,
    up,
    validate,
)
from controller.cli.console import DEBUG, complain, debugging, say
from controller.interrupts import INTERRUPTED
from controller.testbed import ComposeError
from nodes.compiled import in_use
from nodes.errors import HarnessError, NetreserveError

app = typer.Typer(
    name="netreserve",
    help="Will this machine survive swapping over the network while junk floods in, and which reserve policy saves it?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    up.up,
    down.down,
    ps.ps,
    run.run,
    rescue.rescue,
    report.report,
    validate.validate,
    size.size,
    compare.compare,
    shrink.shrink,
    replay.replay,
    debate.debate,
    agree.agree,
    allocators.allocators,
    autopsy.autopsy,
    doctor.doctor,
    epoll.epoll2006,
    serve.serve,
):
    app.command()(verb)
for name, group in (
    ("policy", policy.app),
    ("shape", shape.app),
    ("flood", flood.app),
    ("runs", runs.app),
    ("sweep", sweep.app),
    ("kernels", kernels.app),
):
    app.add_typer(group, name=name)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"netreserve {_version()} ({'compiled' if in_use() else 'plain Python'})")
        raise typer.Exit()


def _version() -> str:
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


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code; never lets a traceback through unless --debug asks for it."""
    words = sys.argv[1:] if arguments is None else arguments
    code = carry_out(words)
    sys.exit(code)


def carry_out(words: list[str]) -> int:
    """The exit code of `netreserve WORDS`, after what it had to say was said."""
    try:
        outcome = app([word for word in words if word != DEBUG], prog_name="netreserve", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except NetreserveError as error:
        _details(error)
        complain(str(error))
        return error.exit_code
    except typer.TyperException as error:
        return _wrong_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return 0
    except Exception as error:
        return _unexpected(error, words)


def _wrong_usage(error: typer.TyperException) -> int:
    """What Typer refuses. Asking for nothing shows the help, which is no error message."""
    message = error.format_message()
    if message.startswith("Usage:"):
        say(message)
    else:
        complain(f"{message.rstrip('.')} (see --help)".replace("\n", " "))
    return 2


def _details(error: NetreserveError) -> None:
    if not debugging():
        return
    traceback.print_exception(error)
    if isinstance(error, ComposeError):
        say("\n".join(error.tail))


def _unexpected(error: Exception, words: list[str]) -> int:
    if debugging():
        traceback.print_exception(error)
    where = "see above" if debugging() else f"details: netreserve --debug {' '.join(words)}"
    what = " ".join(str(error).split()) or "no message"
    complain(f"unexpected {type(error).__name__}: {what} ({where})")
    return HarnessError.exit_code
