"""The sockets that floods by hand fill at live machines: emptied between floods, and a flood that finds them full proves
nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from controller.experiment import nextstep
from controller.experiment.rescue import stands_still
from controller.service.connections import Parts
from controller.service.nodes import Node
from nodes.config import InitiatorSpec, Shape, Spec
from nodes.errors import HarnessError, InconclusiveError
from nodes.messages import Sample
from nodes.units import format_bytes, format_ns

FULL_RATIO = 0.5
"""Unread sockets that hold more than this of what fits in them take less than half of a flood (own)."""


async def refresh_sinks(parts: Parts, nodes: Iterable[Node]) -> None:
    """Opens the sinks of `nodes` anew where junk lies in them, so that the next flood can take memory. A machine that
    stands still keeps them: to empty its sockets would be a rescue that nobody asked for."""
    names = [node.name for node in nodes if _holds_junk(node) and not stands_still(node.sample)]
    if not names:
        return
    try:
        await parts.nodes.change(names, _opened_anew, parts.timing.ack_deadline_s)
    except (HarnessError, InconclusiveError) as error:  # the next flood's run says that they are full
        print(f"netreserve: sinks were not opened anew: {error}", file=sys.stderr)


class Unfit(NamedTuple):
    """Why a flood proves nothing about a machine, and what to do."""

    reason: str
    next_step: str


def unfit(node: Node, before: Sequence[Sample]) -> Unfit | None:
    """Why a flood that began after the samples `before` proves nothing about `node`; None when it may."""
    if node.initiator is None or not before:
        return None
    last = before[-1]
    if stands_still(last):
        age = format_ns(round(last.progress_age_ns, -8))
        told = f"{node.name} stood still already when the flood began, for {age}: there is nothing to compare with"
        return Unfit(told, nextstep.REVIVE)
    if last.junk_held_bytes > FULL_RATIO * _room_bytes(node.initiator):
        held = format_bytes(last.junk_held_bytes)
        told = f"the unread sockets of {node.name} still held {held} of earlier junk when the flood began"
        return Unfit(f"{told}: they could take no more memory", nextstep.FLOOD_AGAIN)
    return None


def _holds_junk(node: Node) -> bool:
    return node.online and node.initiator is not None and node.sample is not None and node.sample.junk_held_bytes > 0


def _opened_anew(spec: Spec, shape: Shape) -> tuple[Spec, Shape]:
    assert isinstance(spec, InitiatorSpec)
    return msgspec.structs.replace(spec, sinks_opened=spec.sinks_opened + 1), shape


def _room_bytes(spec: InitiatorSpec) -> int:
    """What fits into the sockets that nobody reads: twice what was asked for (physics.md section 8)."""
    return sum(2 * sink.sockets * sink.rcvbuf_bytes for sink in spec.sinks if sink.reader == "stalled")
