"""`netreserve clean`: whatever is left of the testbed goes."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.console import Json, print_json
from controller.here.clean import clean as take_away
from controller.here.clean import project_of
from controller.here.testbed import settings


def clean(
    volumes: Annotated[
        bool, typer.Option("-v", "--volumes", help="Also remove what it stored (the runs folder stays).")
    ] = False,
    json: Json = False,
) -> None:
    """Remove whatever is left of the testbed, in whatever state it is.

    By force, and nothing but what carries its project's label. May be called again.

    Example: netreserve clean
    """
    removed = take_away(project_of(settings()), volumes=volumes)
    if json:
        print_json(removed)
        return
    counts = ", ".join(f"{len(names)} {kind}" for kind, names in removed.items() if names)
    print(f"removed {counts}" if counts else "nothing was there")
