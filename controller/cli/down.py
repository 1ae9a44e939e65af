"""`netreserve down`: take the testbed away."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.console import Json, print_json
from controller.cli.up import heard
from controller.here.testbed import Testbed, find_root


def down(
    volumes: Annotated[
        bool, typer.Option("-v", "--volumes", help="Also remove what it stored (the runs folder stays).")
    ] = False,
    json: Json = False,
) -> None:
    """Stop and remove the testbed's containers and networks.

    Example: netreserve down -v
    """
    with heard() as line:
        testbed = Testbed(find_root(), line)
        removed = [container.name for container in testbed.containers()]
        testbed.down(volumes=volumes)
    if json:
        print_json({"removed": removed})
    else:
        print(f"removed {len(removed)} containers" if removed else "nothing was up")
