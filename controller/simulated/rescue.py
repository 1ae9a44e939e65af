"""A rescue in virtual time: what controller.service.rescuing does to live machines, done to simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.experiment.rescue import IN_FORCE, SHOWN_NS, LiveRemedy
from controller.experiment.trace import STALL_NS
from nodes.errors import UsageError
from nodes.eventkinds import Rescue
from nodes.messages import SAMPLE_INTERVAL_NS
from nodes.sim.cluster import Cluster


def standing(cluster: Cluster) -> list[str]:
    """The initiators that live and stand still now."""
    now_ns = cluster.loop.now_ns
    works = {name: who.machine.workload for name, who in cluster.initiators.items()}
    return [name for name, work in works.items() if not work.dead and now_ns - work.last_progress_ns >= STALL_NS]


def rescue(cluster: Cluster, remedies: Sequence[LiveRemedy], wait_ns: int, advance: Callable[[int], None]) -> None:
    """Tries `remedies` in their order, each on top of those before it, on whoever stands still; `advance` lets virtual time
    go on to a moment."""
    names = standing(cluster)
    for remedy in remedies:
        names = _try(cluster, remedy, names, wait_ns, advance)


def _try(
    cluster: Cluster, remedy: LiveRemedy, names: Sequence[str], wait_ns: int, advance: Callable[[int], None]
) -> list[str]:
    """Those of `names` that stand still afterwards."""
    end_ns, waiting = cluster.loop.now_ns + wait_ns, []
    for name in names:
        if error := _change(cluster, remedy, name):
            _tell(cluster, name, Rescue(remedy=str(remedy), revived=False, after_ns=0, error=error))
        else:
            waiting.append(_Waiting(cluster, name, end_ns))
    refused = [name for name in names if name not in {one.name for one in waiting}]
    while waiting and (cluster.loop.now_ns < end_ns or any(one.moved_ns for one in waiting)):
        advance(cluster.loop.now_ns + SAMPLE_INTERVAL_NS)
        for one in [one for one in waiting if one.is_back()]:
            waiting.remove(one)
            after_ns = one.moved_ns - one.asked_ns
            _tell(cluster, one.name, Rescue(remedy=str(remedy), revived=True, after_ns=after_ns))
    for one in waiting:
        _tell(cluster, one.name, Rescue(remedy=str(remedy), revived=False, after_ns=wait_ns))
    return [*refused, *(one.name for one in waiting)]


class _Waiting:
    """A machine on which a remedy was tried."""

    def __init__(self, cluster: Cluster, name: str, end_ns: int) -> None:
        self.name, self.asked_ns = name, cluster.loop.now_ns
        self.moved_ns = 0  # when its first page was seen, until it is known whether it goes on
        self._cluster, self._end_ns = cluster, end_ns
        self._work = cluster.initiators[name].machine.workload
        self._stood_ns = self._work.last_progress_ns

    def is_back(self) -> bool:
        """Whether it moved, and still did SHOWN_NS later. One that stopped again may move in what is left of the time."""
        now_ns = self._cluster.loop.now_ns
        if not self.moved_ns:
            self.moved_ns = now_ns if self._work.last_progress_ns > self._stood_ns and now_ns <= self._end_ns else 0
            return False
        if now_ns < self.moved_ns + SHOWN_NS:
            return False
        if self._work.dead or now_ns - self._work.last_progress_ns >= STALL_NS:
            self.moved_ns, self._stood_ns = 0, self._work.last_progress_ns
            return False
        return True


def _change(cluster: Cluster, remedy: LiveRemedy, name: str) -> str:
    """Why the machine does not take it; empty when it does."""
    spec = cluster.initiators[name].spec
    if remedy.applied(spec) == spec:
        return IN_FORCE
    try:
        cluster.change_now(name, remedy.applied(spec))
    except UsageError as error:
        return str(error)
    return ""


def _tell(cluster: Cluster, name: str, told: Rescue) -> None:
    cluster.emit(name, told)
