"""The main job, end to end: junk starves a machine under one policy, spares it under another, and the record says why."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from composed import ROOT, judged, netreserve

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("testbed")]

RUNS = ROOT / "runs"
LOCUST = "http://127.0.0.1:8089"


def test_classic_hangs_under_none_and_says_why_and_memalloc_revives_it(tmp_path: Path) -> None:
    scenario = tmp_path / "rescued.yaml"
    plain = (ROOT / "scenarios" / "classic.yaml").read_text().replace("heal: 15 s", "heal: 15 s, rescue: 130 s")
    scenario.write_text(f"{plain}rescue: [{{policy: memalloc}}]\n")
    code, result, folder = classic("none", scenario)
    (node,) = result["nodes"]
    assert (code, result["verdict"] in ("deadlocked", "starved")) == (1, True), result["sentence"]
    assert node["cycle"], "the wait-for cycle is named"
    assert result["data"] == "intact"
    assert "<html" in (folder / "report.html").read_text()
    if result["verdict"] == "deadlocked":  # a starved one came back by itself
        (rescue,) = node["rescues"]
        assert rescue["revived"], result["sentence"]


def test_classic_lives_under_memalloc_on_the_reserve() -> None:
    code, result, folder = classic("memalloc")
    assert (code, result["verdict"] in ("healthy", "slow")) == (0, True), result["sentence"]
    assert all(check["met"] for check in result["checks"]), result["checks"]
    assert result["nodes"][0]["reserve_used_pages"] > 0
    assert result["data"] == "intact"
    assert (folder / "samples.csv").stat().st_size > 10_000


def test_a_flood_by_hand_and_a_switch_by_hand_are_recorded_both() -> None:
    netreserve("policy", "set", "none")
    wait_for(lambda: not json.loads(said("ps", "--json"))["run"], "no run going on", 60)
    before = adhoc_runs()
    asked = {"user_count": "2", "spawn_rate": "2", "kind": "udp", "rate": "20 kpps", "seconds": "12"}
    assert post(f"{LOCUST}/swarm", asked)["success"] is True
    wait_for(lambda: json.loads(said("ps", "--json"))["run"] != "", "a run of its own", 10)
    said("policy", "set", "memalloc")
    wait_for(lambda: any((folder / "result.json").exists() for folder in adhoc_runs() - before), "the run's end", 180)
    (folder,) = adhoc_runs() - before
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    told = [event["kind"] for event in events if event["kind"] in ("flood_start", "policy", "flood_stop")]
    assert told[0] == "flood_start" and told[-1] == "flood_stop" and "policy" in told[1:-1], told
    assert json.loads((folder / "result.json").read_bytes())["kind"] == "adhoc"


def classic(policy: str, scenario: Path | str = "classic") -> tuple[int, dict[str, Any], Path]:
    """Exit code, result and folder of the classic scenario under `policy`."""
    code, last = judged(scenario, policy)
    return code, last["result"], Path(last["report"]).parent


def said(*arguments: str) -> str:
    done = netreserve(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def adhoc_runs() -> set[Path]:
    return {path for path in RUNS.glob("adhoc/*") if path.is_dir() and not path.is_symlink()}


def post(url: str, fields: dict[str, str]) -> dict[str, Any]:
    with urllib.request.urlopen(url, urllib.parse.urlencode(fields).encode(), timeout=10) as answer:
        return dict(json.load(answer))


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
