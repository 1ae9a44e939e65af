"""report.html: one self-contained page of a run. The only importer of Jinja2.

The page carries its scripts, styles and data, asks nothing of any network (its content security policy forbids it), and
escapes every text that comes from a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from controller.experiment.record import THEN, NodeVerdict, Record, Result
from controller.experiment.telling import tell
from controller.experiment.trace import start_ns
from controller.experiment.verdicts import VERDICTS, Look, VerdictName
from controller.report import autopsies, charts, cycle, figures, timeline
from controller.report.words import GLOSSARY, look_of
from controller.store.whole import write_whole
from nodes.eventkinds import PolicySet
from nodes.messages import Event, Sample
from nodes.units import SECOND_NS, format_ns

DRAWN_MAX = 4
"""Initiators that get a timeline of their own, the worst first; the others stand in the table of nodes."""
EVENTS_MAX = 200


@dataclass(frozen=True)
class Chapter:
    """One initiator as the page shows it."""

    node: NodeVerdict
    look: Look
    picture: cycle.Picture | None
    facts: list[str]
    spec: charts.Spec | None
    description: str
    autopsy: autopsies.Examined | None
    files: list[tuple[str, str]]
    """A guest's own, in the run folder: path and what it is."""


def write(folder: Path, record: Record) -> Path:
    """Writes report.html into `folder` and returns its path. Shows scenario.yaml and locust.json of `folder` where they
    are there. Raises OSError when the folder cannot be written."""
    return write_whole(folder / "report.html", render(folder, record))


def render(folder: Path, record: Record) -> str:
    """The page's text."""
    result, samples, events = record.result, record.samples, record.events
    nodes = figures.by_need(result)
    chapters = [_chapter(folder, node, record) for node in nodes[:DRAWN_MAX]]
    template = environment().get_template("report.html")
    return template.render(
        result=result,
        look=look_of(result),
        policies=_policies(result, events),
        looks=[VERDICTS[name] for name in get_args(VerdictName)],
        chapters=chapters,
        undrawn=len(nodes) - len(chapters),
        nodes=[(node, VERDICTS[node.verdict], figures.totals(node.node, samples)) for node in nodes],
        targets=_targets(result, samples),
        unlike=sum(1 for setting in result.settings if setting.asked and setting.asked != setting.in_force),
        events=_told(result, samples, events),
        events_more=max(0, len(events) - EVENTS_MAX),
        scenario=_read(folder / "scenario.yaml"),
        locust=locust_rows(_read(folder / "locust.json")),
        environment=[(key, _plain(value)) for key, value in result.environment.items()],
        glossary=GLOSSARY,
        bundle=Markup(charts.bundle()) if any(chapter.spec for chapter in chapters) else "",
    )


def environment() -> Environment:
    """The templates, with escaping, and filters for quantities."""
    environment = Environment(
        loader=PackageLoader("controller.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {"duration": format_ns, "moment": _moment, "count": _count, "rate": _rate, "sentence": _sentence}
    )
    return environment


def _chapter(folder: Path, node: NodeVerdict, record: Record) -> Chapter:
    counted = figures.totals(node.node, record.samples)
    drawn = timeline.build(node.node, record, width_px=charts.WIDTH)
    description = figures.describe(node, counted, drawn.span_s)
    spec = charts.spec(drawn, record.result.tier) | {"description": description} if drawn.rows else None
    facts = figures.why_no_cycle(node, counted)
    autopsy = autopsies.last(node.node, record.events, start_ns(record.result, record.samples))
    own = autopsies.files(node.node, folder)
    return Chapter(node, VERDICTS[node.verdict], cycle.draw(node.cycle), facts, spec, description, autopsy, own)


def _policies(result: Result, events: Sequence[Event]) -> str:
    """The policy at the start and those that were switched to, in order. A run by hand names them itself."""
    if THEN in result.policy:
        return result.policy.replace(THEN, " → ")
    ordered = sorted(events, key=lambda event: event.t_ns)
    switched = [event.detail.policy for event in ordered if isinstance(event.detail, PolicySet)]
    names = [result.policy or "not recorded", *switched]
    return " → ".join(name for i, name in enumerate(names) if i == 0 or name != names[i - 1])


def _targets(result: Result, samples: Sequence[Sample]) -> list[tuple[str, figures.Totals]]:
    judged = {node.node for node in result.nodes}
    names = sorted({sample.node for sample in samples} - judged)
    return [(name, counted) for name in names if (counted := figures.totals(name, samples))]


def _told(result: Result, samples: Sequence[Sample], events: Sequence[Event]) -> list[tuple[float, Event, str]]:
    zero = start_ns(result, samples)
    ordered = sorted(events, key=lambda event: event.t_ns)[:EVENTS_MAX]
    return [((event.t_ns - zero) / SECOND_NS, event, tell(event.detail)) for event in ordered]


def locust_rows(text: str) -> list[dict[str, str]]:
    """Locust's statistics, a row per name: from its own JSON (a list of entries, or an object with `stats`). Empty when
    there are none or the file holds something else."""
    try:
        found: Any = json.loads(text or "[]")
    except ValueError:
        return []
    entries = found.get("stats", []) if isinstance(found, Mapping) else found
    return [_locust_row(entry) for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


_LOCUST = {
    "kind": ("method",),
    "name": ("name",),
    "requests": ("num_requests",),
    "failures": ("num_failures",),
    "median, ms": ("median_response_time",),
    "mean, ms": ("avg_response_time",),
    "longest, ms": ("max_response_time",),
    "per second": ("current_rps", "total_rps"),
}


def _locust_row(entry: Mapping[str, Any]) -> dict[str, str]:
    return {title: _plain(next((entry[key] for key in keys if key in entry), "")) for title, keys in _LOCUST.items()}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _rate(value) if isinstance(value, float) else _count(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _moment(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if t_ns else "unknown"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _count(value: int) -> str:
    return f"{value:,}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"
