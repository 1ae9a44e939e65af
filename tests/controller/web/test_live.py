"""The page of a testbed: a daemon with scripted nodes serves it, and what is done on it is done by the controller."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from livepages import LivePage
from testbeds import SCENARIO, serving, whole_bed
from webpages import Page

from controller.service.daemon import Stage
from controller.web import daemon
from controller.web import live as live_module
from controller.web.controls import CONTROLS
from nodes.errors import UsageError
from nodes.eventkinds import FaultSet


async def test_it_shows_the_testbed_as_it_is_now(live: LivePage) -> None:
    about = (await live.get("/api/about")).json
    assert about["live"] is True and about["can"] == list(CONTROLS)
    assert (await live.get("/health")).json["live"] is True
    view = (await live.get("/api/live")).json
    assert view["id"] == "live" and {node["name"] for node in view["nodes"]} == {"initiator-1", "target-1"}
    messages = await live.hear({"run", "samples"})
    assert messages[0][1] == "run" and messages[0][2]["zero_ns"] == view["zero_ns"]
    recent = messages[1][2]["initiator-1"]
    assert recent["t_ns"] == sorted(recent["t_ns"]) and len(recent["free_pages"]) == len(recent["t_ns"]) > 1


async def test_who_was_cut_off_goes_on_where_it_was(live: LivePage) -> None:
    async def some(**headers: str) -> list[tuple[str, str, Any]]:
        return await live.hear({"samples", "event"}, **headers)

    listening = asyncio.create_task(some())
    await live.post("/api/controls/policy", {"policy": "memalloc"})
    heard = await listening
    seen = next(name for name, _, _ in heard if name)
    again = await live.hear({"samples"}, **{"Last-Event-ID": seen})
    epoch, _, number = seen.rpartition("-")
    assert again[0][0] == f"{epoch}-{int(number) + 1}", "it goes on"
    anew = await live.hear({"samples"}, **{"Last-Event-ID": "of-another-server-9"})
    assert anew[0][1] == "run", "a server that began anew begins anew"


async def test_what_is_done_is_done_by_the_controller_and_read_back(live: LivePage) -> None:
    switched = (await live.post("/api/controls/policy", {"policy": "memalloc"})).json
    assert switched["read_back"] == {"policy": "memalloc"}
    shaped = (await live.post("/api/controls/shape", {"delay": "10 ms", "node": "initiator-1"})).json
    assert shaped["read_back"]["delay_ns"] == 10_000_000
    pulled = await live.post("/api/controls/pull", {"action": "begin", "node": "initiator-1"})
    assert pulled.json["read_back"] == {"cut": True}
    assert (await live.post("/api/controls/pull", {"action": "end"})).json["read_back"] == {"cut": False}
    assert (await live.post("/api/controls/stall", {"action": "begin"})).json["read_back"] == {"stalled": True}
    assert (await live.post("/api/controls/stall", {"action": "end"})).json["read_back"] == {"stalled": False}
    result = await live.bed.result()
    assert result.kind == "adhoc", "what a person does is recorded"
    faults = [event.detail for event in live.bed.record(result.run).events if isinstance(event.detail, FaultSet)]
    assert [(fault.fault, fault.action) for fault in faults] == [
        ("cut", "begin"), ("cut", "end"), ("cut", "end"), ("stalled", "begin"), ("stalled", "end"),
    ]  # fmt: skip
    assert faults[3].concerns == ("initiator-1",)


async def test_a_flood_is_started_and_stopped_through_locust(live: LivePage) -> None:
    started = (await live.post("/api/controls/flood", {"action": "start", "rate": "5 kpps", "time": "20 s"})).json
    assert "running" in started["read_back"]["flood"] and live.bed.locust.rate_pps == 5000
    stopped = (await live.post("/api/controls/flood", {"action": "stop"})).json
    assert stopped["read_back"]["flood"] == "stopped"


async def test_a_run_is_told_from_its_beginning_to_its_result(live: LivePage) -> None:
    listening = asyncio.create_task(live.hear({"run", "samples", "event", "progress", "result"}))
    started = await live.bed.start(SCENARIO)
    messages = await listening
    begun = [data for _, kind, data in messages if kind == "run" and data["id"] == started.run]
    assert begun and begun[0]["testbed"]["run"] == started.run
    result = next(data for _, kind, data in messages if kind == "result")
    assert result["run"] == started.run
    refused = await live.post("/api/controls/stall", {"action": "begin", "node": "target-9"})
    assert refused.status == 400 and "target-9" in refused.error


async def test_nothing_disturbs_a_run_that_records(live: LivePage) -> None:
    await live.bed.start(SCENARIO)
    refused = await live.post("/api/simulations", {"yaml": SCENARIO})
    assert refused.status == 409 and "is being recorded" in refused.error
    refused = await live.post("/api/controls/policy", {"policy": "none"})
    assert refused.status == 400 and "is going on" in refused.error
    await live.bed.result()


@pytest.mark.parametrize(
    ("control", "told", "why"),
    [
        ("policy", {"policy": "memaloc"}, "memalloc"),
        ("policy", {}, "policy"),
        ("shape", {}, "changes nothing"),
        ("shape", {"delay": "10"}, "unit"),
        ("shape", {"loss": "200 %"}, "loss"),
        ("flood", {"rate": "9 Mpps"}, "rate_pps"),
        ("flood", {"action": "begin"}, "action"),
        ("run", {"scenario": "nope"}, "nope"),
        ("run", {"scenario": "classic", "node": "initiator-1"}, "whole testbed"),
        ("flood", {"node": "initiator-1"}, "whole testbed"),
        ("flood", {"sockets": 0}, "sockets"),
        ("rescue", {"wait": "0 s"}, "wait"),
        ("explode", {}, "explode"),
    ],
)
async def test_what_cannot_be_done_is_a_sentence(
    live: LivePage, control: str, told: dict[str, object], why: str
) -> None:
    refused = await live.post(f"/api/controls/{control}", told)
    assert refused.status in (400, 404) and why in refused.error


async def test_what_cannot_be_told_costs_neither_the_page_nor_the_run(
    live: LivePage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def overflows(*_: object) -> object:
        raise OverflowError("int too large")

    listening = asyncio.create_task(live.hear({"run", "result"}))
    with monkeypatch.context() as broken:
        broken.setattr(live_module, "told", overflows)
        await live.bed.start(SCENARIO)
        result = await live.bed.result()
    assert (await listening)[-1][2]["run"] == result.run and result.verdict != "void"
    assert "int too large" in capsys.readouterr().err


async def test_a_page_that_fails_leaves_the_controller_to_its_work(broker: Broker, tmp_path: Path) -> None:
    async def beside(stage: Stage) -> None:
        raise RuntimeError("the page is gone")

    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed, serving(bed.config, beside):
        await bed.settled()
        await bed.start(SCENARIO)
        assert (await bed.result()).kind == "scenario"


def test_a_page_without_a_testbed_says_so(page: Page) -> None:
    for answer in (page.get("/api/live"), page.post("/api/controls/flood"), page.get("/api/stream?run=live")):
        assert answer.status == 404 and "no testbed" in answer.error


def test_where_it_is_served_is_what_the_environment_says() -> None:
    assert daemon.page_of({}) is None
    assert daemon.page_of({"NETRESERVE_PAGE": "127.0.0.0/8:8090"}) is not None
    for wrong in ("8090", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1/99:1", "198.51.100.0/24:8090"):
        with pytest.raises(UsageError, match="NETRESERVE_PAGE"):
            daemon.page_of({"NETRESERVE_PAGE": wrong})
