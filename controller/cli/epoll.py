"""`netreserve epoll2006`: the web-server benchmark of the network tree allocator, counted and priced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from controller.cli.console import Json, console, print_json
from controller.studies.epoll2006.costs import parsed
from controller.studies.epoll2006.result import Finding, Result, examine
from controller.studies.epoll2006.server import Load
from nodes.errors import UsageError


def epoll2006(
    cost: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NS", help="A price in ns, e.g. bounce=300; may be repeated.")
    ] = None,
    cpus: Annotated[
        int, typer.Option(help="CPUs of the server, 1 to 16: interrupts on the first, the server on the last.")
    ] = 2,
    requests: Annotated[int, typer.Option(help="Requests that are counted, after a warm-up.")] = 128,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the sensitivity into a .png file.")] = None,
    json: Json = False,
) -> None:
    """Price the epoll web-server benchmark of 2006: kmalloc against the network tree allocator.

    Example: netreserve epoll2006 --cost bounce=306
    """
    prices = parsed(cost or [])
    if picture is not None:
        from controller.report import epoll_picture as tornado  # here: Altair takes a second

        tornado.check_path(picture)
    try:
        load = Load(cpus=cpus, requests=requests)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    result = examine(load, prices)
    if json:
        print_json(result)
    else:
        _print(result)
    if picture is not None:
        tornado.write(picture, result)


def _print(result: Result) -> None:
    out = console()
    print(f"a request at {result.baseline_rps}/s takes {result.request_us:.0f} us")
    print(f"for {result.target_ratio:g} times as many it must save {result.needed_us:.0f} us")
    out.print(_operations(result))
    print(
        f"all that was counted with kmalloc: {result.kmalloc_us:.1f} us; ratio if it cost nothing: {result.ceiling:.3f}"
    )
    for finding in result.findings:
        print(_sentence(finding))
        out.print(_assumptions(finding))
    for burst in result.bursts:
        out.print(
            f"if the client paused 1 s after each 3000: {burst.rate_rps}/s is {burst.request_us:.0f} us a request"
        )


def _operations(result: Result) -> Table:
    """Operations of a request by allocator, and what they cost."""
    columns = [result.kmalloc, *(finding.counts for finding in result.findings)]
    table = Table("a request", *(counts.allocator for counts in columns), "ns each", box=None, pad_edge=False)
    for name, price in result.prices.items():
        table.add_row(name, *(f"{counts.per_request.get(name, 0):.1f}" for counts in columns), f"{price:g}")
    table.add_row("us in all", *(f"{counts.time_ns(result.prices) / 1000:.1f}" for counts in columns), "")
    return table


def _sentence(finding: Finding) -> str:
    gain = f"saves {finding.saved_us:.1f} us" if finding.saved_us >= 0 else f"costs {-finding.saved_us:.1f} us more"
    holds = "the claim holds" if finding.holds else "the claim does not hold"
    return (
        f"\n{finding.counts.allocator}: {gain} a request, ratio {finding.ratio:.3f}; claimed"
        f" {finding.claimed_ratio_low:.2f} to {finding.claimed_ratio_high:.2f}; every price at its best for the claim:"
        f" {finding.ratio_favourable:.3f}; {holds}"
    )


def _assumptions(finding: Finding) -> Table:
    """Widest first; the price at which the claim would hold where it is a price."""
    needed = {row.name: row for row in finding.break_even}
    table = Table("assumption", "from", "to", "ratio", "to", "claim holds at", box=None, pad_edge=False)
    for bar in finding.sensitivity:
        row = needed.get(bar.name)
        price = "" if row is None else "no price" if row.needed_ns is None else f"{row.needed_ns:,.0f} ns"
        too_much = " (more than a whole request)" if row and row.needed_ns is not None and not row.possible else ""
        table.add_row(bar.name, bar.low, bar.high, f"{bar.ratio_low:.3f}", f"{bar.ratio_high:.3f}", price + too_much)
    return table
