"""`netreserve flood start | stop`: junk through Locust, outside a scenario."""

from __future__ import annotations

from typing import Annotated, get_args

import msgspec
import typer

from controller.api import StartFlood, State, StopFlood
from controller.cli.console import Json, print_json
from controller.cli.options import parsed
from controller.cli.session import ask
from nodes.config import Reader
from nodes.errors import UsageError
from nodes.registry import did_you_mean
from nodes.units import parse_duration_ns, parse_rate_pps, parse_size_bytes
from traffic.profiles import DURATION_NS_DEFAULT, DURATION_NS_MAX, Flood, FloodKind

app = typer.Typer(help="Start or stop a flood of junk at all initiators.", no_args_is_help=True, rich_markup_mode=None)
SECONDS_DEFAULT = f"{DURATION_NS_DEFAULT // 1_000_000_000} s"


@app.command()
def start(
    kind: Annotated[str, typer.Option(help=f"One of: {', '.join(get_args(FloodKind))}.")] = "udp",
    rate: Annotated[str, typer.Option(help="All packets (udp, tcp) or requests (http) together.")] = "20 kpps",
    size: Annotated[str, typer.Option(help="Payload of one of them.")] = "1400 B",
    sockets: Annotated[int, typer.Option(help="Sockets at each initiator it is spread over.")] = 4,
    reader: Annotated[str, typer.Option(help=f"Who empties them, one of: {', '.join(get_args(Reader))}.")] = "stalled",
    time: Annotated[str, typer.Option(help="After which it ends by itself.")] = SECONDS_DEFAULT,
    json: Json = False,
) -> None:
    """Start a flood; the controller records it as a run of its own.

    Example: netreserve flood start --kind udp --rate '20 kpps' --time '20 s'
    """
    wanted = {
        "kind": kind, "rate_pps": parsed("--rate", rate, parse_rate_pps),
        "size_bytes": parsed("--size", size, parse_size_bytes), "sockets": sockets, "reader": reader,
    }  # fmt: skip
    duration_ns = parsed("--time", time, parse_duration_ns)
    if not 0 < duration_ns <= DURATION_NS_MAX:
        raise UsageError(
            f"--time is '{time}': more than 0 and at most {DURATION_NS_MAX // 60_000_000_000} min are possible"
        )
    _known("--kind", kind, get_args(FloodKind))
    _known("--reader", reader, get_args(Reader))
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
