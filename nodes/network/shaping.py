"""Shapes what an interface sends with a root qdisc: netem where the kernel has it, else tbf for the rate.

Importing pyroute2 takes about 10 MiB of private memory and brings an event loop of its own, too much beside a machine
in a tight cgroup. So this module is a program: `nodes.network.shaper` runs it for each change, one `Order` on standard
input, one `Answer` on standard output.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import TC_H_ROOT
from pyroute2.netlink.rtnl.tcmsg import sched_netem, sched_tbf

from nodes.config import Shape
from nodes.errors import LackingError
from nodes.network.shaper import Answer, Order
from nodes.units import US_NS

TICK_NS = 64
"""A tick of the traffic control's clock, in which netem counts (include/net/pkt_sched.h, PSCHED_SHIFT)."""
FRAME_BYTES = 14
"""Ethernet's header, which tbf counts too."""
TBF_BURST_S = 0.001
"""What may leave at once, as time at the full rate (own): keeps wake-ups at 1000/s and bursts short."""
TBF_QUEUE_S = 0.1
"""What may wait for tokens, as time at the full rate (own): a tenth of a second, like a home router's."""
GSO_BYTES = 65_536
"""Room in the queue for one packet that the kernel has not cut up yet."""
NETEM_PPS = 200_000
"""Packets per second that netem must be able to hold for the whole delay: the most a flood sends."""
NETEM_QUEUE_PACKETS = 1000
"""What may wait beyond that: netem's own default and the usual txqueuelen."""
U32 = 2**32 - 1

Qdisc = tuple[str, dict[str, Any]]

# pyroute2 0.9 takes `rate` out of tbf's request when it has become an option, but leaves netem's in, where it is taken for
# the unrelated attribute TCA_RATE and cannot be encoded.
sched_netem.fix_request = sched_tbf.fix_request


def plan(shape: Shape, netem: bool, mtu_bytes: int) -> Qdisc | None:
    """The root qdisc for `shape` (no used value None) as kind and pyroute2 arguments; None: none is needed. Without
    netem only the rate is done here. Raises LackingError for duplicates then: no other means can make them."""
    if netem:
        return ("netem", _netem_arguments(shape)) if _any(shape) else None
    if shape.duplicate_ratio:
        raise LackingError("duplicate needs netem, which this kernel lacks (CONFIG_NET_SCH_NETEM)")
    return ("tbf", _tbf_arguments(shape.rate_bps, mtu_bytes)) if shape.rate_bps else None


def values(qdiscs: Iterable[Mapping[str, Any]]) -> tuple[str, Shape]:
    """Kind and values in force of the root qdisc in a dump; what its kind does not do is None. Kind is empty when the
    root qdisc is none of ours."""
    for qdisc in qdiscs:
        kind = _attribute(qdisc, "TCA_KIND")
        if qdisc["parent"] == TC_H_ROOT and kind in ("netem", "tbf"):
            options = _attribute(qdisc, "TCA_OPTIONS")
            return kind, _netem_values(options) if kind == "netem" else _tbf_values(options)
    return "", Shape()


def apply(ip: IPRoute, order: Order) -> Answer:
    """Makes `order` true and reads it back. Raises LackingError."""
    index = next(iter(ip.link_lookup(ifname=order.interface)), None)
    if index is None:
        raise LackingError(f"there is no interface {order.interface}")
    mtu_bytes = _attribute(ip.get_links(index)[0], "IFLA_MTU")
    netem = _install(ip, index, order, mtu_bytes)
    kind, shape = values(ip.get_qdiscs(index=index))
    return Answer(netem=netem, kind=kind, shape=shape)


def _install(ip: IPRoute, index: int, order: Order, mtu_bytes: int) -> bool | None:
    """Whether netem exists; None while nobody needed to know."""
    if order.netem is not False:
        qdisc = plan(order.shape, True, mtu_bytes)
        try:
            _replace(ip, index, qdisc)
            return True if qdisc else order.netem
        except NetlinkError as error:
            if error.code != errno.ENOENT or order.netem:  # ENOENT: the kernel knows no qdisc of this kind
                raise
    _replace(ip, index, plan(order.shape, False, mtu_bytes))
    return False


def _replace(ip: IPRoute, index: int, qdisc: Qdisc | None) -> None:
    if qdisc is not None:
        ip.tc("replace", qdisc[0], index=index, **qdisc[1])
    elif values(ip.get_qdiscs(index=index))[0]:
        ip.tc("del", index=index, parent=TC_H_ROOT)


def _any(shape: Shape) -> bool:
    """Whether `shape` asks for anything of a qdisc."""
    return any((shape.rate_bps, shape.delay_ns, shape.jitter_ns, shape.loss_ratio, shape.duplicate_ratio))


def _netem_arguments(shape: Shape) -> dict[str, Any]:
    delay_ns, jitter_ns = shape.delay_ns or 0, shape.jitter_ns or 0
    return {
        "delay": delay_ns // US_NS,
        "jitter": jitter_ns // US_NS,
        "loss": 100 * (shape.loss_ratio or 0),
        "duplicate": 100 * (shape.duplicate_ratio or 0),
        "prob_reorder": 100 * (shape.reorder_ratio or 0),
        # Always named, in bytes per second: a change that does not name the rate leaves the old one in force.
        "rate": (shape.rate_bps or 0) // 8,
        "limit": NETEM_QUEUE_PACKETS + NETEM_PPS * (delay_ns + jitter_ns) // 1_000_000_000,
    }


def _tbf_arguments(rate_bps: int, mtu_bytes: int) -> dict[str, Any]:
    rate = rate_bps // 8
    burst = max(2 * (mtu_bytes + FRAME_BYTES), int(rate * TBF_BURST_S))
    return {"rate": rate, "burst": burst, "limit": burst + max(GSO_BYTES, int(rate * TBF_QUEUE_S))}


def _netem_values(options: Mapping[str, Any]) -> Shape:
    reorder = _attribute(options, "TCA_NETEM_REORDER")
    rate = _attribute(options, "TCA_NETEM_RATE")
    return Shape(
        rate_bps=8 * rate["rate"] if rate else 0,
        delay_ns=options["delay"] * TICK_NS,
        jitter_ns=options["jitter"] * TICK_NS,
        loss_ratio=_ratio(options["loss"]),
        reorder_ratio=_ratio(reorder["prob_reorder"]) if reorder and options["gap"] else 0.0,
        duplicate_ratio=_ratio(options["duplicate"]),
    )


def _tbf_values(options: Mapping[str, Any]) -> Shape:
    return Shape(rate_bps=8 * _attribute(options, "TCA_TBF_PARMS")["rate"])


def _ratio(value: int) -> float:
    return round(value / U32, 9)


def _attribute(message: Mapping[str, Any], name: str) -> Any:
    return next((attribute[1] for attribute in message["attrs"] if attribute[0] == name), None)


def _answer(order: Order) -> Answer:
    try:
        with IPRoute() as ip:
            return apply(ip, order)
    except LackingError as error:
        return Answer(error=str(error))
    except NetlinkError as error:
        if error.code in (errno.EPERM, errno.EACCES):
            return Answer(error="shaping is not permitted: this process needs the capability NET_ADMIN")
        return Answer(error=f"the kernel refuses to shape {order.interface}: {error}")


if __name__ == "__main__":
    answer = _answer(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
