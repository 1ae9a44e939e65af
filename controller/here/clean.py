"""What is left of a testbed, taken away by force: for when compose cannot, or its file is another one than then. All that
belongs to a project carries its label; what it shaped, and the programs it started, go with their containers."""

from __future__ import annotations

from collections.abc import Mapping

from controller.here.testbed import engine_version, run_docker
from nodes.errors import HarnessError

PROJECT = "netreserve"
"""The name in compose.yaml, unless COMPOSE_PROJECT_NAME says otherwise."""
LABEL = "com.docker.compose.project"
LOOKS = 3
"""A container that is just being made or removed is in the way of its network: looked at again so often (own)."""
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "containers": (("ps", "--all", "--format", "{{.Names}}"), ("rm", "--force")),
    "networks": (("network", "ls", "--format", "{{.Name}}"), ("network", "rm")),
    "volumes": (("volume", "ls", "--format", "{{.Name}}"), ("volume", "rm")),
}
"""What a project has, in the order in which it can go: how it is listed, and how it is removed."""

Left = dict[str, list[str]]


def project_of(values: Mapping[str, str]) -> str:
    """The compose project that the settings `values` name."""
    return values.get("COMPOSE_PROJECT_NAME") or PROJECT


def left(project: str, *, volumes: bool = False) -> Left:
    """The names of what there is of `project`, by kind. Raises LackingError without an engine, HarnessError when it does not
    say."""
    return {kind: _listed(project, kind) for kind in KINDS if volumes or kind != "volumes"}


def clean(project: str, *, volumes: bool = False) -> Left:
    """Removes all of that, and answers with it; a second call finds nothing. Raises HarnessError for what stays."""
    engine_version()
    found = still = left(project, volumes=volumes)
    for _ in range(LOOKS):
        for kind, names in still.items():
            if names:
                run_docker(*KINDS[kind][1], *names)  # what it did is seen by looking again
        still = left(project, volumes=volumes)
        if not any(still.values()):
            return found
    told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in still.items() if names)
    raise HarnessError(f"of project '{project}' there is still: {told}: is somebody starting it?")


def _listed(project: str, kind: str) -> list[str]:
    done = run_docker(*KINDS[kind][0], "--filter", f"label={LABEL}={project}")
    if done.returncode:
        raise HarnessError(f"docker does not list {kind}: {done.stderr.strip()}")
    return sorted(done.stdout.split())
