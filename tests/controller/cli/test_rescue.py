"""`netreserve rescue` against a scripted controller: what is asked, what is printed, what it exits with."""

from __future__ import annotations

import json

import msgspec
import pytest
from scriptedcontroller import RUN, ScriptedController

from controller.api import Failed, Progress, StartRescue
from controller.cli.main import carry_out
from controller.experiment.record import NodeVerdict, Result
from controller.experiment.rescue import REMEDIES, EndFlood, SetMin, SwitchTo
from nodes.config import PolicySpec
from nodes.eventkinds import Rescue
from nodes.units import SECOND_NS

Capture = pytest.CaptureFixture[str]
TOLD = (
    Rescue(remedy="flood stopped", revived=False, after_ns=1, error="no flood was going on"),
    Rescue(remedy="min_free 16 MiB", revived=False, after_ns=60 * SECOND_NS),
    Rescue(remedy="policy memalloc", revived=True, after_ns=4200_000_000),
)
NODE = NodeVerdict(node="initiator-1", verdict="inconclusive", reason="", rescues=TOLD)
RESULT = Result(run=RUN, scenario="rescue", kind="adhoc", exit_code=0, nodes=(NODE,), notes=("a note",))


@pytest.fixture(autouse=True)
def scripted(controller: ScriptedController, person: dict[str, str]) -> ScriptedController:
    waiting = Progress(run=RUN, scenario="rescue", phase="rescue", elapsed_ns=1, expected_ns=2, message="waiting 9 s")
    controller.script = [waiting, msgspec.structs.replace(waiting, result=RESULT, folder=f"rescue/{RUN}")]
    return controller


def test_who_was_revived_by_what_is_shown(scripted: ScriptedController, capsys: Capture) -> None:
    assert carry_out(["rescue"]) == 0
    out = capsys.readouterr().out
    assert "waiting 9 s" in out
    rows = [" ".join(line.split()) for line in out.splitlines() if line.startswith("initiator-1")]
    assert rows == [
        "initiator-1 flood stopped not tried: no flood was going on",
        "initiator-1 min_free 16 MiB not revived in 60 s",
        "initiator-1 policy memalloc revived after 4.2 s",
    ]
    assert "note: a note" in out and f"rescue/{RUN}/report.html" in out
    assert scripted.commands == [StartRescue(remedies=REMEDIES, node="", wait_ns=60 * SECOND_NS)]


def test_only_what_is_asked_for_is_tried(scripted: ScriptedController) -> None:
    words = ["--min-free", "16 MiB", "--policy", "memalloc", "--stop-flood", "--wait", "130 s", "--node", "initiator-1"]
    assert carry_out(["rescue", *words]) == 0
    remedies = (EndFlood(), SwitchTo(policy=PolicySpec(name="memalloc", allocator="srog")), SetMin(min_free_pages=4096))
    assert scripted.commands == [StartRescue(remedies=remedies, node="initiator-1", wait_ns=130 * SECOND_NS)]


@pytest.mark.parametrize("code", [1, 130])
def test_the_exit_code_is_the_results(scripted: ScriptedController, code: int) -> None:
    last = scripted.script[-1]
    scripted.script[-1] = msgspec.structs.replace(last, result=msgspec.structs.replace(RESULT, exit_code=code))
    assert carry_out(["rescue"]) == code


def test_json_lines_end_with_the_result(capsys: Capture) -> None:
    assert carry_out(["rescue", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["started", "progress", "result"]
    assert lines[-1]["result"]["nodes"][0]["rescues"][-1]["revived"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--wait", "10"], "--wait: "),
        (["--min-free", "16"], "--min-free: "),
        (["--min-free", "0 B"], "--min-free: '0 B' is too little memory"),
        (["--policy", "memaloc"], "memalloc"),
    ],
)
def test_bad_options_are_refused_before_anybody_is_asked(
    scripted: ScriptedController, capsys: Capture, words: list[str], message: str
) -> None:
    assert carry_out(["rescue", *words]) == 2
    assert message in capsys.readouterr().err
    assert scripted.commands == []


def test_nobody_to_rescue_is_told(scripted: ScriptedController, capsys: Capture) -> None:
    scripted.refusal = Failed(message="nobody stands still: initiator-1 is running", exit_code=3)
    assert carry_out(["rescue"]) == 3
    assert capsys.readouterr().err == "netreserve: nobody stands still: initiator-1 is running\n"
