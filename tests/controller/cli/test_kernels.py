"""`netreserve kernels` as a person uses it: run, kill, go on, look; and what it says of what cannot be tried."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clirunner import ROOT
from scriptedchild import WAIT, calls, starter
from smallscenario import SMALL

from controller.cli.main import carry_out
from controller.studies import child

Capture = pytest.CaptureFixture[str]
Script = Callable[[dict[str, Any]], None]
DEADLINE_S = 20.0


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    def use(told: dict[str, Any]) -> None:
        monkeypatch.setattr(child, "STARTER", starter(tmp_path / "child", told))

    return use


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    nics = ["--nic", "e1000e,rtl8139", "--policy", "none,memalloc"]
    return ["kernels", str(file), "--tier", "sim", "--runs", str(tmp_path / "runs"), *nics]


def test_from_the_command_to_the_picture(words: list[str], script: Script, tmp_path: Path, capsys: Capture) -> None:
    script({"*": "healthy", "e1000e/none": "deadlocked"})
    assert carry_out([*words, "--repeat", "2", "--page", str(tmp_path / "page.md")]) == 0
    said = capsys.readouterr()
    assert "deadlocked 2/2" in said.out and "stands since 0.4 s" in said.out and "no receive buffer 300" in said.out
    assert "kswapd waits for a reply, which the card must give" in said.out
    assert "8/8  small: default kernel, rtl8139, memalloc #2 ..." in said.err
    folder = tmp_path / "runs" / "kernels"
    assert (folder / "matrix-sim.png").read_bytes().startswith(b"\x89PNG") and (folder / "matrix.html").is_file()
    assert "| default kernel | e1000e | deadlocked 2/2<br>" in (tmp_path / "page.md").read_text()
    assert len(calls(tmp_path / "child")) == 8


def test_nothing_is_run_twice_and_more_is_added(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy"})
    assert carry_out(words) == 0 and carry_out(words) == 0
    assert len(calls(tmp_path / "child")) == 4
    assert carry_out([*words, "--repeat", "2", "--json"]) == 0
    assert len(calls(tmp_path / "child")) == 8
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["kind"] for line in lines] == ["started", *(["phase", "trial"] * 4), "result"]
    assert lines[0]["done"] == 4 and lines[-1]["cells"][0]["told"] == "healthy 2/2"
    assert carry_out([*words, "--fresh"]) == 0
    assert len(calls(tmp_path / "child")) == 12


def test_a_card_without_a_driver_is_told_in_its_cell_and_tried_twice(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    lacking = "refused 3: no driver for rtl8139"
    script({"*": "healthy", "rtl8139/none": lacking})
    assert carry_out([*words, "--repeat", "3"]) == 0
    assert "cannot: no driver for rtl8139" in capsys.readouterr().out
    assert [call for call in calls(tmp_path / "child") if "rtl8139/none" in call] == [
        "sim/rtl8139/none/0",
        "sim/rtl8139/none/1",
    ]


def test_a_name_that_no_kernel_has_is_an_error_with_those_that_there_are(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    said = "there is no kernel trixy in /vm: there are bookworm-amd64, trixie-amd64"
    script({"*": f"refused 2: {said}"})
    words = [*words[:1], str(ROOT / "scenarios" / "kernel-tcp.yaml"), "--tier", "kernel", *words[4:]]
    assert carry_out([*words, "--kernel", "trixy", "--repeat", "3"]) == 2
    assert f"netreserve: --kernel: {said}\n" in capsys.readouterr().err
    assert len(calls(tmp_path / "child")) == 8
    assert carry_out([*words, "--kernel", "trixy"]) == 2
    assert len(calls(tmp_path / "child")) == 8


def test_a_guest_that_was_not_ready_in_time_leaves_its_place_undecided(
    words: list[str], script: Script, tmp_path: Path
) -> None:
    late = "initiator-1 cannot be what was asked: the guest (6.12.57) did not start: it was not ready after 60 s"
    script({"*": "healthy", "e1000e/none": f"inconclusive 5: {late}"})
    assert carry_out([*words, "--repeat", "2"]) == 5
    script({"*": "healthy"})
    assert carry_out([*words, "--repeat", "2", "--again"]) == 0


def test_trials_that_prove_nothing_make_it_inconclusive_until_they_are_tried_again(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy", "e1000e/none": "inconclusive: pressure was not reached"})
    assert carry_out(words) == 5 and carry_out(words) == 5
    said = capsys.readouterr()
    assert "pressure was not reached" in said.out and "5/5  small: default kernel, e1000e, none #2 ..." in said.err
    assert len(calls(tmp_path / "child")) == 5, "one more for the one that proved nothing, and no third"
    script({"*": "healthy"})
    assert carry_out([*words, "--again"]) == 0
    assert len(calls(tmp_path / "child")) == 6


def test_a_trial_that_proves_nothing_is_made_up_for(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy", "e1000e/none": ["inconclusive: held up", "deadlocked"]})
    assert carry_out([*words, "--repeat", "2", "--json"]) == 0
    *_, result = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    (cell,) = (c for c in result["cells"] if (c["place"]["nic"], c["place"]["policy"]) == ("e1000e", "none"))
    assert (cell["told"], cell["void"], len(cell["trials"])) == ("deadlocked 2/2, 2 void", 2, 4)
    assert cell["lived"]["hits"] == 0 and cell["lived"]["of"] == 2
    assert cell["lived"]["interval"] == pytest.approx([0, 0.658], abs=0.001)


def test_how_long_it_will_take_is_told_as_soon_as_it_is_known(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy"})
    assert carry_out(words) == 0
    first = capsys.readouterr().err
    assert "how long it will take is known after the first trial" in first and "1/4  small: default kernel" in first
    assert "... (unknown left)" in first and first.count("... (about ") == 3
    assert carry_out([*words, "--repeat", "3"]) == 0
    assert re.search(
        r"8 to carry out, about \d+ s \(by the trials measured here\), until \d\d:\d\d on", capsys.readouterr().err
    )
    assert carry_out([*words, "--repeat", "3", "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert json.loads(said[0])["expected_s"] == 0


def test_what_hinders_a_run_is_not_recorded(words: list[str], script: Script, tmp_path: Path, capsys: Capture) -> None:
    script({"*": "exit 3: no Docker engine"})
    assert carry_out(words) == 3
    assert "not one trial could be carried out: no Docker engine" in capsys.readouterr().err
    script({"*": "healthy", "e1000e/none": "exit 6: the broker went away"})
    assert carry_out(words) == 5
    assert (
        "could not be carried out, and is not recorded: 1 of the trials: the broker went away"
        in capsys.readouterr().err
    )
    script({"*": "healthy"})
    assert carry_out(words) == 0


def test_an_interrupted_matrix_goes_on_where_it_was(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy", "rtl8139/none": WAIT})

    def interrupt() -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not (tmp_path / "child" / "waiting").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert carry_out(words) == 130
    thread.join()
    assert "2 trials are kept" in capsys.readouterr().err and (tmp_path / "child" / "interrupted").exists()
    assert carry_out(["kernels", "show", "--runs", str(tmp_path / "runs")]) == 0
    assert "healthy 1/1" in capsys.readouterr().out
    script({"*": "healthy"})
    assert carry_out(words) == 0
    assert len(calls(tmp_path / "child")) == 5, "two before, the interrupted one, two after"


def test_what_is_asked_wrongly_is_told_before_anything_runs(
    words: list[str], script: Script, tmp_path: Path, capsys: Capture
) -> None:
    script({"*": "healthy"})
    assert carry_out([*words, "--nic", "e1000x"]) == 2
    assert carry_out([*words, "--policy", "memaloc"]) == 2
    assert carry_out([*words, "--tier", "simm"]) == 2
    assert carry_out([*words, "--nic", ","]) == 2
    twin = tmp_path / "twin.yaml"
    twin.write_text(SMALL)
    assert carry_out([*words[:2], str(twin), *words[2:]]) == 2
    said = capsys.readouterr().err
    assert said.count("did you mean") == 3 and "the same name" in said and "names nothing" in said
    assert carry_out(["kernels", "show", str(tmp_path)]) == 2
    assert not calls(tmp_path / "child")
