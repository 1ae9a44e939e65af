"""`netreserve serve`: the controller itself."""

from __future__ import annotations

import runpy


def serve() -> None:
    """Run the controller in the foreground.

    Its container does so; the same as `python -m controller`.

    Example: NETRESERVE_BROKER=127.0.0.1:1883 netreserve serve
    """
    runpy.run_module("controller", run_name="__main__")
