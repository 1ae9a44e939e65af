"""Events as they are written: every kind as it always was, read back as its own record, and nothing else."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from msgspec import structs

from nodes.eventkinds import KINDS, OutOfMemory
from nodes.messages import Event, decode, encode

EDGE = '{"waiter":"kswapd","resource":"writes answered","need":1,"have":0,"who_frees":"reply","why":"w","source":"s"}'
WRITTEN = {
    "phase": '{"phase":"flood"}',
    "flood_start": '{"kind":"udp","rate_pps":20000,"size_bytes":1400,"targets":["198.18.0.3"],"seconds":20}',
    "flood_stop": '{"users":0,"rps":0.0}',
    "policy": '{"policy":"memalloc","min_free_pages":128}',
    "shape": '{"delay_ns":200000,"cut":false}',
    "fault": '{"fault":"cut","action":"begin","concerns":[]}',
    "node": '{"state":"offline","reason":""}',
    "verdict": '{"verdict":"healthy","sentence":"Healthy."}',
    "rescue": '{"remedy":"policy memalloc","revived":true,"after_ns":4200000000,"error":""}',
    "stall": f'{{"stalled_ns":1100000000,"waits":[{EDGE}],"cycle":[]}}',
    "recovered": '{"stalled_ns":3500000000}',
    "oom": '{"free_pages":0,"min_pages":128,"kind":"modelled"}',
    "corrupt": '{"pages":[7],"generation":2}',
    "io_error": '{"page":7,"write":false,"errno":5}',
    "reconnect": '{"state":"lost","reason":"reset"}',
    "panic": '{"line":"Kernel panic - not syncing"}',
    "autopsy": f'{{"cycle":[{EDGE}],"waits":[],"found":["f"],"missing":[],"unknown":[],"ending":""}}',
    "console": '{"lines":[[1,"ready"]]}',
    "telemetry": '{"lines":[[1,"free=7"]]}',
    "harness": '{"void":"late","harness":true,"exit_code":3}',
}


def line(kind: str, detail: str) -> bytes:
    return f'{{"t_ns":1,"node":"initiator-1","run":"r","kind":"{kind}","detail":{detail}}}'.encode()


def test_there_is_a_line_of_every_kind() -> None:
    assert set(WRITTEN) == set(KINDS)


@pytest.mark.parametrize(("kind", "detail"), WRITTEN.items())
def test_a_line_is_read_as_its_kind_and_written_as_it_was(kind: str, detail: str) -> None:
    event = decode(line(kind, detail), Event)
    assert (type(event.detail), event.kind) == (KINDS[kind], kind)
    assert encode(event) == line(kind, detail)


def test_keys_of_other_versions_are_no_hindrance() -> None:
    event = decode(line("oom", '{"kind":"guest","kills":1,"cgroup":"/x"}'), Event)
    assert event.detail == OutOfMemory(whose="guest", kills=1)


@pytest.mark.parametrize(
    ("kind", "detail", "why"),
    [("earthquake", "{}", "no event of the kind 'earthquake'"), ("fault", '{"fault":7}', "Expected `str`, got `int`")],
)
def test_what_is_no_event_is_refused(kind: str, detail: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        decode(line(kind, detail), Event)


def test_events_within_other_records_are_read_too() -> None:
    events = [decode(line(kind, detail), Event) for kind, detail in WRITTEN.items()]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(events), type=list[Event]) == events
    assert msgspec.json.decode(msgspec.json.encode(events), type=list[Event]) == events
    assert pickle.loads(pickle.dumps(events)) == events
    assert [structs.replace(event, run="q").detail for event in events] == [event.detail for event in events]
