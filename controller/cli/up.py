"""`netreserve up`: bring the testbed up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from controller.cli.console import Json, debugging, print_json
from controller.cli.ps import container_rows, print_containers
from controller.here.testbed import GUESTS, Heard, Testbed, find_root
from nodes.errors import UsageError
from nodes.registry import did_you_mean

SCALABLE = ["initiator", "target", "locust-worker", GUESTS]
COUNT_MAX = 64
"""More than any machine this was tried on can carry; a bound against a slip of the finger (own)."""


def up(
    scale: Annotated[
        list[str] | None, typer.Option("--scale", metavar="SERVICE=N", help="How many of a service; may be repeated.")
    ] = None,
    kernel: Annotated[
        int, typer.Option("--kernel", metavar="N", help="How many guests with a real kernel (tier kernel).", min=0)
    ] = 0,
    build: Annotated[
        bool, typer.Option("--build", help="Build images whose sources changed, as is done without it.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the testbed's containers and wait until all are healthy.

    Example: netreserve up --scale initiator=4
    """
    counts = dict(map(parse_scale, scale or []))
    if kernel:
        counts |= [parse_scale(f"{GUESTS}={kernel}")]
    testbed = bring_up(counts, build=build)
    containers = testbed.containers()
    if json:
        print_json(container_rows(containers))
    else:
        print_containers(containers)


def parse_scale(text: str) -> tuple[str, int]:
    """`initiator=4` as its parts. Raises UsageError."""
    service, _, number = text.partition("=")
    if service not in SCALABLE:
        raise UsageError(f"--scale: unknown service '{service}' ({did_you_mean(service, SCALABLE)})")
    if not (number.isdecimal() and 1 <= int(number) <= COUNT_MAX):
        raise UsageError(f"--scale: '{text}' needs a count from 1 to {COUNT_MAX}, for example '{service}=2'")
    return service, int(number)


def bring_up(counts: dict[str, int], *, build: bool = False, shrink: bool = True) -> Testbed:
    """The testbed, up and healthy. Raises LackingError, ComposeError, or UsageError for kernels that cannot be built."""
    with heard() as line:
        testbed = Testbed(find_root(), line)
        testbed.up(counts, build=build, shrink=shrink)
    return testbed


@contextmanager
def heard() -> Iterator[Heard]:
    """Shows what docker compose is doing: its present line on a terminal, all lines with --debug, else nothing."""
    if debugging():
        yield lambda line: print(line, file=sys.stderr)
        return
    with Console(stderr=True).status("docker compose ...") as status:
        yield lambda line: status.update(f"docker compose: {line[:100]}".replace("[", r"\["))
