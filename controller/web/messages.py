"""What the page is told, whether live, recorded or simulated: the kinds of the stream's messages, and events."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from controller.experiment.telling import tell
from nodes.messages import Event

Kind = Literal["run", "progress", "samples", "event", "result", "failed", "closeup"]
"""`run`: what it is, first of all. `progress`: how far. `samples`: columns, to be added to those before. `event`: see
`Told`. `result` or `failed`: the last one. (`closeup` is an answer, and in no stream.)"""
LAST = ("result", "failed")


class Told(Struct, frozen=True, kw_only=True):
    """An event; `t_ns` counts from the beginning of the run, `text` is what the report says of it."""

    t_ns: int
    node: str
    kind: str
    detail: object
    text: str


def told(event: Event, zero_ns: int) -> Told:
    """`event` for the page."""
    return Told(
        t_ns=event.t_ns - zero_ns, node=event.node, kind=event.kind, detail=event.detail, text=tell(event.detail)
    )
