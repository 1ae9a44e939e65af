"""`python -m controller`: the daemon (`netreserve serve`); `python -m controller health` is its container's health check."""

from __future__ import annotations

import os
import sys
import traceback

from controller.bus.access import broker_of, health_address
from nodes.agent.health import ask_health
from nodes.errors import HarnessError, NetreserveError, UsageError

UNHEALTHY = 1
"""What Docker calls an unhealthy exit code."""


def main(arguments: list[str]) -> int:
    """Serves, or asks the one that does how it is. The exit code is 0, 1 for unhealthy, or one of `nodes.errors`."""
    try:
        if arguments == ["health"]:
            return _health()
        if arguments:
            raise UsageError(f"unknown argument '{' '.join(arguments)}': nothing (the daemon) or 'health' is needed")
        return serve()
    except NetreserveError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return error.exit_code


def _health() -> int:
    ailment = ask_health(health_address(broker_of(os.environ)), who="controller")
    print(ailment or "healthy")
    return UNHEALTHY if ailment else 0


def serve() -> int:
    """Serves until told to stop. Raises NetreserveError."""
    # Imported here to keep the health check, which runs every few seconds, light.
    import asyncio

    from controller.service import daemon
    from controller.web.daemon import page_of

    try:
        asyncio.run(daemon.serve(daemon.from_environment(), page_of()))
    except NetreserveError:
        raise
    except Exception as error:  # a fault of our own: its log has where, and compose starts it anew
        traceback.print_exc()
        raise HarnessError(f"the controller failed: {type(error).__name__}: {error}") from None
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
