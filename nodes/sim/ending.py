"""What becomes of a machine that hangs when its TCP gives up, as a real one does (physics.md section 0)."""

from __future__ import annotations

from nodes.machine.retransmit import RETRIES2, RTO_MAX_NS
from nodes.sim.cluster import Cluster
from nodes.sim.initiator import Initiator
from nodes.units import SECOND_NS

AFTERMATH_NS = 60 * SECOND_NS
"""So long it is watched afterwards: many bio rounds and rounds of reclaim (own)."""


def ending(cluster: Cluster, initiator: Initiator) -> str:
    """One sentence. The state that comes back whole is that of the last try as well: only `tries` differs. `cluster` is used
    up."""
    machine, timer = initiator.machine, initiator.machine.block.timer
    if timer.deadline_ns is None:
        return "Nor would a real one here: all that was sent is acknowledged, and nbd sets no limit of its own"
    initiator.gives_up, timer.tries = True, RETRIES2
    requests, kills, touched = len(machine.block.requests), machine.reclaim.oom_kills, machine.workload.progress_pages
    cluster.loop.run_until(cluster.loop.now_ns + RTO_MAX_NS + AFTERMATH_NS)
    if machine.reclaim.oom_kills > kills:
        fate = "the OOM killer ends the application"
    elif machine.workload.dead:
        fate = "the application dies of a page that cannot be read back (SIGBUS)"
    elif machine.workload.progress_pages > touched:
        fate = "the application runs on with the pages that it has"
    else:
        fate = "the application still stands, without its swap"
    return f"A real one does, about 15 minutes after the last answer: then {requests} requests fail, and {fate}"
