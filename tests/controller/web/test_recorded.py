"""What is told of recorded runs, and what is said of those that cannot be read."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from clirunner import SCENARIO
from msgspec import structs
from storedruns import stored
from syntheticruns import NODE, SECOND, adhoc, cable_pull, deadlock, healthy
from webpages import Page, serving

from controller.experiment.record import NodeVerdict, Result
from controller.store.folder import INDEX
from controller.web import recorded

RUN = deadlock().result.run


def test_links_in_a_run_folder_are_not_followed(page: Page, tmp_path: Path) -> None:
    folder, secret = next((tmp_path / "runs" / "classic").glob("2*")), tmp_path / "secret"
    secret.write_text("secret")
    (folder / "nodes").mkdir(exist_ok=True)
    for name in ("report.html", "picture.png", "scenario.yaml", "nodes/x.log"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(secret)
    for what in ("/report", "/picture", "/lines", ""):
        assert b"secret" not in page.get(f"/api/runs/latest{what}").body, what


def test_of_logs_the_last_lines_are_told(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = next((tmp_path / "runs" / "classic").glob("2*")) / "nodes"
    nodes.mkdir(exist_ok=True)
    (nodes / "x.log").write_text("a\nb\n" + "c" * 30 + "\n")
    monkeypatch.setattr(recorded, "LINES_MAX", 3)
    monkeypatch.setattr(recorded, "LINE_MAX", 20)
    assert [line["text"] for line in page.get("/api/runs/latest/lines?node=x").json] == ["b", "c" * 20, "c" * 10]


def test_the_list_is_the_newest_first_and_filtered(page: Page, tmp_path: Path) -> None:
    for number, made in enumerate((healthy(), cable_pull(), adhoc())):
        later = structs.replace(made.result, started_ns=made.result.started_ns + (number + 1) * SECOND)
        stored(tmp_path / "runs", structs.replace(made, result=later), run=f"20231114T22132{number + 1}Z-beef")
    listed = page.get("/api/runs").json
    assert listed["total"] == 4
    first = listed["runs"][0]
    assert (first["id"], first["scenario"], first["kind"], first["verdict"]) == (
        "20231114T221323Z-beef", "adhoc", "adhoc", "slow",
    )  # fmt: skip
    assert first["started"] == "2023-11-14T22:13:23Z" and first["sentence"] and first["nodes"] == 1
    for query, found in {
        "verdict=slow": 2,
        "policy=memalloc": 1,
        "scenario=classic": 2,
        "q=DEADLOCK": 1,
        "tier=sim": 0,
    }.items():
        assert page.get(f"/api/runs?{query}").json["total"] == found, query
    second = page.get("/api/runs?limit=1&offset=1").json
    assert second["total"] == 4 and [run["id"] for run in second["runs"]] == [listed["runs"][1]["id"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "colour=red"])
def test_a_list_that_cannot_be_is_refused_with_a_sentence(page: Page, query: str) -> None:
    refused = page.get(f"/api/runs?{query}")
    assert refused.status == 400 and len(refused.error) > 20


def test_before_the_first_run_there_is_an_empty_list(tmp_path: Path) -> None:
    with serving(tmp_path / "nothing") as page:
        assert page.get("/api/runs").json == {"total": 0, "runs": []}
        missing = page.get("/api/runs/latest")
        assert missing.status == 404 and "netreserve run" in missing.error
        assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["nope", "2023", "%00", "..", "%2e%2e", "a" * 5000, "classic%20"])
def test_a_run_that_is_not_there_is_a_sentence(page: Page, name: str, tmp_path: Path) -> None:
    stored(tmp_path / "runs", healthy(), run="20231114T221399Z-beef")  # so that `2023` means two
    for leaf in ("", "/samples", "/events", "/lines", "/report"):
        answer = page.get(f"/api/runs/{name}{leaf}")
        assert answer.status == 404 and answer.error


def test_a_run_is_told_from_its_own_beginning(page: Page, tmp_path: Path) -> None:
    told = page.get("/api/runs/latest").json
    assert told["id"] == told["result"]["run"] == RUN and not told["problem"].startswith("its result")
    assert [(phase["name"], phase["start_ns"] / SECOND) for phase in told["phases"]] == [
        ("warmup", 0), ("flood", 5), ("heal", 25),
    ]  # fmt: skip
    assert [node["name"] for node in told["nodes"]] == [NODE]
    assert told["available"]["report"] is False
    assert page.get("/api/runs/latest/report").status == 404


def test_machines_are_told_as_the_scenario_has_them(tmp_path: Path) -> None:
    stored(tmp_path / "runs", deadlock(), scenario=SCENARIO)
    with serving(tmp_path / "runs") as page:
        told = page.get("/api/runs/latest").json
        assert told["problem"] == "" and told["scenario"] == SCENARIO
        machine = told["nodes"][0]["machine"]
        assert machine["memory_pages"] == 16384 and machine["nic"] == "e1000e" and machine["ring_slots"] > 0
        assert (
            machine["refill_floor_pages"]
            == 96
            < machine["min_pages"]
            == 256
            < machine["low_pages"]
            < machine["high_pages"]
        )
        assert [node["role"] for node in told["nodes"]] == ["initiator", "target"]


def test_samples_are_columns_of_every_field(page: Page) -> None:
    columns = page.get("/api/runs/latest/samples").json[NODE]
    made = deadlock().samples
    assert len(columns["t_ns"]) == len(made) and columns["t_ns"][:2] == [0, 100_000_000]
    for field in ("free_pages", "ring_free_slots", "progress_age_ns", "state", "boost_pages"):
        assert columns[field] == [getattr(sample, field) for sample in made], field
    assert {"node", "run", "tier"}.isdisjoint(columns)
    assert page.get("/api/runs/latest/samples?node=target-9").json == {}


def test_events_have_the_sentence_of_the_report(page: Page) -> None:
    told = page.get("/api/runs/latest/events").json
    assert [event["t_ns"] for event in told] == sorted(event["t_ns"] for event in told)
    flood = next(event for event in told if event["kind"] == "flood_start")
    assert (flood["t_ns"], flood["text"]) == (5 * SECOND, "kind udp, rate_pps 20000")
    stall = next(event for event in told if event["kind"] == "stall")
    assert stall["detail"]["cycle"][0]["waiter"] == "kswapd"


def test_log_lines_have_their_time(page: Page, tmp_path: Path) -> None:
    folder = next((tmp_path / "runs" / "classic").glob("2*"))
    (folder / "nodes").mkdir()
    (folder / "nodes" / f"{NODE}.console.log").write_text("2023-11-14T22:13:21.500000Z oops\n")
    (folder / "nodes" / f"{NODE}.log").write_text("no time\n2023-99-14T22:13:21Z neither\n")
    lines = page.get(f"/api/runs/latest/lines?node={NODE}").json
    assert lines == [
        {"file": f"{NODE}.console.log", "t_ns": 1_500_000_000, "text": "oops"},
        {"file": f"{NODE}.log", "t_ns": None, "text": "no time"},
        {"file": f"{NODE}.log", "t_ns": None, "text": "2023-99-14T22:13:21Z neither"},
    ]
    assert page.get("/api/runs/latest/lines?node=initiator-2").json == []


def test_a_run_that_was_never_closed_says_so_and_shows_what_it_has(tmp_path: Path) -> None:
    stored(tmp_path / "runs", deadlock(), closed=False)
    with serving(tmp_path / "runs") as page:
        line = page.get("/api/runs").json["runs"][0]
        assert line["verdict"] is None and "no result yet" in line["sentence"]
        told = page.get(f"/api/runs/{RUN}").json
        assert "no result yet" in told["problem"]
        assert len(page.get(f"/api/runs/{RUN}/samples").json[NODE]["t_ns"]) == 400


def test_a_result_of_another_schema_is_told(tmp_path: Path) -> None:
    made = deadlock()
    stored(tmp_path / "runs", structs.replace(made, result=structs.replace(made.result, schema=7)))
    with serving(tmp_path / "runs") as page:
        assert "schema 7" in page.get("/api/runs/latest").json["problem"]


@pytest.mark.parametrize("result", ['{"verdict": "sunk"}', "{", '{"run": 1}'])
def test_a_result_that_cannot_be_read_is_told_and_hides_no_other_run(tmp_path: Path, result: str) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock())
    stored(runs, healthy(), run="20231114T221399Z-beef")
    with sqlite3.connect(runs / INDEX) as database:
        database.execute("UPDATE runs SET result = ? WHERE run = ?", (result, RUN))
    with serving(runs) as page:
        assert page.get("/api/runs").json["total"] == 2
        told = page.get(f"/api/runs/{RUN}").json
        assert "another version" in told["problem"] and len(told["nodes"]) == 1
        assert len(page.get(f"/api/runs/{RUN}/samples").json[NODE]["t_ns"]) == 400
        assert page.get("/api/runs/20231114T221399Z-beef").json["problem"].startswith("its machines")


def test_an_index_of_an_older_version_lacks_columns_alone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock())
    with sqlite3.connect(runs / INDEX) as database:
        database.execute("ALTER TABLE samples DROP COLUMN boost_pages")
    with serving(runs) as page:
        columns = page.get("/api/runs/latest/samples").json[NODE]
        assert "boost_pages" not in columns and len(columns["free_pages"]) == 400


@pytest.mark.parametrize("harm", ["DROP TABLE runs", "ALTER TABLE runs DROP COLUMN folder", ""])
def test_an_index_that_is_none_is_told(tmp_path: Path, harm: str) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock())
    if harm:
        with sqlite3.connect(runs / INDEX) as database:
            database.execute(harm)
    else:
        (runs / INDEX).write_bytes(b"not a database at all, and long enough to be looked at" * 40)
    with serving(runs) as page:
        failed = page.get("/api/runs")
        assert failed.status == 500 and str(runs) in failed.error and "Traceback" not in failed.error


def test_a_row_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stored(runs, deadlock())
    (tmp_path / "report.html").write_text("secret")
    with sqlite3.connect(runs / INDEX) as database:
        database.execute("UPDATE runs SET folder = '..'")
    with serving(runs) as page:
        for leaf in ("", "/report", "/lines"):
            answer = page.get(f"/api/runs/latest{leaf}")
            assert answer.status == 404 and "secret" not in answer.body.decode()


def test_figures_of_a_result_are_those_of_the_record(page: Page) -> None:
    made = deadlock().result
    told = page.get("/api/runs/latest").json["result"]
    assert told["verdict"] == made.verdict and told["sentence"] == made.sentence
    assert isinstance(made, Result) and isinstance(made.nodes[0], NodeVerdict)
    assert json.dumps(told["nodes"][0]["cycle"]) == json.dumps([structs.asdict(wait) for wait in made.nodes[0].cycle])
