"""A testbed in virtual time: who is connected to what, what a round trip costs, and what changes do."""

from __future__ import annotations

import pytest
from smallworlds import small

from controller.experiment.plan import plan
from controller.experiment.scenario import Scenario
from nodes.config import InitiatorSpec, NodeSetup, Shape, TargetSpec
from nodes.errors import UsageError
from nodes.machine.merge import Transfer
from nodes.sim.cluster import Cluster
from nodes.sim.link import FRAME_BYTES
from nodes.sim.tcp import HEADERS_BYTES, SEGMENT_BYTES
from nodes.units import MS_NS, PAGE_BYTES, SECOND_NS

REQUEST_BYTES, REPLY_BYTES = 28, 16
"""NBD's headers (nodes/machine/events.py)."""


def cluster_of(scenario: Scenario) -> Cluster:
    return Cluster(plan(scenario).nodes, seed=scenario.seed, run="test", queueing=scenario.links.queueing)


CALM = {"policy": "memalloc", "floods.0.rate": "10 pps"}


# ---- one request


class Endpoint:
    """An initiator without a machine: it only writes down when its request was answered."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.name = cluster, "initiator-1"
        self.answered_ns: list[int] = []

    def receive_block(self, size_bytes: int, segments: int, acked_bytes: int) -> bool:
        return True

    def answered(self, transfer: Transfer, error: int) -> None:
        self.answered_ns.append(self.cluster.loop.now_ns)

    def reconnected(self) -> None: ...

    def wake(self) -> None: ...


@pytest.mark.parametrize(("is_write", "pages"), [(True, 1), (True, 32), (False, 1), (False, 32)])
def test_a_round_trip_is_twice_the_delay_and_the_time_on_the_wire(is_write: bool, pages: int) -> None:
    """Each end adds its delay once a direction; a rate is paid once, as the next line forwards what it receives."""
    delay_ns, rate_bps = 3 * MS_NS, 10_000_000
    cluster = cluster_of(small({"links.data.delay": "3 ms", "links.data.rate": "10 Mbit"}))
    far = TargetSpec(size_bytes=64 << 20)
    cluster.targets["target-1"].change(far)
    cluster.loop.keep(lambda _act: False)
    connection = cluster.initiators["initiator-1"].connection
    assert connection is not None
    end = connection._initiator = Endpoint(cluster)
    connection.submit(Transfer(is_write, 0, list(range(pages)), [1] * pages))
    cluster.loop.run_until(10 * SECOND_NS)

    def wire_bytes(payload: int) -> int:
        return payload + -(-payload // SEGMENT_BYTES) * (HEADERS_BYTES + FRAME_BYTES)

    there = wire_bytes(REQUEST_BYTES + (PAGE_BYTES * pages if is_write else 0))
    back = wire_bytes(REPLY_BYTES + (0 if is_write else PAGE_BYTES * pages))
    expected_ns = 2 * delay_ns + (there + back) * 8 * SECOND_NS // rate_bps
    assert end.answered_ns == [pytest.approx(expected_ns, rel=0.02)]


# ---- many


def test_initiators_that_share_a_port_and_a_disk_get_equal_shares() -> None:
    """Jain's index of what 32 machines swapped: 1 when all got the same, 1/32 when one got everything."""
    scenario = small({
        "nodes.initiator.count": 32,
        "nodes.target.size": "512 MiB",
        "nodes.initiator.touch_rate": "0 pages/s",
        "nodes.initiator.memory": "2 MiB",
        "nodes.initiator.working_set": "3 MiB",
        "nodes.initiator.min_free": "256 KiB",
        "nodes.initiator.nic": "r8169",
    })  # fmt: skip
    cluster = cluster_of(scenario)
    cluster.loop.run_until(4 * SECOND_NS)
    works = [who.machine.workload for who in cluster.initiators.values()]
    pages = [work.swap_in_pages + work.swap_out_pages for work in works]
    assert sum(pages) > 10_000
    assert sum(pages) ** 2 / (32 * sum(page**2 for page in pages)) > 0.999
    assert max(pages) - min(pages) < 0.05 * max(pages)
    served = cluster.targets["target-1"].requests_served
    assert served >= sum(pages)


def test_every_page_is_what_was_written() -> None:
    trouble = {f"links.data.{kind}": "1 %" for kind in ("loss", "reorder", "duplicate")}
    cluster = cluster_of(small({**CALM, **trouble}))
    cluster.loop.run_until(5 * SECOND_NS)
    who = cluster.initiators["initiator-1"]
    assert who.verified_pages > 500
    assert who.corrupt_pages == 0


def test_a_page_that_was_lost_on_the_disk_is_noticed() -> None:
    """Known bad: the disk forgets."""
    cluster = cluster_of(small(CALM))
    cluster.loop.run_until(2 * SECOND_NS)
    who = cluster.initiators["initiator-1"]
    assert who.connection is not None
    who.connection._stored[:] = [0] * len(who.connection._stored)
    cluster.loop.run_until(3 * SECOND_NS)
    assert who.corrupt_pages > 0
    assert "corrupt" in {event.kind for event in cluster.events}


def test_samples_come_ten_times_a_second_from_everybody() -> None:
    cluster = cluster_of(small(CALM))
    cluster.loop.run_until(SECOND_NS)
    assert [s.t_ns for s in cluster.samples if s.node == "target-1"] == [n * 100 * MS_NS for n in range(1, 11)]
    assert {sample.tier for sample in cluster.samples} == {"sim"}
    assert len(cluster.samples) == 20


# ---- what cannot be


def test_a_target_that_is_not_there_is_an_error_with_what_is() -> None:
    nodes = [NodeSetup(name="i", spec=spec_of_small(), shape=Shape(), target="nobody")]
    with pytest.raises(UsageError, match="i needs a target: there is no 'nobody'; there are: none"):
        Cluster(nodes, seed=1, run="test")


def test_a_swap_area_beyond_the_disk_is_an_error() -> None:
    nodes = [
        NodeSetup(name="t", spec=TargetSpec(size_bytes=1 << 20), shape=Shape()),
        NodeSetup(name="i", spec=spec_of_small(), shape=Shape(), target="t"),
    ]
    with pytest.raises(UsageError, match="beyond the disk of t"):
        Cluster(nodes, seed=1, run="test")


def spec_of_small() -> InitiatorSpec:
    spec = plan(small()).nodes[0].spec
    assert isinstance(spec, InitiatorSpec)
    return spec
