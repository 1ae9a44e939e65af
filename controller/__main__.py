"""`python -m controller`: the daemon (`netreserve serve`)."""

from __future__ import annotations

import asyncio
import sys

from controller.service.daemon import from_environment, serve
from nodes.errors import NetreserveError


def main() -> int:
    """Serves until told to stop; the exit code is that of `nodes.errors`."""
    try:
        asyncio.run(serve(from_environment()))
    except NetreserveError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
