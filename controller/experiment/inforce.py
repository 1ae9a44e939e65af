"""Whether a flood was in force: what was sent and what arrived, against what the scenario asked for. Pure.

Datagrams are sent whatever becomes of them, so as many as were asked must have come; each initiator has an equal share.
Streams and requests wait for their receiver, so that something came is all that can be asked of them. On a link that the
scenario itself cuts or makes lossy, fewer may arrive than were sent: there Locust's own count is the measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from controller.experiment.plan import Plan, PlannedNode
from controller.experiment.trace import growth
from nodes.floods import Flood
from nodes.messages import SAMPLE_INTERVAL_NS, Sample
from nodes.units import SECOND_NS, format_ns
from traffic.profiles import Aimed

IN_FORCE_RATIO = 0.5
"""Less of a flood than this is another flood (own)."""
FULL_RATIO = 0.9
"""Less than this is told to the reader: Locust's start, about a second, takes as much of a short flood (own)."""
TAKEN = ("junk_packets", "early_drops", "rcvbuf_drops", "no_buffer_drops", "rx_alloc_failures")

Series = Mapping[str, Sequence[Sample]]


class Flooded(Struct, frozen=True, kw_only=True):
    """A flood as it was. Times are Unix ns."""

    flood: Flood
    began_ns: int
    """When Locust was told to start it ..."""
    stopped_ns: int
    """... and to stop it."""
    ended_ns: int
    """When Locust had."""
    sent: int
    """Packets, segments or requests of all users, as Locust counted them."""

    @property
    def lasted_ns(self) -> int:
        return max(self.stopped_ns - self.began_ns, 1)

    @property
    def asked(self) -> float:
        """Packets, segments or requests: rate times time."""
        return self.flood.rate_pps * self.lasted_ns / SECOND_NS

    @property
    def sent_pps(self) -> float:
        """The mean rate at which it was sent."""
        return self.sent * SECOND_NS / self.lasted_ns


def flooded(
    floods: Sequence[Aimed], began_ns: int, stopped_ns: int, ended_ns: int, sent: Callable[[str], int]
) -> list[Flooded]:
    """What became of the floods of one swarm, told to start at `began_ns` and to stop at `stopped_ns`; at `ended_ns` it had.
    `sent`: what Locust counted for a flood's label."""
    return [_flooded(aimed, began_ns, stopped_ns, ended_ns, sent(aimed.label)) for aimed in floods]


def _flooded(aimed: Aimed, began_ns: int, stopped_ns: int, ended_ns: int, sent: int) -> Flooded:
    flood, start_ns = aimed.flood, began_ns + aimed.flood.start_ns
    if flood.duration_ns and start_ns + flood.duration_ns < stopped_ns:
        stopped_ns = ended_ns = start_ns + flood.duration_ns
    return Flooded(flood=flood, began_ns=start_ns, stopped_ns=stopped_ns, ended_ns=ended_ns, sent=sent)


class Shortfall(Struct, frozen=True, kw_only=True):
    """How a flood was weaker at one initiator than asked, in words with both figures. Where it was not even `in_force`, who
    lived through it proved nothing; who hung under it did so all the same."""

    told: str
    in_force: bool


def shortfalls(flooded: Flooded, series: Series, hindered: frozenset[str] = frozenset()) -> list[Shortfall]:
    """Where the flood was weaker than asked. `series`: the samples of every initiator; `hindered`: those whose links the
    scenario cuts or makes lossy."""
    found = (_shortfall(flooded, name, samples, name in hindered, series) for name, samples in series.items())
    return [short for short in found if short is not None]


def metrics(floods: Sequence[Flooded]) -> dict[str, float]:
    """The mean rates of all `floods` together while any of them went, for Result.metrics; empty without any."""
    if not floods:
        return {}
    time_s = _covered_ns([(flooded.began_ns, flooded.began_ns + flooded.lasted_ns) for flooded in floods]) / SECOND_NS
    return {
        "flood.asked_pps": sum(flooded.asked for flooded in floods) / time_s,
        "flood.sent_pps": sum(flooded.sent for flooded in floods) / time_s,
    }


def _covered_ns(spans: Sequence[tuple[int, int]]) -> int:
    """The time that at least one of `spans` covers."""
    covered_ns = reached_ns = 0
    for start_ns, end_ns in sorted(spans):
        covered_ns += max(end_ns - max(start_ns, reached_ns), 0)
        reached_ns = max(reached_ns, end_ns)
    return covered_ns


def arrived(flooded: Flooded, samples: Sequence[Sample]) -> int:
    """The junk packets, at most, that reached an initiator while `flooded` went (those of floods beside it too), whatever
    became of them there: taken, refused, or lost in its queue. Failed allocations are those of lost packets and of refills,
    hence the bound: every packet is in rx_packets."""
    start_ns, end_ns = flooded.began_ns - SAMPLE_INTERVAL_NS, flooded.ended_ns + SAMPLE_INTERVAL_NS
    grew = {
        name: growth(samples, name, start_ns, end_ns) for name in (*TAKEN, "block_drops", "rx_packets", "pump_drops")
    }
    judged = sum(grew[name] for name in TAKEN) - grew["block_drops"]
    return max(min(judged, grew["rx_packets"]), 0) + grew["pump_drops"]


def hindered(plan: Plan) -> frozenset[str]:
    """The initiators whose junk the scenario itself keeps away at times."""
    return frozenset(node.name for node in plan.nodes if node.role == "initiator" and _loses(plan, node))


def _loses(plan: Plan, node: PlannedNode) -> bool:
    changes = [change.shape_changes for change in plan.changes if change.node == node.name]
    return bool(node.shape.loss_ratio) or any(name in change for change in changes for name in ("cut", "loss_ratio"))


def _shortfall(
    flooded: Flooded, name: str, samples: Sequence[Sample], hindered: bool, series: Series
) -> Shortfall | None:
    flood, share = flooded.flood, flooded.asked / len(series)
    sent, reached = round(flooded.sent / len(series)), arrived(flooded, samples)
    way = f"was sent to {name}" if hindered else f"reached {name}"
    if flood.kind != "udp":
        taken = growth(samples, "junk_held_bytes", flooded.began_ns, flooded.ended_ns) > 0
        if reached or taken or (hindered and sent):
            return None
        return _not_in_force(f"nothing of the {flood.kind} flood {way}")
    came = sent if hindered else min(reached, sent)  # no more datagrams can come than were sent
    seconds = format_ns(round(flooded.lasted_ns, -8))
    due = int(share)  # a flood too short for its first packet is in force without one
    if came >= FULL_RATIO * due:
        return None
    told = f"{came / share:.0%} of the udp flood {way}: {came} of {share:.0f} packets in {seconds}"
    return Shortfall(told=told, in_force=True) if came >= IN_FORCE_RATIO * due else _not_in_force(told)


def _not_in_force(told: str) -> Shortfall:
    return Shortfall(told=f"the flood was not in force: {told}", in_force=False)
