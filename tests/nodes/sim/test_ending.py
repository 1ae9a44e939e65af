"""How a machine ends when its TCP gives up. That of a hang under junk: test_proof."""

from __future__ import annotations

from smallworlds import small

from controller.simulated.simulate import Simulation
from nodes.config import Shape
from nodes.eventkinds import IoError
from nodes.sim.cluster import Cluster
from nodes.sim.ending import ending
from nodes.units import SECOND_NS


def calm(policy: str = "memalloc+slab") -> Cluster:
    """It swaps, and nobody hinders it."""
    run = Simulation(small({"policy": policy, "floods.0.rate": "10 pps"}))
    run.warm_up()
    return run.cluster


def test_an_application_that_reads_dies_of_the_page_that_does_not_come() -> None:
    """The cable is out for good: whoever waits for a page gets an error instead (do_swap_page: VM_FAULT_SIGBUS)."""
    cluster = calm()
    cluster.ports["initiator-1"].shape(Shape(cut=True))
    cluster.loop.run_until(cluster.loop.now_ns + 5 * SECOND_NS)
    initiator = cluster.initiators["initiator-1"]
    requests = len(initiator.machine.block.requests)
    assert requests
    told = ending(cluster, initiator)
    assert (
        f"then {requests} requests fail, and the application dies of a page that cannot be read back (SIGBUS)" in told
    )
    assert initiator.machine.workload.dead and initiator.machine.reclaim.oom_kills == 0
    assert sum(isinstance(event.detail, IoError) for event in cluster.events) >= requests


def test_a_machine_all_of_whose_bytes_are_acknowledged_waits_on() -> None:
    """A local disk sends none at all."""
    cluster = calm("local")
    told = ending(cluster, cluster.initiators["initiator-1"])
    assert told.startswith("Nor would a real one here")
