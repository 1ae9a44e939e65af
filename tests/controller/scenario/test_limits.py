"""Goal: what containers cannot carry out is refused with its key and the tier that can; the simulator refuses none of it.

Method: one scenario that both can run, and one change at a time.
"""

from __future__ import annotations

import pytest

from controller.scenario import ScenarioErrors, parse
from controller.scenario.limits import beyond

TEXT = """\
name: small
nodes:
  initiator: {count: 1}
  target: {size: 64 GiB}
policy: none
floods:
  - {kind: udp, duration: 5 s}
  - {kind: tcp, start: 5 s}
faults:
  - {kind: target, at: 1 s, duration: 1 s, stalled: true}
expect: [verdict: healthy]
"""
CHANGES = [
    (
        "start: 5 s",
        "start: 4 s",
        "floods[1]: it starts at 4 s, while floods[0] goes on until 5 s: Locust sends one flood at a time, so one must end"
        " before the other starts",
    ),
    (
        "start: 5 s",
        "start: 6 s, sockets: 513",
        "floods[1].sockets: a container holds 512 junk sockets of a flood at most",
    ),
    ("count: 1", "count: 65", "nodes.initiator.count: at most 64 containers of a role can be run"),
    ("count: 1", "storage_nic: e1000", "nodes.initiator.storage_nic: a container's machine has one network card"),
    (
        "size: 64 GiB",
        "size: 64 GiB, latency_spread: lognormal",
        "nodes.target.latency_spread: nbdkit delays every request by the same time: only 'fixed' is possible",
    ),
    ("stalled: true", "down: true", "faults[0].down: a container's target can be stalled, not taken away"),
    (
        "policy: none",
        "links: {queueing: {queue: 100}}\npolicy: none",
        "links.queueing: the queues of real links are the kernel's: they cannot be set",
    ),
]


def test_what_both_can_do() -> None:
    assert parse(TEXT, tier="container").tier == "container"
    assert parse(TEXT).tier == "sim"


@pytest.mark.parametrize(("before", "after", "message"), CHANGES, ids=[message[:24] for *_, message in CHANGES])
def test_a_container_refuses_what_the_simulator_takes(before: str, after: str, message: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after)
    assert not list(beyond(parse(text)))
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier="container")
    assert f"{message}; tier sim can (tier: sim, or --tier sim)" in str(caught.value)
    assert len(caught.value.errors) == 1
    assert caught.value.errors[0].line > 0
