"""`netreserve ui` as a person starts it: a process that serves until Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from clirunner import COMMAND, environment
from webpages import serving

from controller.cli.main import carry_out

WAIT_S = 30


def begun(*words: str, runs: Path) -> tuple[subprocess.Popen[str], str]:
    """The process, and the address that it tells."""
    process = subprocess.Popen(
        [*COMMAND, "ui", "--no-open", "--json", *words],
        env=environment(NETRESERVE_RUNS=str(runs)),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["page"]


def test_a_testbed_that_is_up_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a page with a testbed behind it; what else answers at that port is not taken for one."""
    with serving(tmp_path / "runs") as page:
        monkeypatch.setenv("NETRESERVE_PAGE_PORT", str(page.port))
        monkeypatch.setattr("controller.cli.ui.PORT", page.port)
        monkeypatch.setattr(page.house, "live", object())
        assert carry_out(["ui", "--no-open", "--json"]) == 0
        assert f'"http://127.0.0.1:{page.port}/"' in capsys.readouterr().out
        monkeypatch.setattr(page.house, "live", None)
        assert carry_out(["ui", "--no-open", "--json"]) == 3, "it would serve, and the port is taken"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    process, address = begun("--port", "0", runs=tmp_path)
    with process:
        with urllib.request.urlopen(f"{address}api/runs", timeout=WAIT_S) as answer:
            assert answer.read() == b'{"total":0,"runs":[]}'
        process.send_signal(how)
        assert process.wait(WAIT_S) == 0
    assert list(tmp_path.iterdir()) == [], "it only looked"


def test_beyond_loopback_the_address_has_the_token(tmp_path: Path) -> None:
    process, address = begun("--port", "0", "--host", "0.0.0.0", runs=tmp_path)
    with process:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
        process.terminate()
        assert process.wait(WAIT_S) == 0


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert carry_out(["ui", "--no-open", "--port", str(port), "--runs", str(tmp_path)]) == 3
    assert f"port {port} of 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["no.such.name.invalid", "198.51.100.77"])
def test_a_host_that_is_not_ours_is_told(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["ui", "--no-open", "--host", host, "--port", "0", "--runs", str(tmp_path)]) == 2
    assert host in capsys.readouterr().err
