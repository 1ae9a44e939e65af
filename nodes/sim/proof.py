"""The proof that a machine which stands still will do so for as long as its TCP tries; in the model that is for ever.

Time goes on in a world at its best: without floods or further changes, with the other machines at rest, with links that
lose and delay nothing by chance. Whatever else comes can only delay an answer; none of it frees a page of this machine.
After every driver's watchdog period the state of the machine, of its connection and of all events that are still to come
for it is taken, times relative to now. When a state comes back, and no page was freed nor request answered in between, the
future is that period over and over: nothing that is pending can ever free a page. Timers have reached their caps by then (a
TCP retransmission timer doubles to 120 s), so this takes some minutes of virtual time in which hardly anything happens.

The state is taken in two ways: a short one (`signature`) every 2 s, to find the period; then all of it
(`whole`), which alone makes the proof, at both ends of one more period or of a few.

A real TCP gives up about 15 minutes after the last acknowledgement. What becomes of the machine then is told with the proof.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct, structs

from nodes.eventkinds import Wait
from nodes.machine.nic import INTEL_WATCHDOG_NS
from nodes.machine.retransmit import RTO_MAX_NS
from nodes.sim.cluster import Cluster
from nodes.sim.ending import ending
from nodes.sim.flood import Flood
from nodes.sim.initiator import Initiator
from nodes.sim.whole import whole_state
from nodes.units import SECOND_NS

STEP_NS = INTEL_WATCHDOG_NS
"""A multiple of every period in the machine: direct reclaim's 100 ms, the watchdog's 2 s; and it divides 120 s."""
LIMIT_NS = 6 * RTO_MAX_NS
"""The timeouts from 200 ms up to the cap take 205 s together, two rounds at the cap 240 s: enough, and some more (own)."""

PERIODS_MAX = 8
"""So many periods of the summary are tried for one of the whole (own). A ring whose buffers come from pages that others
share may turn by a slot in each, and would need as many as it has slots: that is not proved."""


class Proof(Struct, frozen=True, kw_only=True):
    """Why a machine never moves again."""

    node: str
    cycle: tuple[Wait, ...]
    """The closed wait-for cycle, with what each waiter needs and what is there."""
    period_ns: int
    """The state came back after this time, with nothing freed nor answered in between."""
    pending: dict[str, int]
    """What is still to come in such a period: kinds of events and how many are scheduled at any time."""
    ending: str = ""
    """What becomes of the machine when a real TCP gives up; one sentence."""

    def sentence(self) -> str:
        """For a reader."""
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.pending.items())) or "nothing"
        return (
            f"proved for {self.node}: its whole state, with every pending event ({kinds}), came back after"
            f" {self.period_ns / SECOND_NS:g} s of quiet without a page freed or a request answered: in the model, whose TCP"
            f" never gives up, none ever will be{f'. {self.ending}' if self.ending else ''}"
        )


def prove(cluster: Cluster, name: str, *, told: bool = True) -> Proof | None:
    """The proof for initiator `name`, or None when it moves, no cycle is closed, or its state does not come back.
    `told`: with its ending.

    While a flood is not over or a change is pending, nothing is proved. What that takes happens to a copy.
    """
    initiator = cluster.initiators[name]
    if not quiet(cluster) or not initiator.machine.cycle():
        return None
    cluster = cluster.alone(name, lambda act: _owner(act) == name)
    initiator = cluster.initiators[name]
    for port in cluster.ports.values():
        port.make_flawless()
    initiator.gives_up = False
    seen: dict[Any, int] = {}
    moved = _moved(initiator)
    end_ns = cluster.loop.now_ns + LIMIT_NS
    while cluster.loop.now_ns < end_ns:
        state = _state(cluster, initiator)
        if _moved(initiator) != moved:
            return None
        if state in seen:
            return _confirmed(cluster, initiator, cluster.loop.now_ns - seen[state], told)
        seen[state] = cluster.loop.now_ns
        cluster.loop.run_until(cluster.loop.now_ns + STEP_NS)
    return None


def _confirmed(cluster: Cluster, initiator: Initiator, period_ns: int, told: bool) -> Proof | None:
    """The proof, when the whole state, too, comes back after that period, or a few: free pieces of a pool may take turns."""
    moved, whole, began_ns = _moved(initiator), _whole(cluster, initiator), cluster.loop.now_ns
    for _ in range(PERIODS_MAX):
        cluster.loop.run_until(cluster.loop.now_ns + period_ns)
        cycle = initiator.machine.cycle()
        if not cycle or _moved(initiator) != moved:
            return None
        if _whole(cluster, initiator) == whole:
            lasted_ns = cluster.loop.now_ns - began_ns
            proof = Proof(node=initiator.name, cycle=cycle, period_ns=lasted_ns, pending=_kinds(cluster))
            return structs.replace(proof, ending=ending(cluster, initiator)) if told else proof
    return None


def quiet(cluster: Cluster) -> bool:
    """Whether no flood goes on, is to come or is still under way, and no change is pending."""
    if any(flood.planned.end_ns > cluster.loop.now_ns for flood in cluster.floods):
        return False
    return not any(_unquiet(act) for _, _, _, act, _ in cluster.loop.pending())


def _unquiet(act: Any) -> bool:
    return getattr(act, "__func__", None) is Cluster.change_now or isinstance(getattr(act, "__self__", None), Flood)


def _moved(initiator: Initiator) -> tuple[int, ...]:
    """Changes with every page freed by an answer and every touch."""
    work = initiator.machine.workload
    return (work.swap_in_pages, work.swap_out_pages, work.progress_pages, initiator.machine.reclaim.oom_kills)


def _state(cluster: Cluster, initiator: Initiator) -> Any:
    now_ns = cluster.loop.now_ns
    connection = initiator.connection.signature(now_ns) if initiator.connection else ()
    coming = sorted(
        (time_ns - now_ns, priority, act.__name__) for time_ns, priority, _, act, _ in cluster.loop.pending()
    )
    return initiator.machine.signature(now_ns), connection, tuple(coming)


def _whole(cluster: Cluster, initiator: Initiator) -> Any:
    """All of the state; of an event that comes at a time of its own, that time once."""
    now_ns = cluster.loop.now_ns
    coming = sorted(cluster.loop.pending(), key=lambda pending: pending[:3])
    events = [
        (time_ns - now_ns, priority, act, () if args == (time_ns,) else args)
        for time_ns, priority, _, act, args in coming
    ]
    return whole_state((initiator.machine, initiator.connection, events), now_ns)


def _owner(act: Any) -> str:
    """The initiator that a pending action is for; empty: none."""
    who = getattr(act, "__self__", None)
    return getattr(who, "owner", "") or getattr(who, "name", "")


def _kinds(cluster: Cluster) -> dict[str, int]:
    kinds = (act.__name__ for *_, act, _ in cluster.loop.pending())
    return dict(Counter(_WORDS.get(kind, kind) for kind in kinds))


_WORDS = {
    "_due": "the machine's own timers (watchdog, reclaim round, retransmission)",
    "_expired": "the target's retransmission timer",
    "_delayed_ack": "delayed acknowledgement",
    "_ack_arrived": "acknowledgement under way",
    "_enter": "packet under way",
    "_leave": "packet under way",
    "done": "request at the disk",
    "_served": "request at the local disk",
}
