"""The containers on this machine: a compose project, brought up and taken down through `docker compose`.

The repository's root holds `.env` (COMPOSE_FILE, ports); every setting may be overridden by the environment, as compose
itself has it. Nothing here runs in the controller's container: this is the command line's side.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from nodes.errors import HarnessError, LackingError, NetreserveError, UsageError
from nodes.kernel import kvm

COMPOSE_FILE = Path("compose/compose.yaml")
PORTS = {"NETRESERVE_BROKER_PORT": 1883, "NETRESERVE_LOCUST_PORT": 8089, "NETRESERVE_PAGE_PORT": 8090}
"""Ports published on 127.0.0.1: the setting that moves each, and its default (MQTT's registered port; Locust's own; the one
after it)."""
WHO_LISTENS = {
    "NETRESERVE_BROKER_PORT": "the broker",
    "NETRESERVE_LOCUST_PORT": "Locust's page",
    "NETRESERVE_PAGE_PORT": "the page",
}
"""What each of PORTS is for."""
PARTS = ("broker", "docker-proxy", "controller", "locust-master", "locust-worker")
"""Services that every run needs, whatever its nodes."""
ONE_SHOT = "credentials"
"""It ends when its work is done."""
GUESTS = "kernel-initiator"
"""The service of tier kernel, in a profile of its own: who does not ask for it does not build its image."""
PROFILE = "kernel"
ENGINE_TIMEOUT_S = 20
"""An engine that does not say its version for so long will not start containers either (own)."""
HEALTH_PATIENCE_S = 60.0
"""compose.yaml asks every 20 s and waits 5 s; Locust's workers start anew until their master is there (own)."""
HEALTH_POLL_S = 1.0
TAIL_LINES = 30
NO_TUN = re.compile(r"/dev/net/tun\W.*no such file or directory", re.IGNORECASE)
"""Docker's words for a device that a service asks for and its machine lacks."""
OWN_REASON = re.compile(r"(?:^|\s)netreserve: (\S.*)")
"""In a build's output: what netreserve's own command, a step of it, failed for ..."""
STEP_ENDED = re.compile(r"did not complete successfully: exit code: (\d+)")
"""... and BuildKit's words for how the step ended."""

Heard = Callable[[str], None]
"""Takes the lines that docker compose prints while it works."""


@dataclass(frozen=True)
class Container:
    """One container of the project. `state` is Docker's word (`running`, `exited`), `health` `healthy` or empty."""

    service: str
    name: str
    state: str
    health: str
    ports: frozenset[int]
    """Published on this machine."""

    @property
    def ready(self) -> bool:
        return self.state == "running" and self.health in ("", "healthy")


class ComposeError(HarnessError):
    """docker compose failed: one telling line as the message, the end of its output in `tail`."""

    def __init__(self, message: str, tail: tuple[str, ...]) -> None:
        self.tail = tail
        super().__init__(message)


BUILD_ERRORS: dict[int, type[NetreserveError]] = {kind.exit_code: kind for kind in (UsageError, LackingError)}
"""The exit codes of a step that are not a fault of ours."""


def find_root(start: Path | None = None) -> Path:
    """The folder with compose/compose.yaml: the present one, else the one above this package. Raises LackingError."""
    candidates = (start or Path.cwd(), Path(__file__).resolve().parents[2])
    for folder in candidates:
        if (folder / COMPOSE_FILE).is_file():
            return folder
    raise LackingError(f"no {COMPOSE_FILE} in {candidates[0]}: run netreserve in a checkout of its repository")


def settings(root: Path | None = None) -> dict[str, str]:
    """`.env` at the root, overridden by the environment. Without a checkout: the environment alone."""
    try:
        lines = ((root or find_root()) / ".env").read_text().splitlines()
    except (LackingError, OSError):
        lines = []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs} | dict(os.environ)


def port_of(name: str, values: Mapping[str, str]) -> int:
    """The port that setting `name` asks for. Raises LackingError for what is not a port."""
    text = values.get(name) or str(PORTS[name])
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise LackingError(f"{name} is '{text}': a port from 1 to 65535 is needed")
    return int(text)


def port_taken(port: int) -> bool:
    """Whether somebody listens at 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def engine_version() -> str:
    """The Docker engine's version. Raises LackingError saying which of the usual reasons keeps us from it."""
    try:
        done = run_docker("version", "--format", "{{.Server.Version}}", timeout=ENGINE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise LackingError(
            f"the Docker engine does not answer within {ENGINE_TIMEOUT_S} s: restart it (`systemctl restart docker`)"
        ) from None
    if done.returncode or not done.stdout.strip():
        raise LackingError(_why_unreachable(done.stderr))
    return done.stdout.strip()


def engine_info() -> dict[str, object]:
    """What `docker info` says of the engine: KernelVersion, CgroupVersion, MemoryLimit, ... Empty when it says nothing."""
    done = run_docker("info", "--format", "{{json .}}", timeout=ENGINE_TIMEOUT_S)
    return next(iter(_json_documents(done.stdout)), {}) if done.returncode == 0 else {}


def compose_version() -> str:
    """The version of the compose plugin. Raises LackingError when there is none, or only the old v1."""
    done = run_docker("compose", "version", "--short", timeout=ENGINE_TIMEOUT_S)
    version = done.stdout.strip().lstrip("v")
    if done.returncode or not version:
        raise LackingError(
            "docker has no compose v2 plugin: install the package docker-compose-plugin (or docker-compose)"
        )
    return version


class Testbed:
    """The project at `root`. Every method raises LackingError when Docker cannot be used, ComposeError when it fails.

    `up` raises for an image that cannot be built what the build itself says: UsageError, LackingError or ComposeError.
    """

    __test__ = False  # pytest: not a test case

    def __init__(self, root: Path, heard: Heard = lambda line: None) -> None:
        self.root = root
        self._heard = heard

    def check(self) -> None:
        """Docker and compose are there, and the ports to be published are free or already ours."""
        check_docker()
        self._check_ports()

    def containers(self) -> tuple[Container, ...]:
        """The project's containers, running or not."""
        done = run_docker("compose", "ps", "--all", "--format", "json", cwd=self.root, env=_environment(guests=True))
        if done.returncode:
            check_docker()  # the usual reason, in its own words
            raise _failure("ps", done.stderr.splitlines())
        return tuple(map(_container, _json_documents(done.stdout)))

    def ready(self, counts: Mapping[str, int]) -> bool:
        """Whether at least `counts` containers of each service run healthily, and everything else that ran still does."""
        found = self.containers()
        lasting = [c for c in found if c.service != ONE_SHOT]
        needed = {**dict.fromkeys(PARTS, 1), **counts}
        enough = all(sum(c.service == service and c.ready for c in found) >= n for service, n in needed.items())
        return enough and all(c.ready for c in lasting if c.service in needed)

    def up(self, counts: Mapping[str, int], *, build: bool = False, shrink: bool = True) -> None:
        """`docker compose up -d --wait` with `counts` containers of each service; images are built when
        their sources changed (`pull_policy: build` in compose.yaml).

        With `shrink=False` a service keeps the containers that it has above its count.
        """
        self.check()
        if not shrink:
            present = [c.service for c in self.containers() if c.state == "running"]
            counts = {service: max(n, present.count(service)) for service, n in counts.items()}
        scale = [word for service, n in counts.items() for word in ("--scale", f"{service}={n}")]
        words = ("-d", "--wait", *(["--build"] if build else []), *scale)
        until_s = monotonic() + HEALTH_PATIENCE_S
        while True:
            try:
                return self._compose("up", *words, guests=counts.get(GUESTS, 0) > 0)
            except ComposeError as error:
                if "unhealthy" not in str(error) or monotonic() >= until_s:
                    raise
            self._await_health(until_s)

    def _await_health(self, until_s: float) -> None:
        """Waits out a health check's interval: what was away for a moment is called unhealthy until it is asked again."""
        while (left_s := until_s - monotonic()) > 0 and (
            sick := [c.name for c in self.containers() if c.health == "unhealthy"]
        ):
            self._heard(f"{', '.join(sick)}: marked unhealthy, waited for {left_s:.0f} s more at most")
            sleep(HEALTH_POLL_S)

    def down(self, *, volumes: bool = False) -> None:
        """Removes containers and networks; with `volumes` also what the testbed stored, credentials included."""
        check_docker()
        self._compose("down", "--remove-orphans", *(["-v"] if volumes else []), guests=True)

    def _check_ports(self) -> None:
        values = settings(self.root)
        wanted = {name: port_of(name, values) for name in PORTS}
        taken = {name: port for name, port in wanted.items() if port_taken(port)}
        ours: frozenset[int] = frozenset().union(*(c.ports for c in self.containers())) if taken else frozenset()
        for name, port in taken.items():
            if port not in ours:
                raise LackingError(
                    f"port {port} on 127.0.0.1 is taken by another program: stop it, or set {name} to a free port"
                )

    def _compose(self, verb: str, *words: str, guests: bool) -> None:
        lines: list[str] = []
        with subprocess.Popen(
            ["docker", "compose", verb, *words],
            cwd=self.root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(guests=guests, starts=verb == "up"),
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                self._heard(lines[-1])
        if process.returncode:
            raise _failure(verb, lines)


def check_docker() -> None:
    """Raises LackingError when there is no engine, or no compose."""
    engine_version()
    compose_version()


def _environment(*, guests: bool, starts: bool = False) -> dict[str, str]:
    """What docker compose sees; with `guests` the profile of tier kernel too, and when it `starts` them /dev/kvm, where that
    is as fast as it should be."""
    values = dict(os.environ)
    if guests:
        profiles = [name for name in values.get("COMPOSE_PROFILES", "").split(",") if name and name != PROFILE]
        values["COMPOSE_PROFILES"] = ",".join([*profiles, PROFILE])
    if guests and starts and "NETRESERVE_KVM_DEVICE" not in settings() and kvm.speed() == "hardware":
        values["NETRESERVE_KVM_DEVICE"] = "/dev/kvm"
    return values


def run_docker(
    *words: str, cwd: Path | None = None, timeout: float | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`docker WORDS`, whatever it answers. Raises LackingError when there is no such program."""
    command = ["docker", *words]
    try:
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise LackingError(
            "the program 'docker' is not installed: install Docker Engine with its compose plugin"
        ) from None
    except PermissionError:
        raise LackingError("the program 'docker' may not be executed by this user") from None


def _why_unreachable(stderr: str) -> str:
    host = os.environ.get("DOCKER_HOST", "")
    said = _telling(stderr.splitlines())
    if "permission denied" in stderr.lower():
        return "this user may not use the Docker engine: add it to the group 'docker' (and log in again), or use sudo"
    if host:
        return f"no Docker engine answers at DOCKER_HOST={host}: correct or unset DOCKER_HOST ({said})"
    if re.search(r"cannot connect|no such file|connection refused|is the docker daemon running", stderr, re.IGNORECASE):
        return "no Docker engine answers on this machine: start it (for example `systemctl start docker`)"
    return f"the Docker engine cannot be used: {said}"


def _failure(verb: str, lines: list[str]) -> NetreserveError:
    if any(map(NO_TUN.search, lines)):
        return LackingError("/dev/net/tun is missing on the engine's machine: modprobe tun there")
    reasons, ends = _found(OWN_REASON, lines), _found(STEP_ENDED, lines)
    kind = BUILD_ERRORS.get(int(ends[-1])) if reasons and ends else None
    if kind is not None:
        return kind(reasons[-1])
    told = reasons[-1] if reasons else _telling(lines)
    return ComposeError(f"docker compose {verb} failed: {told}", tuple(lines[-TAIL_LINES:]))


def _found(pattern: re.Pattern[str], lines: list[str]) -> list[str]:
    return [found[1].strip() for line in lines if (found := pattern.search(line))]


def _telling(lines: list[str]) -> str:
    """The line that says what went wrong: the last that speaks of an error, else the last of all."""
    spoken = [line.strip() for line in lines if line.strip()]
    errors = [
        line for line in spoken if re.search(r"error|fail|unhealthy|denied|refused|invalid|exited", line, re.IGNORECASE)
    ]
    return (errors or spoken or ["it said nothing"])[-1]


def _json_documents(text: str) -> list[dict[str, object]]:
    """compose prints one document a line since 2.21, and one list before."""
    documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    return documents[0] if documents and isinstance(documents[0], list) else documents


def _container(document: Mapping[str, object]) -> Container:
    publishers = document.get("Publishers") or []
    assert isinstance(publishers, list)
    ports = frozenset(int(p["PublishedPort"]) for p in publishers if p.get("PublishedPort"))
    service, name, state, health = (str(document.get(key, "")) for key in ("Service", "Name", "State", "Health"))
    return Container(service, name, state, health, ports)
