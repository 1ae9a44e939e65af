"""`netreserve allocators`: one run's requests for packet memory, replayed through every allocator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from controller.cli.console import Json, console, print_json, say
from controller.cli.options import given
from controller.cli.runs import Runs, load_result
from controller.store.tracefile import FOLDER, SUFFIX, read_trace
from controller.studies.allocators.comparison import HEADINGS, Comparison, cells, compare
from controller.studies.allocators.replay import STUDIED
from nodes.errors import UsageError
from nodes.units import PAGE_BYTES, parse_size_bytes


def allocators(
    trace: Annotated[
        str, typer.Argument(help="A trace file, or a run that has one: id, scenario's name, or 'latest'.")
    ],
    allocator: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be repeated: {', '.join(STUDIED)}.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory of the machine, for example '96 MiB', instead of the recorded one.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw pages over time into a .png or .html file.")
    ] = None,
    node: Annotated[str | None, typer.Option(help="Whose trace, where a run has several.")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Compare packet allocators on the same recorded requests.

    Example: netreserve allocators scenarios/traces/junk-mix.jsonl.gz --picture pages.html
    """
    if picture is not None:
        from controller.report.occupancy import check_path

        check_path(picture)
    memory_bytes = given("--memory", memory, parse_size_bytes)
    if memory_bytes is not None and memory_bytes < PAGE_BYTES:
        raise UsageError(f"--memory: '{memory}' is less than a page, {PAGE_BYTES} B")
    path = _file(trace, node, runs)
    comparison = compare(
        read_trace(path),
        allocator or (),
        memory_pages=(memory_bytes or 0) // PAGE_BYTES,
        heard=_begun,
    )
    if json:
        print_json(_as_json(path, comparison))
    else:
        _print(comparison)
    if picture is not None:
        _draw(picture, comparison)


def _begun(name: str) -> None:
    """A long trace takes seconds for each allocator: a person wants to see that it goes on."""
    if sys.stderr.isatty():
        say(f"{name} ...")


def _file(trace: str, node: str | None, runs: Path | None) -> Path:
    """The trace file that is meant. Raises UsageError when there is none."""
    path = Path(trace)
    if path.is_file():
        return path
    if path.suffix in (".gz", ".jsonl"):
        raise UsageError(f"there is no file {trace}")
    folder, result = load_result(trace, runs)
    found = {file.name.removesuffix(SUFFIX): file for file in sorted((folder / FOLDER).glob(f"*{SUFFIX}"))}
    if not found:
        raise UsageError(f"run {result.run} has no allocation trace: record one with `netreserve run SCENARIO --trace`")
    if node is None and len(found) == 1:
        return next(iter(found.values()))
    if node is None or node not in found:
        asked = f"there is none of '{node}'" if node else "name one with --node"
        raise UsageError(f"run {result.run} has traces of {', '.join(found)}: {asked}")
    return found[node]


def _print(comparison: Comparison) -> None:
    header = comparison.header
    whose = " ".join(
        part for part in (header.scenario, header.node, f"policy {header.policy}" if header.policy else "") if part
    )
    print(
        f"{whose or 'recorded requests'}: {header.operations:,} operations in {header.end_ns / 1e9:.1f} s, recorded with"
        f" {header.allocator or 'an unknown allocator'}; {comparison.memory_pages:,} pages of memory"
    )
    table = Table(*HEADINGS, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for each in comparison.replayed:
        table.add_row(*cells(each))
    console().print(table)
    for name, why in comparison.unable.items():
        say(f"{name} left out: {why}")
    if header.missed:
        say(f"the recording reached its limit: {header.missed:,} later operations are not in it")


def _as_json(path: Path, comparison: Comparison) -> dict[str, Any]:
    return {
        "trace": str(path),
        "header": comparison.header,
        "memory_pages": comparison.memory_pages,
        "allocators": [
            msgspec.to_builtins(each) | {"overhead": round(each.overhead, 4)} for each in comparison.replayed
        ],
        "unable": comparison.unable,
    }


def _draw(picture: Path, comparison: Comparison) -> None:
    from controller.report.occupancy import write  # here: Altair takes a second, and few need it

    write(picture, comparison)
    say(f"picture: {picture}")
