"""All that the page's server works with, in one record."""

from __future__ import annotations

import asyncio
from pathlib import Path

from controller.web.gallery import GALLERY, Gallery
from controller.web.shelf import Shelf
from controller.web.simulations import Simulations


class House:
    """`live` is None where no testbed's controller stands behind the page."""

    def __init__(self, runs_folder: Path, url: str = "", gallery: Path = GALLERY) -> None:
        self.shelf = Shelf(runs_folder, url)
        self.simulations = Simulations(runs_folder, url)
        self.gallery = Gallery(gallery)
        self.live: None = None
        self.controls: tuple[str, ...] = ()

    def leave(self) -> None:
        """Lets whoever listens go; call it in the event loop."""
        self.simulations.leave()

    async def close(self) -> None:
        """Ends what still goes on."""
        await self.simulations.close()
        await asyncio.to_thread(self.shelf.close)
