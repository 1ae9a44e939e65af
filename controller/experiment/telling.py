"""A verdict in one sentence, the first thing a reader sees; and an event in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from controller.experiment.evidence import Evidence
from controller.experiment.record import NodeVerdict
from nodes.eventkinds import Detail, Wait
from nodes.units import format_ns

SHOWN = " The latest evidence shows a closed wait-for cycle"
"""Of a machine whose run proves nothing, before the cycle that its page draws."""


def headline(word: str, node: NodeVerdict, case: Evidence, others: int, of_all: bool) -> str:
    """The story of `node`, the first with the worst verdict, which `others` more have. `of_all`: its reason concerns the
    whole run."""
    who = f"{node.node} and {others} more" if others else node.node
    if node.verdict == "deadlocked":
        return f"Deadlock on {who} {in_flood(case, node.stalled_since_ns or 0)}: {_story(node, case)}"
    tells_who = of_all or node.reason.startswith(node.node)
    told = f"{word}: {node.reason if tells_who else f'{who}: {node.reason}'}."
    return f"{told}{SHOWN}: {_cycle(node.cycle)}." if node.verdict == "inconclusive" and node.cycle else told


def in_flood(case: Evidence, t_ns: int) -> str:
    """`3 s into the flood`."""
    if case.flood is None:
        return in_run(case, t_ns).strip()
    if t_ns < case.flood.start_ns:
        return f"{format_ns(case.flood.start_ns - t_ns)} before the flood"
    if t_ns > case.flood.end_ns:
        return f"{format_ns(t_ns - case.flood.end_ns)} after the flood"
    return f"{format_ns(t_ns - case.flood.start_ns)} into the flood"


def in_run(case: Evidence, t_ns: int) -> str:
    """` 9 s into the run`; empty for a run without any phase."""
    return f" {format_ns(max(t_ns - case.phases[0].start_ns, 0))} into the run" if case.phases else ""


def _story(node: NodeVerdict, case: Evidence) -> str:
    if not node.cycle:
        last = case.samples[-1]
        boost = f" + boost {last.boost_pages}" if last.boost_pages else ""
        state = f"free {last.free_pages} pages (min {last.min_pages}{boost}), {last.in_flight} requests in flight"
        return f"{state}; no wait-for cycle was recorded."
    return f"{_cycle(node.cycle)}."


def _cycle(edges: Sequence[Wait]) -> str:
    return f"{'; '.join(map(_step, edges))}, which only {edges[0].waiter} can free"


def _step(edge: Wait) -> str:
    return f"{edge.waiter} waits for {edge.resource} ({edge.have} there, {edge.need} needed)"


def tell(detail: Detail) -> str:
    """An event's detail in one short line, without lists."""
    parts = [
        _part(key, value) for key, value in msgspec.to_builtins(detail).items() if not isinstance(value, list | tuple)
    ]
    text = ", ".join(parts)
    return text if len(text) <= 160 else text[:159] + "…"


def _part(key: str, value: object) -> str:
    if key.endswith("_ns") and isinstance(value, int | float):
        return f"{key.removesuffix('_ns')} {format_ns(value)}"
    return f"{key} {value}"
