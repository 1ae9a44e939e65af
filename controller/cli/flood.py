"""`netreserve flood start | stop`: junk through Locust, outside a scenario."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import msgspec
import typer

from controller.api import StartFlood, State, StopFlood
from controller.cli.console import Json, print_json
from controller.cli.options import parsed
from controller.cli.session import ask
from nodes.config import Reader
from nodes.errors import UsageError
from nodes.floods import Flood, FloodKind
from nodes.registry import did_you_mean
from nodes.units import parse_duration_ns, parse_rate_pps, parse_size_bytes
from traffic.profiles import (
    DURATION_NS_DEFAULT,
    DURATION_NS_MAX,
    RATE_DEFAULT,
    SIZE_DEFAULT,
    default_sink,
)

app = typer.Typer(help="Start or stop a flood of junk at all initiators.", no_args_is_help=True, rich_markup_mode=None)
SECONDS_DEFAULT = f"{DURATION_NS_DEFAULT // 1_000_000_000} s"


@app.command()
def start(
    kind: Annotated[str, typer.Option(help=f"One of: {', '.join(get_args(FloodKind))}.")] = "udp",
    rate: Annotated[str, typer.Option(help="All packets (udp, tcp) or requests (http) together.")] = RATE_DEFAULT,
    size: Annotated[str, typer.Option(help="Payload of one of them.")] = SIZE_DEFAULT,
    sockets: Annotated[
        int | None, typer.Option(help="Sockets at each initiator it is spread over; else all of its kind.")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(help=f"Who must be emptying them, one of: {', '.join(get_args(Reader))}.")
    ] = None,
    rcvbuf: Annotated[str | None, typer.Option(help="Receive buffer that each must have, e.g. '4 MiB'.")] = None,
    time: Annotated[str, typer.Option(help="After which it ends by itself.")] = SECONDS_DEFAULT,
    json: Json = False,
) -> None:
    """Start a flood; the controller records it as a run of its own.

    It meets the sockets that live machines have open: what you leave out is as it is there.

    Example: netreserve flood start --kind udp --rate '20 kpps' --time '20 s'
    """
    duration_ns = parsed("--time", time, parse_duration_ns)
    if not 0 < duration_ns <= DURATION_NS_MAX:
        raise UsageError(
            f"--time is '{time}': more than 0 and at most {DURATION_NS_MAX // 60_000_000_000} min are possible"
        )
    _known("--kind", kind, get_args(FloodKind))
    _known("--reader", reader or "app", get_args(Reader))
    open_there = default_sink(cast(FloodKind, kind))
    wanted = {
        "kind": kind,
        "rate_pps": parsed("--rate", rate, parse_rate_pps),
        "size_bytes": parsed("--size", size, parse_size_bytes),
        "sockets": open_there.sockets if sockets is None else sockets,
        "reader": reader or open_there.reader,
        "rcvbuf_bytes": open_there.rcvbuf_bytes if rcvbuf is None else parsed("--rcvbuf", rcvbuf, parse_size_bytes),
    }
    _print(ask(StartFlood(flood=_flood(wanted), duration_ns=duration_ns)), json=json)


@app.command()
def stop(json: Json = False) -> None:
    """Stop whatever Locust is sending.

    Example: netreserve flood stop
    """
    _print(ask(StopFlood()), json=json)


def _known(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{option}: unknown value '{value}' ({did_you_mean(value, list(known))})")


def _flood(fields: dict[str, object]) -> Flood:
    try:
        return msgspec.convert(fields, Flood)
    except msgspec.ValidationError as error:
        raise UsageError(f"flood: {error}") from None


def _print(state: State, *, json: bool) -> None:
    if json:
        print_json(state)
    else:
        print(f"flood: {state.flood or 'stopped'}")
