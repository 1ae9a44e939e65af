"""The doctor on this machine, and on machines that lack things."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from controller.cli.main import carry_out
from controller.here import capacity, doctor, kernelfacts, testbed
from controller.here.capacity import Capacity
from controller.here.doctor import Ability, Diagnosis
from controller.here.kernelfacts import Fact


@pytest.fixture(scope="module")
def measured() -> Capacity:
    return capacity.measure(seconds=0.2)


@pytest.fixture(autouse=True)
def measure_once(measured: Capacity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "measure", lambda: measured)


def _row(diagnosis: Diagnosis, what: str) -> Ability:
    return next(row for row in diagnosis.rows if row.what == what)


def test_every_row_is_whole_on_this_machine() -> None:
    diagnosis = doctor.examine()
    names = [row.what for row in diagnosis.rows]
    assert len(names) == len(set(names))
    assert all(row.what and row.found and row.why for row in diagnosis.rows)
    assert set(diagnosis.tiers) == {"container", "sim", "kernel"}
    assert diagnosis.tiers["sim"] == "yes"
    assert _row(diagnosis, "/dev/net/tun").state in ("yes", "no")


def test_a_machine_that_can_send_too_little_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Capacity(send_s=20e-6, judge_s=20e-6, processors=0.2)
    monkeypatch.setattr(capacity, "measure", lambda: busy)
    row = _row(doctor.examine(), "junk")
    assert row.state == "no" and "about 5 kpps" in row.found and "0.2 processors" in row.found
    assert "--set" in row.do and not row.needed


def test_json_and_text_have_the_same_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = carry_out(["doctor", "--json"])
    assert code in (0, 3)
    assert '"rows":[{' in capsys.readouterr().out
    assert carry_out(["doctor"]) == code
    text = capsys.readouterr().out
    assert "NFQUEUE" in text and "tier container: " in text


def test_without_docker_the_container_tier_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    diagnosis = doctor.examine()
    assert _row(diagnosis, "Docker engine").state == "no"
    assert f"unix://{tmp_path}/no.sock" in _row(diagnosis, "Docker engine").found
    assert diagnosis.tiers["container"].startswith("no: Docker engine")
    assert diagnosis.exit_code == 3


def test_a_kernel_without_nfqueue_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelfacts, "nfqueue", lambda: Fact("no", "CONFIG_NETFILTER_NETLINK_QUEUE is not set"))
    monkeypatch.setattr(testbed, "engine_info", lambda: {"KernelVersion": os.uname().release, "MemoryLimit": True})
    diagnosis = doctor.examine()
    assert "NFQUEUE" in diagnosis.tiers["container"]
    assert "NFQUEUE" not in diagnosis.tiers["kernel"]
    assert diagnosis.exit_code == 3


def test_only_guests_need_tap_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelfacts, "tun", lambda: Fact("no", "CONFIG_TUN is not set"))
    monkeypatch.setattr(testbed, "engine_info", lambda: {"KernelVersion": os.uname().release, "MemoryLimit": True})
    diagnosis = doctor.examine()
    assert "/dev/net/tun" in diagnosis.tiers["kernel"]
    assert "/dev/net/tun" not in diagnosis.tiers["container"]


@pytest.mark.parametrize(
    ("machine", "engine", "able"),
    [
        ("x86_64", {}, True),
        ("AMD64", {}, True),
        ("aarch64", {}, False),
        ("x86_64", {"Architecture": "aarch64"}, False),
        ("arm64", {"Architecture": "x86_64"}, True),
    ],
)
def test_guests_need_an_engine_on_x86(
    machine: str, engine: dict[str, object], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    monkeypatch.setattr(testbed, "engine_version", lambda: "26.1")
    monkeypatch.setattr(
        testbed, "engine_info", lambda: {"KernelVersion": os.uname().release, "MemoryLimit": True, **engine}
    )
    diagnosis = doctor.examine()
    row = _row(diagnosis, "x86-64")
    assert row.state == ("yes" if able else "no") and not row.needed
    assert ("x86-64" in diagnosis.tiers["kernel"]) != able
    assert "x86-64" not in diagnosis.tiers["container"]


def test_another_kernels_abilities_are_not_guessed_from_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testbed, "engine_version", lambda: "26.1")
    monkeypatch.setattr(testbed, "compose_version", lambda: "2.26")
    monkeypatch.setattr(testbed, "engine_info", lambda: {"KernelVersion": "6.6-other", "MemoryLimit": True})
    monkeypatch.setattr(testbed, "port_taken", lambda port: False)
    diagnosis = doctor.examine()
    assert _row(diagnosis, "NFQUEUE").state == "unknown"
    assert "6.6-other" in _row(diagnosis, "NFQUEUE").found
    assert diagnosis.tiers["container"] == "yes, if NFQUEUE, iptables NFQUEUE will do"
    assert diagnosis.exit_code == 0


def test_a_port_of_another_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("NETRESERVE_BROKER_PORT", str(port))
        row = _row(doctor.examine(), f"port {port}")
    assert (row.state, row.found) == ("no", "another program listens")
    assert row.do == "set NETRESERVE_BROKER_PORT to a free port in .env"


CONFIGURATIONS = {"y": ("CONFIG_NBD=y", "yes"), "absent": ("# CONFIG_NBD is not set", "no")}


@pytest.mark.parametrize(("line", "state"), CONFIGURATIONS.values(), ids=list(CONFIGURATIONS))
def test_the_kernels_configuration_is_read(line: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelfacts, "_configuration", lambda: f"\n{line}\nCONFIG_NBDX=y\n")
    assert kernelfacts.configured("CONFIG_NBD", "nbd").state == state


def test_an_unreadable_configuration_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelfacts, "_configuration", lambda: None)
    assert kernelfacts.configured("CONFIG_NBD", "nbd").state == "unknown"


def test_what_cannot_be_tried_is_read_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(kernelfacts, "_configuration", lambda: "\nCONFIG_NET_SCH_TBF=y\n")
    assert kernelfacts.qdisc("tbf") == Fact("yes", "CONFIG_NET_SCH_TBF=y")
    assert kernelfacts.qdisc("netem") == Fact("no", "CONFIG_NET_SCH_NETEM is not set")


@pytest.mark.parametrize(("folder", "state"), [(Path("/builds/abc"), "yes"), (None, "no")])
def test_it_says_whether_the_simulator_is_compiled(
    folder: Path | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "in_use", lambda: folder)
    row = _row(doctor.examine(), "compiled code")
    assert row.state == state and not row.needed
    assert ("/builds/abc" in row.found) == (folder is not None) and "nodes.compiled build" in row.do
