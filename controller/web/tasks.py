"""What the process of a simulation is told, and what it says: the only things that it and the server share."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from controller.experiment.forking import Fork
from controller.web.messages import Kind


class Span(Struct, frozen=True, kw_only=True):
    """Of a close-up: from, to, and how far apart, ns of virtual time."""

    from_ns: int
    to_ns: int
    step_ns: int


class Task(Struct, frozen=True, kw_only=True):
    """What to simulate (a scenario as YAML), under which id, and where it is kept; with `closeup` a span of it is gone
    through, and nothing is kept."""

    scenario: str
    run: str = ""
    runs_folder: str = ""
    url: str = ""
    fork: Fork | None = None
    closeup: Span | None = None


class Said(Struct, frozen=True):
    """One message of the stream: its kind, and its data as JSON, which passes through the server as it is."""

    kind: Kind
    data: msgspec.Raw
