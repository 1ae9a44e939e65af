"""A result as text: the verdict in a sentence, the cycle with its counts, expectations, data, where the report is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from controller.cli.console import console
from controller.experiment.record import NodeVerdict, Result
from controller.experiment.verdicts import VERDICTS, Tone
from nodes.eventkinds import Wait
from nodes.units import format_ns

_STYLES: dict[Tone, str] = {"good": "bold green", "fair": "bold yellow", "bad": "bold red", "unknown": "bold magenta"}
"""The verdict's own word stands beside every colour."""


def style_of(verdict: str) -> str:
    """The style that Rich writes a verdict in."""
    return _STYLES[VERDICTS[verdict].tone]


def print_summary(result: Result, folder: Path) -> None:
    """What a person reads after a run, on stdout. A page that was not written is not named."""
    out = console()
    for line in lines(result):
        out.print(line, soft_wrap=not out.is_terminal)
    if len(result.nodes) > 1:
        out.print(_nodes(result.nodes))
    if page := page_of(folder):
        out.print(f"report: {escape(page)}", soft_wrap=True)


def page_of(folder: Path) -> str:
    """Where the page of the run in `folder` is; empty where it has none."""
    page = folder / "report.html"
    return str(page) if page.is_file() else ""


def lines(result: Result) -> Iterator[str]:
    """The summary's lines, in Rich markup."""
    word = f"[{style_of(result.verdict)}]{result.verdict.upper()}[/]"
    policy = f" under {result.policy}" if result.policy else ""
    yield f"{word}  {escape(result.scenario)}{escape(policy)}, {result.tier} tier, seed {result.seed}, run {result.run}"
    yield escape(result.sentence or "no reason was recorded")
    if result.next_step:
        yield f"[bold]next[/]: {escape(result.next_step)}"
    for node in result.nodes:
        yield from _cycle(node)
    for check in result.checks:
        word, style = ("met", "green") if check.met else ("not met", "red")
        yield f"[{style}]{word:7}[/]  {escape(check.expectation)}  (found: {escape(check.found)})"
    yield f"data: {escape(result.data)} ({sum(node.verified_pages for node in result.nodes)} pages verified)"
    for note in result.notes:
        yield f"note: {escape(note)}"


def _cycle(node: NodeVerdict) -> Iterator[str]:
    if not node.cycle:
        return
    yield f"the cycle on {node.node}:"
    for edge in node.cycle:
        yield f"  {escape(edge_text(edge))}"
    yield f"  ... which is where it began: {escape(node.cycle[0].waiter)}"
    if node.proof:
        yield f"  {escape(node.proof)}"


def edge_text(edge: Wait) -> str:
    """One wait as a line, e.g. `reclaim waits for free pages (needs 97, has 88), which only writeback provides: ...`."""
    source = f" [{edge.source}]" if edge.source else ""
    counts = f"(needs {edge.need}, has {edge.have})"
    return f"{edge.waiter} waits for {edge.resource} {counts}, which only {edge.who_frees} provides: {edge.why}{source}"


def _nodes(nodes: tuple[NodeVerdict, ...]) -> Table:
    table = Table("node", "verdict", "pages/s warmup", "flood", "heal", "recovery", "reserve used", "reason", box=None)
    for node in nodes:
        recovery = "-" if node.recovery_ns is None else format_ns(node.recovery_ns)
        rates = (node.warmup_pages_per_s, node.flood_pages_per_s, node.heal_pages_per_s)
        table.add_row(
            node.node, f"[{style_of(node.verdict)}]{node.verdict}[/]", *(f"{rate:.0f}" for rate in rates), recovery,
            f"{node.reserve_used_pages} pages", escape(node.reason),
        )  # fmt: skip
    return table
