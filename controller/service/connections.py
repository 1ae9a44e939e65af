"""What every activity of the daemon works with, in one record, and how long it waits for what."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from controller.experiment.evidence import HEAL_EXTENSION_NS
from controller.runtime.docker import Engine
from controller.service.locust import Locust
from controller.service.nodes import Nodes
from controller.service.recorder import Recorder
from nodes.kernel.accelerator import READY_S_MAX
from nodes.units import SECOND_NS


class Timing(Struct, frozen=True, kw_only=True):
    """Deadlines and periods; tests shorten them."""

    ack_deadline_s: float = 20.0
    """A target that must restart nbdkit and 16 initiators that reconnect fit in it (own)."""
    boot_deadline_s: float = READY_S_MAX + 20.0
    """As `ack_deadline_s`, for guests: a node whose guest does not start says why, within its own deadlines, before ours."""
    flood_deadline_s: float = 15.0
    """From asking Locust to start or stop until it says that it did: its workers spawn one by one, and it caches its
    state for 2 s (locust.web.DEFAULT_CACHE_TIME)."""
    poll_interval_s: float = 0.3
    progress_interval_s: float = 0.5
    heal_extension_ns: int = HEAL_EXTENSION_NS
    """So much longer than planned heal lasts at most, for a verdict that needs more time."""
    adhoc_heal_ns: int = 15 * SECOND_NS
    """An ad-hoc run ends after this long without a flood."""
    adhoc_max_ns: int = 900 * SECOND_NS
    """... and after this long with one: a longer record fits in no report."""
    furnish_delay_s: float = 1.0
    """Retained settings arrive with the subscription; a node that has none by then gets the default."""


@dataclass
class Parts:
    """`engine` is None where no Docker is configured (DOCKER_HOST)."""

    nodes: Nodes
    recorder: Recorder
    locust: Locust
    engine: Engine | None
    timing: Timing
