"""Several allocators on one trace, and the page of docs that tells what is in file and table."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from alloctraces import packets
from msgspec import structs

from controller.store.tracefile import Header, read_trace
from controller.studies.allocators.comparison import HEADINGS, cells, compare
from controller.studies.allocators.replay import STUDIED, Point, Replayed
from nodes.errors import UsageError
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Released

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "reference" / "allocators.md").read_text()
SHIPPED = ROOT / "scenarios" / "traces" / "junk-mix.jsonl.gz"


def test_all_of_them_or_those_that_are_named() -> None:
    heard: list[str] = []
    everything = compare(packets(), heard=heard.append)
    assert heard == list(STUDIED)
    assert {each.allocator for each in everything.replayed} | set(everything.unable) == set(STUDIED)
    assert [each.allocator for each in compare(packets(), ["srog", "slab", "srog"]).replayed] == ["srog", "slab"]


def test_one_that_memory_cannot_hold_is_left_out_with_the_reason_unless_it_was_named() -> None:
    assert not compare(packets()).unable
    trace = packets()
    crowded = structs.replace(trace, header=structs.replace(trace.header, cpus=32))
    everything = compare(crowded)
    assert set(everything.unable) == {"nta-v1", "nta-v2"}
    assert "4 pages aside on each of 32 CPUs" in everything.unable["nta-v1"]
    with pytest.raises(UsageError, match="4 pages aside"):
        compare(crowded, ["slab", "nta-v1"])


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown allocator 'srgo'.*did you mean 'srog'"):
        compare(packets(), ["srgo"])


def test_when_nobody_can_it_is_an_error() -> None:
    with pytest.raises(UsageError, match="does not hold"):
        compare(packets(), memory_pages=9)


def test_the_shipped_trace_shows_what_the_debate_was_about() -> None:
    """SROG returns a page per packet and needs the most pages; NTA returns none; slab packs tightest."""
    names = ("slab", "srog-all", "nta-v2")
    found = {each.allocator: each for each in compare(read_trace(SHIPPED), names).replayed}
    slab, srog, nta = (found[name] for name in names)
    assert srog.pages_peak > nta.pages_peak > slab.pages_peak and srog.refused > slab.refused == 0
    assert srog.pages_per_release > slab.pages_per_release > nta.pages_per_release == 0
    assert slab.cross_cpu_releases == nta.cross_cpu_releases > 1000


def test_the_table_has_a_cell_for_every_heading() -> None:
    assert all(len(cells(each)) == len(HEADINGS) for each in compare(packets()).replayed)


def test_everything_is_documented() -> None:
    fields = {field for kind in (Header, DataTaken, HeadTaken, Released, Replayed, Point) for field in names(kind)}
    told = PAGE.split("`")[1::2]
    assert not sorted(fields - set(told))
    assert not [heading for heading in HEADINGS if f"| {heading} |" not in PAGE]
    assert not [name for name in STUDIED if f"`{name}`" not in PAGE]


def names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return kind.__struct_fields__
