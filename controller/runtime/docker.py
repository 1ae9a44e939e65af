"""Containers through the Docker API: the only user of the docker SDK, and only of what the filtering proxy lets pass.

Allowed and used: GET /version, /containers/json, /containers/*/json, /containers/*/logs;
POST /containers/*/update. A use of another needs its line in compose/haproxy.cfg.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import docker
import requests
from docker.errors import APIError, DockerException
from msgspec import Struct

from nodes.errors import HarnessError, LackingError

TIMEOUT_S = 10
HOSTNAME_LETTERS = 12
"""Of a container's id, which are its host name unless somebody gave it another."""


class Container(Struct, frozen=True, kw_only=True):
    """A container of the project as the engine sees it."""

    node: str
    """`<service>-<number>`, the name a node goes by."""
    name: str
    """Docker's: what compose made of project, service and number."""
    hostname: str
    running: bool
    oom_killed: bool
    restarts: int
    exit_code: int
    memory_limit_bytes: int
    """0: none."""
    swap_limit_bytes: int
    """Memory and swap together, as Docker counts; equal to the memory limit when swap is out."""


class _Listed(NamedTuple):
    id: str
    name: str


class Engine:
    """The Docker engine at `url` (DOCKER_HOST), for one compose project. Blocking: call it off the event loop. Each call
    raises HarnessError when no engine answers, or when it refuses."""

    def __init__(self, url: str, project: str) -> None:
        self.url, self.project = url, project
        self._api: docker.APIClient | None = None

    def containers(self) -> dict[str, Container]:
        """All containers of the project by node name, stopped ones too."""
        return {node: self._inspected(listed.name) for node, listed in self._listed().items()}

    def container(self, node: str) -> Container:
        """The container of `node`, which may also go by its host name. Raises LackingError when there is none."""
        return self._inspected(self._name(node))

    def limit_memory(self, node: str, limit_bytes: int) -> Container:
        """Sets the memory limit of `node`, with no swap beyond it, and answers with what the engine then reads back.
        Raises HarnessError when that is another value."""
        found = self.container(node)
        if found.memory_limit_bytes != limit_bytes or found.swap_limit_bytes != limit_bytes:
            self._call("update_container", found.name, mem_limit=limit_bytes, memswap_limit=limit_bytes)
            found = self._inspected(found.name)
        in_force = {"memory": found.memory_limit_bytes, "memory and swap": found.swap_limit_bytes}
        for name, found_bytes in in_force.items():
            if found_bytes != limit_bytes:
                raise HarnessError(f"{node}: limit of {name} is {found_bytes} bytes after {limit_bytes} were asked for")
        return found

    def logs(self, node: str, since_s: int = 0) -> bytes:
        """What the container wrote to stdout and stderr since Unix time `since_s`."""
        logs = self._call("logs", self._name(node), stdout=True, stderr=True, timestamps=True, since=since_s or None)
        return bytes(logs)

    def _listed(self) -> dict[str, _Listed]:
        # images carry compose's project and service labels too: only the number says that compose made the container.
        # The proxy lets this one question pass, word by word (compose/haproxy.cfg).
        labels = [f"com.docker.compose.project={self.project}", "com.docker.compose.container-number"]
        listed = self._call("containers", all=True, filters={"label": labels})
        return {_node(entry["Labels"]): _Listed(entry["Id"], _own_name(entry["Names"])) for entry in listed}

    def _name(self, node: str) -> str:
        found = self._listed()
        for name, listed in found.items():
            if node in (name, listed.id[:HOSTNAME_LETTERS]):
                return listed.name
        there = ", ".join(found) or "none"
        raise LackingError(f"no container of project '{self.project}' is {node}: there are {there}")

    def _inspected(self, name: str) -> Container:
        found = self._call("inspect_container", name)
        state, host = found["State"], found["HostConfig"]
        return Container(
            node=_node(found["Config"]["Labels"]),
            name=name,
            hostname=found["Config"]["Hostname"],
            running=state["Running"],
            oom_killed=state["OOMKilled"],
            restarts=found.get("RestartCount", 0),
            exit_code=state["ExitCode"],
            memory_limit_bytes=host["Memory"],
            swap_limit_bytes=host["MemorySwap"],
        )

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._api is None:
                self._api = docker.APIClient(base_url=self.url, version="auto", timeout=TIMEOUT_S)
            return getattr(self._api, method)(*args, **kwargs)
        except APIError as error:
            raise HarnessError(f"Docker refuses {method}: {error.explanation or error}") from None
        except (DockerException, requests.RequestException) as error:
            raise HarnessError(f"no Docker engine answers at {self.url}: {_innermost(error)}") from None


def _node(labels: dict[str, str]) -> str:
    return f"{labels['com.docker.compose.service']}-{labels['com.docker.compose.container-number']}"


def _own_name(names: list[str]) -> str:
    """Of `/name` and the aliases of old links, `/other/alias`."""
    return next(name[1:] for name in names if "/" not in name[1:])


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error).split("\n")[0]
