"""A run drawn for people: report.html, junit.xml, and the timeline as a PNG."""

from __future__ import annotations

from controller.experiment.record import Record
from controller.experiment.verdicts import VERDICTS
from controller.report import charts, timeline
from controller.report.figures import by_need
from controller.report.junit import junit
from controller.report.page import write
from nodes.errors import UsageError

__all__ = ["junit", "picture", "write"]


def picture(record: Record, *, node: str = "", scale: float = 2.0) -> bytes:
    """The timeline of `node` (empty: of the initiator that fared worst) as a PNG on white, `scale` pixels per point.
    Raises UsageError when the run has no samples of it."""
    result = record.result
    node = node or next((verdict.node for verdict in by_need(result)), "")
    drawn = timeline.build(node, record, width_px=charts.WIDTH)
    if not drawn.rows:
        raise UsageError(f"run {result.run} has no samples of '{node}': there is nothing to draw")
    word = VERDICTS[result.verdict].word.lower()
    return charts.png(drawn, result.tier, f"{result.scenario}, policy {result.policy}, {node}: {word}", scale=scale)
