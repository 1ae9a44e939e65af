"""`netreserve epoll2006`: the web-server benchmark of the network tree allocator, counted and priced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from controller.cli.console import Json, console, print_json
from controller.studies.epoll2006.claim import KEVENT_RPS
from controller.studies.epoll2006.costs import parsed
from controller.studies.epoll2006.result import Finding, Result, examine
from controller.studies.epoll2006.sensitivity import Joint
from controller.studies.epoll2006.server import Load
from nodes.errors import UsageError


def epoll2006(
    cost: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NS", help="A price in ns, e.g. bounce=300; may be repeated.")
    ] = None,
    cpus: Annotated[
        int, typer.Option(help="CPUs of the server, 1 or 2: interrupts on the first, the server on the last.")
    ] = 2,
    requests: Annotated[int, typer.Option(help="Requests that are counted, after a warm-up.")] = 128,
    together: Annotated[
        bool, typer.Option("--together", help="Vary all assumptions together, too: takes a minute more.")
    ] = False,
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
    result = examine(load, prices, together=together)
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
        for joint in finding.together:
            print(_together(joint))
    print(
        f"his kevent server made {KEVENT_RPS}/s of the same kmalloc: {result.elsewhere_us:.0f} us of a request at"
        f" {result.baseline_rps}/s are not the allocator's"
    )
    print("bursts of 3000 connections a second apart, lost SYNs again after 3 s:")
    out.print(_queues(result))


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
        f" {finding.claimed_ratio_low:.2f} to {finding.claimed_ratio_high:.2f}; {holds}"
    )


def _together(joint: Joint) -> str:
    load = joint.load
    kernel = "with CONFIG_DEBUG_SLAB" if load.debug_slab else "without CONFIG_DEBUG_SLAB"
    return (
        f"all assumptions together at their best for it, {kernel}: saves {joint.saved_us:.0f} us, ratio {joint.ratio:.2f}"
        f" (cpus {load.cpus}, in_flight {load.in_flight}, response {load.response_bytes} B, receive buffers"
        f" {load.receive_bytes} B, cache {load.cache_bytes >> 10} KiB)"
    )


def _queues(result: Result) -> Table:
    """A row for each queue and client."""
    table = Table(
        "backlog", "burst takes", "gives 1600 to 1800", "10 us less give", "no effect over", box=None, pad_edge=False
    )
    for queue in result.queues:
        table.add_row(
            str(queue.backlog),
            f"{queue.spread_s:g} s",
            ", ".join(map(str, queue.reached_rps)) or "never",
            f"{queue.from_rps} -> {queue.to_rps} ({queue.ratio:.2f}) at {queue.steepest_us} us",
            f"{queue.unmoved_us} us",
        )
    return table


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
