"""`netreserve init`: a scenario to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.console import Json, print_json, tell
from nodes.errors import LackingError, UsageError

TEMPLATE = """\
# A machine swaps over the network while junk floods in: does it survive?
#   netreserve validate FILE                      what is wrong with it, and what it would do
#   netreserve run FILE                           simulate and judge it (--policy none: without a reserve)
#   netreserve run FILE --set floods.0.rate=5k    with another setting
# Every key: docs/reference/scenario.md; how to choose values: docs/howto/write-a-scenario.md.
name: first
about: junk that nobody reads, on a small machine
nodes:
  initiator:             # the machine that swaps
    memory: 64 MiB
    min_free: 4 MiB      # vm.min_free_kbytes: the reserve
    nic: e1000e
    working_set: 96 MiB  # more than memory, or nothing is ever swapped
    touch_rate: 2 kpages/s
  target:                # the storage server; it holds the working set
    size: 256 MiB
    latency: 200 us
    rate: 200 Mbit
links:
  data: {rate: 1 Gbit, delay: 200 us}
policy: memalloc         # or none, mainline, netmem, ...
floods:                  # sockets may hold twice their rcvbuf: more than memory can spare
  - {kind: udp, rate: 20 kpps, size: 1400 B, sockets: 4, reader: stalled, rcvbuf: 4 MiB}
phases: {warmup: 10 s, flood: 20 s, heal: 15 s}
expect:                  # what must come true for exit code 0
  - verdict: [healthy, slow]
  - sometimes: reserve_used_pages > 0
  - data: intact
"""


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("scenario.yaml"),
    json: Json = False,
) -> None:
    """Write a commented scenario to start from.

    Nothing is overwritten: a file that is there already is refused.

    Example: netreserve init mine.yaml
    """
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already, and nothing is overwritten: name another file") from None
    except OSError as error:
        raise LackingError(f"{file} cannot be written: {error.strerror}; name a file in another folder") from None
    if json:
        print_json({"file": str(file)})
    else:
        tell(f"{file}: written; next: netreserve run {file}")
