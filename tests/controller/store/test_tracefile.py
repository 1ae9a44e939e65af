"""Trace files: what is written is read again, and every kind of damage is told with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from alloctraces import packets

from controller.store.tracefile import TraceError, read_trace, write_trace
from nodes.errors import HarnessError, UsageError

TRACE = packets()


def lines() -> list[str]:
    """The file's lines, to be spoilt: the header, then data, head, data, head, data, head, four releases."""
    return [msgspec.json.encode(line).decode() for line in (TRACE.header, *TRACE.operations)]


def refused(tmp_path: Path, spoilt: list[str]) -> str:
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(line + "\n" for line in spoilt))
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert caught.value.exit_code == 2
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_what_is_written_is_read_again_byte_for_byte(tmp_path: Path, name: str) -> None:
    write_trace(tmp_path / "new" / name, TRACE.header, TRACE.operations)
    write_trace(tmp_path / name, TRACE.header, TRACE.operations)
    assert read_trace(tmp_path / name) == TRACE
    assert (tmp_path / name).read_bytes() == (tmp_path / "new" / name).read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_it_is_json_lines(tmp_path: Path) -> None:
    write_trace(tmp_path / "t.jsonl.gz", TRACE.header, TRACE.operations)
    read = [json.loads(line) for line in gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes()).splitlines()]
    assert read[0]["netreserve_trace"] == 1 and read[0]["operations"] == len(read) - 1
    assert read[2] == {"op": "head", "t_ns": 0, "id": 2, "others": 10, "floor_pages": 4, "beside": 1}


@pytest.mark.parametrize(
    ("line", "was", "becomes", "told"),
    [
        (1, '"netreserve_trace":1', '"netreserve_trace":9', ":1: version 9 of the format, known is 1"),
        (1, '"cpus":2', '"cpus":0', ":1: cpus must be at least 1"),
        (1, '"cpus":2', '"cpu":2', ":1: no allocation trace, whose first line is a header: Object contains unknown"),
        (2, "2048", "5000", ":2: size_bytes is 5000: 1 to 4096 are possible"),
        (2, '"data"', '"date"', ":2: no operation: Invalid value 'date'"),
        (2, "}", "", ":2: no operation: Input data was truncated"),
        (3, '"beside":1', '"beside":7', ":3: a head beside object 7, which is not there"),
        (4, '"id":3', '"id":1', ":4: object 1 is asked for a second time"),
        (4, '"t_ns":1000', '"t_ns":-1', ":4: time runs backwards: -1 ns after 0 ns"),
        (5, '"others":10', '"others":999', ":5: others is 999: 0 to 128 pages are possible"),
        (8, '"id":4', '"id":40', ":8: object 40 is released, but not there"),
        (11, '"cpu":1', '"cpu":2', ":11: cpu is 2: the machine has 2, counted from 0"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, line: int, was: str, becomes: str, told: str) -> None:
    spoilt = lines()
    assert was in spoilt[line - 1]
    spoilt[line - 1] = spoilt[line - 1].replace(was, becomes)
    assert refused(tmp_path, spoilt).startswith(told)


def test_a_refused_object_cannot_be_released(tmp_path: Path) -> None:
    spoilt = lines()
    spoilt[4] = spoilt[4].replace('"id":4', '"id":4,"got":false')
    assert refused(tmp_path, spoilt) == ":8: object 4 is released, but not there"


def test_an_empty_and_a_cut_file_are_told(tmp_path: Path) -> None:
    assert refused(tmp_path, []).startswith(":1: no allocation trace")
    assert refused(tmp_path, lines()[:-2]) == ":9: 8 operations where line 1 promises 10: was the file cut off?"
    whole = tmp_path / "t.jsonl.gz"
    write_trace(whole, TRACE.header, TRACE.operations)
    for damaged in (whole.read_bytes()[:-20], whole.read_bytes()[:40] + b"xx", b"no gzip at all"):
        whole.write_bytes(damaged)
        with pytest.raises(TraceError, match="compressed data is damaged"):
            read_trace(whole)


def test_a_file_that_is_not_there_or_cannot_be_made_is_an_error_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        read_trace(tmp_path / "nowhere.jsonl")
    with pytest.raises(UsageError, match=r"cannot be read: Is a directory"):
        read_trace(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="cannot be written"):
        write_trace(tmp_path / "file" / "t.jsonl", TRACE.header, TRACE.operations)
