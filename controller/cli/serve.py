"""`netreserve serve`: the controller itself."""

from __future__ import annotations

import typer


def serve() -> None:
    """Run the controller in the foreground.

    Its container does so; the same as `python -m controller`.

    Example: NETRESERVE_BROKER=127.0.0.1:1883 netreserve serve
    """
    from controller.__main__ import main  # here: only this verb needs the daemon's libraries

    raise typer.Exit(main([]))
