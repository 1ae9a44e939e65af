"""All that the page's server works with, in one record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from controller.web.gallery import GALLERY, Gallery
from controller.web.shelf import Shelf
from controller.web.simulations import Simulations
from nodes.errors import InconclusiveError

if TYPE_CHECKING:  # whoever has no testbed loads nothing of what one needs
    from controller.web.live import Live


class House:
    """`live` is None where no testbed's controller stands behind the page."""

    def __init__(self, runs_folder: Path, url: str = "", gallery: Path = GALLERY, live: Live | None = None) -> None:
        self.shelf = Shelf(runs_folder, url)
        self.simulations = Simulations(runs_folder, url)
        self.gallery = Gallery(gallery)
        self.live = live

    def require_quiet(self) -> None:
        """Raises InconclusiveError while a testbed's run records: work beside it would be in its figures."""
        if self.live is not None and (current := self.live.stage.conductor.current) is not None:
            raise InconclusiveError(f"run {current.recording.run} is being recorded: simulate when it is over")

    def leave(self) -> None:
        """Lets whoever listens go; call it in the event loop."""
        self.simulations.leave()
        if self.live is not None:
            self.live.journal.close()

    async def close(self) -> None:
        """Ends what still goes on."""
        await self.simulations.close()
        await asyncio.to_thread(self.shelf.close)
