"""What was asked of the nodes and what was read back, as lines for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.experiment.record import Setting
from controller.service.compare import flat
from controller.service.nodes import Node
from nodes.units import format_bps, format_bytes, format_ns

_FORMATS = {"_bytes": format_bytes, "_ns": format_ns, "_bps": format_bps}


def settings(nodes: Iterable[Node]) -> tuple[Setting, ...]:
    """Every setting of `nodes`: their specs, their links with the means, and what they measured afterwards."""
    return tuple(setting for node in nodes for setting in _of(node))


def _of(node: Node) -> Iterator[Setting]:
    if node.desired is None:
        return
    reported = node.reported
    found = flat(reported.spec) if reported and reported.spec else {}
    for path, asked in flat(node.desired.spec).items():
        if path != "type":
            yield Setting(node=node.name, name=path, asked=text(path, asked), in_force=text(path, found.get(path)))
    link = flat(reported.shape) if reported else {}
    means = reported.means if reported else {}
    for path, asked in flat(node.desired.shape).items():
        name = path.rsplit("_", 1)[0] if path != "cut" else path
        yield Setting(
            node=node.name,
            name=path,
            asked=text(path, asked),
            in_force=text(path, link.get(path)),
            means=means.get(name, ""),
        )
    shaped = {path.rsplit("_", 1)[0] for path in link}
    for name, how in means.items():
        if name not in shaped:
            yield Setting(node=node.name, name=name, in_force=how)
    for name, value in (reported.measured if reported else {}).items():
        yield Setting(node=node.name, name=name, in_force=text(name, value))


def text(name: str, value: object) -> str:
    """`value` with the unit that `name` ends with (or holds: `rtt_ns_p50`)."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for unit, format_value in _FORMATS.items():
            if name.endswith(unit) or f"{unit}_" in name:
                return format_value(value)
        return f"{value:g}" if isinstance(value, float) else str(value)
    return str(value)
