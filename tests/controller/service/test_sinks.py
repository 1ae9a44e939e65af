"""Sockets that a flood by hand has filled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from controller.service.nodes import Node
from controller.service.sinks import refresh_sinks, unfit
from nodes.config import OPEN_LINK, InitiatorSpec, MachineConfig, PolicySpec
from nodes.messages import Desired, Sample, Status
from traffic.profiles import DEFAULT_SINKS

FULL = 33_553_920


def node(held_bytes: int, stood_s: float = 0.0) -> Node:
    """A live machine with the default sinks."""
    found = Node("initiator", "initiator-1")
    found.status = Status(node="initiator-1", role="initiator", state="online")
    spec = InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none"), sinks=DEFAULT_SINKS)
    found.desired = Desired(seq=1, run="idle-1", spec=spec)
    found.samples.append(sample(held_bytes, stood_s))
    return found


def sample(held_bytes: int, stood_s: float = 0.0) -> Sample:
    age_ns = round(stood_s * 1e9)
    return Sample(t_ns=1, node="initiator-1", run="idle-1", junk_held_bytes=held_bytes, progress_age_ns=age_ns)


@pytest.mark.parametrize(
    ("held_bytes", "stood_s", "opened"), [(FULL, 0.0, 1), (700, 0.5, 1), (0, 0.0, None), (FULL, 20.0, None)]
)
async def test_sinks_with_junk_in_them_are_opened_anew_but_not_of_a_machine_that_stands(
    held_bytes: int, stood_s: float, opened: int | None
) -> None:
    asked: list[InitiatorSpec] = []
    found = node(held_bytes, stood_s)

    async def change(names: list[str], to: Any, deadline_s: float) -> None:
        assert names == ["initiator-1"]
        asked.append(to(found.initiator, OPEN_LINK)[0])

    parts: Any = SimpleNamespace(nodes=SimpleNamespace(change=change), timing=SimpleNamespace(ack_deadline_s=1))
    await refresh_sinks(parts, [found])
    assert [spec.sinks_opened for spec in asked] == ([] if opened is None else [opened])


@pytest.mark.parametrize(
    ("held_bytes", "stood_s", "why"),
    [
        (0, 0.0, ""),
        (1_000_000, 0.0, ""),
        (FULL, 0.0, "the unread sockets of initiator-1 still held 32 MiB of earlier junk when the flood began"),
        (FULL, 20.0, "initiator-1 stood still already when the flood began, for 20 s: there is nothing to compare"),
    ],
)
def test_a_flood_that_can_prove_nothing_is_told_so(held_bytes: int, stood_s: float, why: str) -> None:
    told = unfit(node(0), [sample(0), sample(held_bytes, stood_s)])
    assert (told.reason if told else "").startswith(why) and bool(told) == bool(why)
    assert told is None or "`netreserve " in told.next_step
