"""A rescue in virtual time: what controller.service.rescuing does to live machines, done to simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from controller.record import Rescue
from controller.rescue import IN_FORCE, RESCUE, Change
from controller.trace import STALL_NS
from nodes.errors import UsageError
from nodes.messages import SAMPLE_INTERVAL_NS
from nodes.sim.cluster import Cluster
from nodes.units import SECOND_NS

SHOWN_NS = 2 * SECOND_NS
"""So much of what a machine does when it is back is recorded (own)."""


def standing(cluster: Cluster) -> list[str]:
    """The initiators that live and stand still now."""
    now_ns = cluster.loop.now_ns
    works = {name: who.machine.workload for name, who in cluster.initiators.items()}
    return [name for name, work in works.items() if not work.dead and now_ns - work.last_progress_ns >= STALL_NS]


def rescue(cluster: Cluster, remedies: Sequence[Change], wait_ns: int, advance: Callable[[int], None]) -> None:
    """Tries `remedies` in their order, each on top of those before it, on whoever stands still; `advance` lets virtual time
    go on to a moment."""
    tried = names = standing(cluster)
    for remedy in remedies:
        names = _try(cluster, remedy, names, wait_ns, advance)
    if len(names) < len(tried):
        advance(cluster.loop.now_ns + SHOWN_NS)


def _try(
    cluster: Cluster, remedy: Change, names: Sequence[str], wait_ns: int, advance: Callable[[int], None]
) -> list[str]:
    """Those of `names` that stand still afterwards."""
    asked_ns, waiting = cluster.loop.now_ns, []
    before = {name: cluster.initiators[name].machine.workload.last_progress_ns for name in names}
    for name in names:
        if error := _change(cluster, remedy, name):
            _tell(cluster, name, Rescue(remedy=str(remedy), revived=False, after_ns=0, error=error))
        else:
            waiting.append(name)
    refused = [name for name in names if name not in waiting]
    while waiting and cluster.loop.now_ns < asked_ns + wait_ns:
        advance(min(cluster.loop.now_ns + SAMPLE_INTERVAL_NS, asked_ns + wait_ns))
        for name in list(waiting):
            if cluster.initiators[name].machine.workload.last_progress_ns > before[name]:
                waiting.remove(name)
                _tell(cluster, name, Rescue(remedy=str(remedy), revived=True, after_ns=cluster.loop.now_ns - asked_ns))
    for name in waiting:
        _tell(cluster, name, Rescue(remedy=str(remedy), revived=False, after_ns=wait_ns))
    return [*refused, *waiting]


def _change(cluster: Cluster, remedy: Change, name: str) -> str:
    """Why the machine does not take it; empty when it does."""
    spec = cluster.initiators[name].spec
    if remedy.applied(spec) == spec:
        return IN_FORCE
    try:
        cluster.change_now(name, remedy.applied(spec), None, None)
    except UsageError as error:
        return str(error)
    return ""


def _tell(cluster: Cluster, name: str, told: Rescue) -> None:
    cluster.emit(name, RESCUE, msgspec.to_builtins(told))
