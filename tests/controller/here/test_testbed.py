"""The compose project: what keeps it from coming up is said in one sentence, and a real small one comes up and goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controller.here import testbed
from controller.here.testbed import ComposeError, Container, Testbed
from nodes.errors import LackingError, UsageError

COMPOSE = """\
name: cli-testbed-{pid}
services:
  broker:
    image: debian:trixie-slim
    command: sleep 60
    init: true
    ports: ["127.0.0.1:{port}:1883"]
  controller: {{image: "debian:trixie-slim", command: sleep 60, init: true}}
  docker-proxy: {{image: "debian:trixie-slim", command: sleep 60, init: true}}
  locust-master: {{image: "debian:trixie-slim", command: sleep 60, init: true}}
  locust-worker: {{image: "debian:trixie-slim", command: sleep 60, init: true}}
  initiator: {{image: "debian:trixie-slim", command: sleep 60, init: true}}
networks:
  default:
    ipam: {{config: [{{subnet: 198.19.237.0/28}}]}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "compose").mkdir()
    (tmp_path / "compose" / "compose.yaml").write_text("services: {}\n")
    return tmp_path


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Puts a `docker` that does what a shell text says in front of the PATH."""

    def install(text: str) -> None:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    yield install


def test_the_root_is_the_present_folder_else_the_packages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert testbed.find_root(root) == root
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert testbed.find_root(elsewhere) == Path(testbed.__file__).resolve().parents[2]


def test_settings_are_env_file_then_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".env").write_text('# ports\nNETRESERVE_BROKER_PORT=1884\nNETRESERVE_LOCUST_PORT="8090"\n')
    monkeypatch.setenv("NETRESERVE_BROKER_PORT", "1885")
    values = testbed.settings(root)
    assert testbed.port_of("NETRESERVE_BROKER_PORT", values) == 1885
    assert testbed.port_of("NETRESERVE_LOCUST_PORT", values) == 8090
    assert testbed.port_of("NETRESERVE_LOCUST_PORT", {}) == 8089


@pytest.mark.parametrize("text", ["0", "65536", "-1", "mqtt"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(LackingError, match=f"NETRESERVE_BROKER_PORT is '{text}'"):
        testbed.port_of("NETRESERVE_BROKER_PORT", {"NETRESERVE_BROKER_PORT": text})


UNREACHABLE = {
    "daemon": (
        "echo 'Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?' >&2; exit 1",
        "no Docker engine answers on this machine: start it",
    ),
    "rights": (
        "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
        "this user may not use the Docker engine: add it to the group 'docker'",
    ),
    "other": ("echo 'Error response from daemon: strange' >&2; exit 1", "Error response from daemon: strange"),
    "compose": (
        "[ $1 = version ] && echo 26.1 && exit; echo \"docker: 'compose' is not a docker command.\" >&2; exit 1",
        "docker has no compose v2 plugin",
    ),
}


@pytest.mark.parametrize(("script", "message"), UNREACHABLE.values(), ids=list(UNREACHABLE))
def test_each_reason_has_its_own_sentence(root: Path, docker: object, script: str, message: str) -> None:
    assert callable(docker)
    docker(script)
    with pytest.raises(LackingError, match=message) as caught:
        Testbed(root).check()
    assert "\n" not in str(caught.value)


def test_no_docker_program(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LackingError, match="the program 'docker' is not installed"):
        Testbed(root).check()


def test_a_wrong_docker_host_is_named(root: Path, docker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(docker)
    docker("echo 'unable to parse docker host `nonsense`' >&2; exit 1")
    monkeypatch.setenv("DOCKER_HOST", "nonsense")
    with pytest.raises(LackingError, match="DOCKER_HOST=nonsense: correct or unset DOCKER_HOST"):
        Testbed(root).check()


def test_a_failure_is_one_line_and_keeps_its_tail(root: Path, docker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(docker)
    for name in testbed.PORTS:
        monkeypatch.setenv(name, str(_free()))
    docker(
        "case $2 in version) echo 2.26;; ps) ;; up) echo Network ok; echo 'service broker failed to build: boom'; exit 17;; "
        "*) echo 26.1;; esac"
    )
    heard: list[str] = []
    with pytest.raises(ComposeError) as caught:
        Testbed(root, heard.append).up({})
    assert str(caught.value) == "docker compose up failed: service broker failed to build: boom"
    assert caught.value.tail == tuple(heard) == ("Network ok", "service broker failed to build: boom")
    assert caught.value.exit_code == 6


def build_of(code: int) -> str:
    """What docker compose prints when a kernel cannot be prepared."""
    return f"""\
#15 [kernels 4/4] RUN apt-get -qq update && /opt/venv/bin/python -m nodes.kernel.image build trixie-foo
#15 12.34 netreserve: Debian trixie has no kernel foo (or run apt-get update first)
#15 ERROR: process "/bin/sh -c apt-get -qq update" did not complete successfully: exit code: {code}
------
 > [kernels 4/4] RUN apt-get -qq update && /opt/venv/bin/python -m nodes.kernel.image build trixie-foo:
12.34 netreserve: Debian trixie has no kernel foo (or run apt-get update first)
------
target kernel-initiator: failed to solve: process "/bin/sh -c apt-get" did not complete successfully: exit code: {code}
"""


NO_TUN = """\
 Container netreserve-kernel-initiator-1  Starting
Error response from daemon: error gathering device information while adding custom device "/dev/net/tun": no such file \
or directory
"""
NO_KVM = NO_TUN.replace("net/tun", "kvm")
NO_KERNEL = "Debian trixie has no kernel foo (or run apt-get update first)"


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (NO_TUN, LackingError, "/dev/net/tun is missing on the engine's machine: modprobe tun there"),
        (NO_KVM, ComposeError, f"docker compose up failed: {NO_KVM.splitlines()[-1]}"),
        (build_of(2), UsageError, NO_KERNEL),
        (build_of(3), LackingError, NO_KERNEL),
        (build_of(6), ComposeError, f"docker compose up failed: {NO_KERNEL}"),
        (
            build_of(3).replace("netreserve: ", "E: "),
            ComposeError,
            f"docker compose up failed: {build_of(3).splitlines()[-1]}",
        ),
    ],
    ids=["no tun", "another device", "asked wrongly", "lacking", "failed", "another's words"],
)
def test_what_the_kernel_tier_lacks_is_told_in_our_words(
    root: Path, docker: object, monkeypatch: pytest.MonkeyPatch, output: str, kind: type[Exception], message: str
) -> None:
    assert callable(docker)
    (root / "output").write_text(output)
    docker("case $2 in ps) ;; up) cat $PWD/output; exit 1;; *) echo 26.1;; esac")
    monkeypatch.setattr(testbed, "port_taken", lambda port: False)
    with pytest.raises(kind) as caught:
        Testbed(root).up({testbed.GUESTS: 1})
    assert (type(caught.value), str(caught.value)) == (kind, message)


def test_a_port_of_another_program_is_refused_before_anything_starts(
    root: Path, docker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(docker)
    docker("case $2 in ps) ;; up) echo started >> $PWD/started;; *) echo 26.1;; esac")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("NETRESERVE_BROKER_PORT", str(port))
        monkeypatch.setenv("NETRESERVE_LOCUST_PORT", str(_free()))
        with pytest.raises(LackingError, match=f"port {port} on 127.0.0.1 is taken by another program") as caught:
            Testbed(root).up({"initiator": 1})
    assert "NETRESERVE_BROKER_PORT" in str(caught.value)
    assert not (root / "started").exists()


@pytest.mark.parametrize("form", ["{one}\n{two}\n", "[{one},{two}]\n"], ids=["a line each", "one list"])
def test_both_forms_of_compose_ps_are_read(root: Path, docker: object, form: str) -> None:
    one = '{"Service":"broker","Name":"n-broker-1","State":"running","Health":"healthy","Publishers":[{"PublishedPort":18}]}'
    two = '{"Service":"target","Name":"n-target-1","State":"exited","Health":"","Publishers":null}'
    (root / "ps.json").write_text(form.format(one=one, two=two))
    assert callable(docker)
    docker(f"cat {root}/ps.json")
    assert Testbed(root).containers() == (
        Container("broker", "n-broker-1", "running", "healthy", frozenset({18})),
        Container("target", "n-target-1", "exited", "", frozenset()),
    )


def test_guests_are_asked_for_by_their_profile_and_always_taken_down(
    root: Path, docker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(docker)
    docker(
        "case $2 in version) echo 2.26;; up|down) echo $2 $COMPOSE_PROFILES $NETRESERVE_KVM_DEVICE >> $PWD/asked;; "
        "*) echo 26.1;; esac"
    )
    monkeypatch.setattr(testbed, "port_taken", lambda port: False)
    monkeypatch.setattr(Testbed, "containers", lambda self: ())
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    ours = Testbed(root)
    ours.up({"initiator": 2})
    monkeypatch.setattr(testbed.kvm, "speed", lambda: "hardware")
    ours.up({testbed.GUESTS: 1})
    monkeypatch.setattr(testbed.kvm, "speed", lambda: "there is no /dev/kvm")
    monkeypatch.setenv("COMPOSE_PROFILES", "mine")
    ours.up({testbed.GUESTS: 1})
    ours.down()
    asked = [line.split() for line in (root / "asked").read_text().splitlines() if line.startswith(("up", "down"))]
    assert asked == [["up"], ["up", "kernel", "/dev/kvm"], ["up", "mine,kernel"], ["down", "mine,kernel"]]


SICK = (
    "case $2 in version) echo 2.26;; ps) cat $PWD/ps.json;; up) echo up >> $PWD/asked;"
    " if [ -e $PWD/sick ]; then echo 'container n-broker-1 is unhealthy'; exit 1; fi;; *) echo 26.1;; esac"
)


def test_a_container_that_is_marked_unhealthy_though_all_is_well_is_waited_for(
    root: Path, docker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docker compose gives up on it at once."""
    assert callable(docker)
    docker(SICK)
    (root / "sick").touch()
    monkeypatch.setattr(testbed, "port_taken", lambda port: False)
    said: list[str] = []
    seconds: list[float] = []

    def health(word: str) -> None:
        (root / "ps.json").write_text(f'{{"Service":"broker","Name":"n-broker-1","State":"running","Health":"{word}"}}')

    def sleep(more: float) -> None:
        seconds.append(more)
        if len(seconds) == 3:
            health("healthy")
            (root / "sick").unlink()

    monkeypatch.setattr(testbed, "sleep", sleep)
    monkeypatch.setattr(testbed, "monotonic", lambda: sum(seconds))
    health("unhealthy")
    Testbed(root, said.append).up({})
    assert (root / "asked").read_text() == "up\nup\n"
    assert "n-broker-1: marked unhealthy, waited for 60 s more at most" in said
    health("unhealthy")
    (root / "sick").touch()
    seconds[:] = [0.0] * 3
    with pytest.raises(ComposeError, match="unhealthy"):
        Testbed(root).up({})
    assert sum(seconds) == pytest.approx(testbed.HEALTH_PATIENCE_S)


@pytest.mark.parametrize(
    ("sick", "ready"),
    [("", True), ("broker", False), ("locust-worker", False), ("locust-master", False), ("docker-proxy", False)],
)
def test_a_testbed_is_ready_when_all_its_parts_are(
    monkeypatch: pytest.MonkeyPatch, root: Path, sick: str, ready: bool
) -> None:
    names = [*testbed.PARTS, "locust-worker", "initiator", "target"]
    found = [Container(name, f"n-{number}", "running", "healthy", frozenset()) for number, name in enumerate(names)]
    found.append(Container(testbed.ONE_SHOT, "n-9", "exited", "", frozenset()))
    dead = next((c for c in found if c.service == sick), None)
    if dead is not None:
        found[found.index(dead)] = Container(dead.service, dead.name, "exited", "", frozenset())
    monkeypatch.setattr(Testbed, "containers", lambda self: tuple(found))
    assert Testbed(root).ready({"initiator": 1, "target": 1}) is ready


@pytest.mark.docker
def test_a_real_project_comes_up_once_and_goes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in testbed.PORTS:
        monkeypatch.setenv(name, str(_free()))
    port = testbed.port_of("NETRESERVE_BROKER_PORT", testbed.settings(root))
    monkeypatch.setenv("COMPOSE_FILE", "compose/compose.yaml")
    (root / "compose" / "compose.yaml").write_text(COMPOSE.format(pid=os.getpid(), port=port))
    ours = Testbed(root)
    try:
        assert not ours.ready({"initiator": 1})
        ours.up({"initiator": 2})
        assert ours.ready({"initiator": 2}) and not ours.ready({"initiator": 3})
        assert {port} == frozenset().union(*(c.ports for c in ours.containers()))
        ours.up({"initiator": 1}, shrink=False)  # its own port does not stand in its way
        assert ours.ready({"initiator": 2})
    finally:
        ours.down(volumes=True)
    assert ours.containers() == ()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_up_starts_an_image_that_is_older_than_its_sources() -> None:
    services = yaml.safe_load((Path(__file__).parents[3] / "compose" / "compose.yaml").read_text())["services"]
    assert [
        name for name, service in services.items() if "build" in service and service.get("pull_policy") != "build"
    ] == []
