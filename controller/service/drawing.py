"""Reports are drawn in a process of their own: drawing keeps an interpreter busy for seconds, and the daemon must answer its
broker meanwhile; and what it costs in memory is given back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from controller.record import Result
from controller.store.folder import RunFolder
from nodes.messages import Event, Sample


async def write_report(folder: RunFolder, result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> None:
    """report.html and junit.xml. What goes wrong here is told on stderr: the result stands without them."""
    loop = asyncio.get_running_loop()
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            junit = await loop.run_in_executor(pool, _draw, folder.path, result, samples, events)
        folder.write("junit.xml", junit)
    except Exception as error:  # a drawing that fails must not take the daemon, nor the result, with it
        print(f"netreserve: no report for {result.run}: {type(error).__name__}: {error}", file=sys.stderr)


def _draw(folder: Path, result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> str:
    from controller import report  # imported by the process that draws, and by no other

    report.write(folder, result, samples, events)
    return report.junit(result)
