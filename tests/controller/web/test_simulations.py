"""Simulations from the page: told as they go, recorded as by `netreserve run`, forked, and ended with the server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import quickdrawer
from smallscenario import SMALL
from storedruns import stored
from syntheticruns import deadlock
from webpages import SAME, Page, serving

from controller.experiment.scenario import parse
from controller.simulated.local import run_here
from controller.store import drawing
from controller.web import simulations, worker
from controller.web.answers import BODY_BYTES_MAX
from controller.web.tasks import Said, Task
from nodes.errors import InconclusiveError

QUICK = (
    "from controller.store import drawing; from controller.web.simulator import main;"
    f"drawing.DRAWER = {quickdrawer.COMMAND}; main()"
)
T_NS = 4_350_000_000


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A server without runs, whose simulations draw quickly."""
    monkeypatch.setattr(worker, "SIMULATOR", (sys.executable, "-c", QUICK))
    monkeypatch.setattr(drawing, "DRAWER", quickdrawer.COMMAND)
    with serving(tmp_path / "runs") as page:
        yield page


def begun(page: Page, **told: object) -> str:
    """The id of a simulation of `small`."""
    answer = page.post("/api/simulations", {"yaml": SMALL, **told}, **SAME)
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


def heard(page: Page, run: str, **headers: str) -> list[tuple[str, str, Any]]:
    """The id, kind and data of every message of its stream, to the end."""
    answer = page.get(f"/api/stream?run={run}", Accept="text/event-stream", **headers)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream"), answer.body
    found = []
    for block in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def of(messages: list[tuple[str, str, Any]], kind: str) -> list[Any]:
    return [data for _, found, data in messages if found == kind]


def test_a_body_of_any_size_is_not_kept(bench: Page) -> None:
    refused = bench.post("/api/simulations", {"yaml": "#" * (BODY_BYTES_MAX + 1)})
    assert refused.status == 413 and "more than 1 MiB" in refused.error
    nested = bench.post("/api/simulations", b"[" * 100_000)
    assert nested.status == 400 and "/api/simulations" in nested.error


def test_what_nobody_foresaw_is_told_and_leaves_nothing_waiting(bench: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_task: Task) -> AsyncIterator[Said]:
        raise RuntimeError("torn")
        yield

    monkeypatch.setattr(simulations, "spoken", broken)
    run = begun(bench)
    messages = heard(bench, run)
    bench.house.simulations.require_none()
    monkeypatch.setattr(bench.house.simulations.find(run).journal, "over", False)
    with pytest.raises(InconclusiveError, match=f"simulation {run} goes on"):
        bench.house.simulations.require_none()
    assert [kind for _, kind, _ in messages] == ["run", "failed"] and "RuntimeError" in messages[-1][2]["error"]
    monkeypatch.undo()


def test_it_is_told_as_it_goes_and_recorded_as_a_run_is(bench: Page, tmp_path: Path) -> None:
    run = begun(bench)
    messages = heard(bench, run)
    first = of(messages, "run")[0]
    assert (first["id"], first["state"], first["result"]["policy"]) == (run, "simulating", "none")
    assert [phase["name"] for phase in first["phases"]] == ["warmup", "flood", "heal"]
    assert first["floods"][0]["start_ns"] == 4_000_000_000 and first["nodes"][0]["machine"]["memory_pages"] == 2048
    done = [progress["done_ns"] for progress in of(messages, "progress")]
    assert done == sorted(done) and len(done) > 7
    assert [kind for _, kind, _ in messages][-1] == "result" and messages[-1][0] == "end"
    assert [number for number, _, _ in messages[:-1]] == [str(number) for number in range(len(messages) - 1)]

    whole = bench.get(f"/api/runs/{run}/samples").json
    streamed: dict[str, dict[str, list[Any]]] = {}
    for batch in of(messages, "samples"):
        for node, columns in batch.items():
            for field, values in columns.items():
                streamed.setdefault(node, {}).setdefault(field, []).extend(values)
    assert streamed == whole
    events = bench.get(f"/api/runs/{run}/events").json
    assert of(messages, "event") == [event for event in events if event["kind"] != "verdict"]

    told = bench.get(f"/api/runs/{run}").json
    assert told["state"] == "recorded" and told["problem"] == "" and told["result"] == of(messages, "result")[0]
    here = run_here(parse(SMALL), tmp_path / "other")
    there = tmp_path / "runs" / "small" / run
    for name in ("samples.csv", "events.jsonl", "scenario.yaml"):
        assert (there / name).read_bytes() == (here.folder / name).read_bytes(), name
    assert (there / "report.html").is_file() and bench.get("/api/runs").json["total"] == 1


def test_settings_are_those_of_the_command_line(bench: Page) -> None:
    run = begun(bench, policy="memalloc", seed=3, set={"phases.flood": "1 s"})
    result = of(heard(bench, run), "result")[0]
    assert (result["policy"], result["seed"], result["verdict"]) == ("memalloc+slab", 3, "healthy") or result[
        "seed"
    ] == 3
    assert bench.get(f"/api/runs/{run}").json["phases"][2]["start_ns"] == 5_000_000_000


def test_a_fork_is_the_same_until_its_moment(bench: Page) -> None:
    run = begun(bench)
    heard(bench, run)
    forked = bench.post(f"/api/runs/{run}/fork", {"t_ns": T_NS, "policy": "memalloc"})
    assert forked.status == 202 and forked.json["forked_from"] == run and forked.json["t_ns"] == T_NS
    branch = forked.json["id"]
    messages = heard(bench, branch)
    assert of(messages, "run")[0]["fork"] == {"forked_from": run, "t_ns": T_NS, "change": "policy memalloc"}
    assert bench.get(f"/api/runs/{branch}").json["fork"]["forked_from"] == run
    one, other = (bench.get(f"/api/runs/{name}/samples").json["initiator-1"] for name in (run, branch))
    until = sum(t_ns < T_NS for t_ns in one["t_ns"])
    for field in one:
        assert one[field][:until] == other[field][:until], field
    assert one != other
    again = bench.post(f"/api/runs/{branch}/fork", {"t_ns": T_NS, "flood": "stop"})
    assert again.status == 202 and of(heard(bench, again.json["id"]), "result"), "a fork can be forked"


def test_a_listener_who_was_cut_off_misses_nothing(bench: Page) -> None:
    run = begun(bench)
    whole = heard(bench, run)
    half = len(whole) // 2
    assert heard(bench, run, Last_Event_ID=whole[half][0]) == whole[half + 1 :]
    assert bench.get(f"/api/stream?run={run}", Last_Event_ID="end").status == 204
    both: list[list[Any]] = []
    threads = [threading.Thread(target=lambda: both.append(heard(bench, run))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both == [whole] * 3


def test_a_recorded_run_is_streamed_as_what_it_is(page: Page) -> None:
    messages = heard(page, "latest")
    assert [kind for _, kind, _ in messages] == ["run", "result"]
    assert messages[0][2]["state"] == "recorded" and messages[1][2]["verdict"] == "deadlocked"


@pytest.mark.parametrize(
    ("told", "status", "why"),
    [
        ({}, 400, "scenario"),
        ({"scenario": "tiny", "yaml": SMALL}, 400, "not both"),
        ({"scenario": "tyni"}, 404, "tiny"),
        ({"scenario": "../tiny"}, 404, "gallery"),
        ({"scenario": "tiny", "policy": "memaloc"}, 400, "memalloc"),
        ({"scenario": "tiny", "set": {"floods.9.rate": "1k"}}, 400, "floods"),
        ({"scenario": "tiny", "seed": -1}, 400, "seed"),
        ({"yaml": "a: [1"}, 400, ""),
        ({"yaml": SMALL, "colour": 1}, 400, "colour"),
        (b"\xff", 400, "body"),
        (b"[" * 10_000, 400, "body"),
    ],
)
def test_what_cannot_be_simulated_is_told(page: Page, told: object, status: int, why: str) -> None:
    refused = page.post("/api/simulations", told)
    assert refused.status == status and why in refused.error, refused.body
    assert page.get("/api/runs").json["total"] == 1


def test_a_run_of_another_tier_cannot_be_forked_or_gone_through_again(page: Page) -> None:
    for answer in (
        page.post("/api/runs/latest/fork", {"t_ns": T_NS, "policy": "none"}),
        page.get("/api/runs/latest/closeup?from_ns=0&to_ns=10&step_ns=1"),
    ):
        assert answer.status == 422 and "tier container" in answer.error
    assert page.post("/api/runs/nope/fork", {"t_ns": 1}).status == 404


def test_a_close_up_is_columns_and_waits(bench: Page) -> None:
    run = begun(bench)
    assert bench.get(f"/api/runs/{run}").json["id"] == run, "also while it is simulated"
    span = f"from_ns={T_NS}&to_ns={T_NS + 20_000_000}&step_ns=1000000"
    seen = bench.get(f"/api/runs/{run}/closeup?{span}").json
    assert seen["step_ns"] == 1_000_000
    times = seen["columns"]["initiator-1"]["t_ns"]
    assert times[0] == T_NS and {b - a for a, b in pairwise(times)} == {1_000_000}
    assert {"t_ns", "node", "waits", "cycle"} == set(seen["waits"][0])
    wrong_ones = (
        "from_ns=1",
        "from_ns=a&to_ns=2&step_ns=1",
        "from_ns=5&to_ns=2&step_ns=1",
        "from_ns=0&to_ns=9000&step_ns=1",
    )
    for wrong in wrong_ones:
        refused = bench.get(f"/api/runs/{run}/closeup?{wrong}")
        assert refused.status == 400 and "close-up" in refused.error


def test_a_simulation_that_dies_says_so(bench: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SIMULATOR", (sys.executable, "-c", "import sys; sys.exit('no more memory')"))
    assert of(heard(bench, begun(bench)), "failed") == [{"error": "the simulation failed: no more memory"}]


def test_what_goes_on_ends_with_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SIMULATOR", (sys.executable, "-c", "import time; time.sleep(600)"))
    ended: list[Any] = []
    with serving(tmp_path / "runs") as page:
        run = begun(page)
        listener = threading.Thread(target=lambda: ended.append(heard(page, run)))
        listener.start()
        while not page.house.simulations.find(run).journal.listeners:  # type: ignore[union-attr]
            assert listener.is_alive()
    listener.join(10)
    assert [kind for _, kind, _ in ended[0]] == ["run"], "the stream was closed, without a last message"


def test_too_many_at_once_are_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SIMULATOR", (sys.executable, "-c", "import time; time.sleep(600)"))
    monkeypatch.setattr("controller.web.simulations.WAITING_MAX", 2)
    begun(page), begun(page)
    refused = page.post("/api/simulations", {"yaml": SMALL})
    assert refused.status == 503 and "2 simulations are under way" in refused.error


def test_two_runs_are_apart(bench: Page, tmp_path: Path) -> None:
    stored(tmp_path / "runs", deadlock())
    first, second = begun(bench), begun(bench, policy="memalloc")
    assert of(heard(bench, first), "result")[0]["policy"] == "none"
    assert of(heard(bench, second), "result")[0]["policy"] != "none"
    assert bench.get("/api/runs").json["total"] == 3
