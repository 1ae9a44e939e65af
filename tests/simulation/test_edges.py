"""What whole runs tell of waits: an edge whose need is met is not an edge."""

from __future__ import annotations

import pytest
from smallworlds import small

from controller.simulated.simulate import simulate


@pytest.mark.parametrize(
    ("policy", "nic", "rate"),
    [("mainline", "e1000e", "20 kpps"), ("nta+nta-v2", "e1000e", "40 kpps"), ("none", "virtio-net", "40 kpps")],
)
def test_no_edge_of_a_whole_run_has_its_need_met(policy: str, nic: str, rate: str) -> None:
    outcome = simulate(small({"policy": policy, "nodes.initiator.nic": nic, "floods.0.rate": rate}), brief=True)
    edges = [edge for event in outcome.events for edge in getattr(event.detail, "waits", ())]
    edges += [edge for proof in outcome.proofs.values() for edge in proof.cycle]
    assert edges
    assert [edge for edge in edges if edge.have >= edge.need] == []
