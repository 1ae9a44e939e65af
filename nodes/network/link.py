"""A node's data link: applies a shape with whatever means this kernel has, and says what is in force and how.

Rate acts on what the node sends. Delay, jitter, loss, reorder and duplicate act on what it sends where the kernel has
netem, else on what it receives, in a delay line in front of its packets' judge. Either way a packet between two shaped
nodes meets them once, and a round trip grows by twice the delay.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from nodes.config import OPEN_LINK, RATE_BPS_MAX, RATE_BPS_MIN, Shape
from nodes.errors import UsageError
from nodes.network import shaper, steer
from nodes.network.delayline import DelayLine
from nodes.network.relay import Relay
from nodes.network.shaper import Answer, Order

_HELD = {
    "delay_ns": "nfqueue hold",
    "jitter_ns": "nfqueue hold",
    "loss_ratio": "nfqueue",
    "reorder_ratio": "nfqueue hold",
}
"""What the delay line does, and its name in `means`."""


class Link:
    """The link of one data interface, from its opening to `close`. Calls of `apply` must not overlap.

    `hold` does what the kernel cannot. With `relay_number` the link itself carries what arrives through it while needed,
    with that NFQUEUE; without, the caller's own pump must push every packet into `hold` before it judges it.
    """

    def __init__(self, interface: str, random: Random, relay_number: int | None = None) -> None:
        self.interface = interface
        self.hold: DelayLine[Any] = DelayLine(random)
        self._relay_number = relay_number
        self._relay: Relay | None = None
        self._lost = 0
        """By relays that have ended."""
        self._asked = OPEN_LINK
        self._ordered: Shape | None = None
        """What `_answer` answers; None before the first time."""
        self._answer = Answer()
        self._held = OPEN_LINK
        self._cut = False

    @property
    def shape(self) -> Shape:
        """What is in force: qdiscs and rules as read back from the kernel, the rest as the delay line does it."""
        return merge(msgspec.structs.replace(self._held, cut=self._cut), self._answer.shape)

    @property
    def means(self) -> dict[str, str]:
        """How each value that does anything is done: `netem`, `tbf`, `nfqueue hold`, `nfqueue` or `iptables`."""
        shape, means = self.shape, {}
        for field in Shape.__struct_fields__:
            if getattr(shape, field):
                by_kernel = getattr(self._answer.shape, field) is not None
                means[field.rpartition("_")[0] or field] = (
                    self._answer.kind if by_kernel else _HELD.get(field, "iptables")
                )
        return means

    async def apply(self, request: Shape) -> tuple[Shape, dict[str, str]]:
        """Changes what `request` names; answers `shape` and `means` afterwards. Raises UsageError for values that
        contradict each other and LackingError for what this kernel cannot do; `shape` then still tells what is in force."""
        wanted = merge(self._asked, request)
        check(wanted)
        await self._apply_qdisc(wanted)
        await self._apply_hold(_without(wanted, self._answer.shape))
        await self._apply_cut(bool(wanted.cut))
        self._asked = wanted
        return self.shape, self.means

    def dropped(self) -> int:
        """Packets the link itself lost because its queue was full: harness loss."""
        return self._lost + (self._relay.dropped() if self._relay else 0)

    async def close(self) -> None:
        """Makes the interface as it was found."""
        await self.apply(OPEN_LINK)

    async def _apply_qdisc(self, wanted: Shape) -> None:
        if self._kernels_part(wanted) != self._ordered:
            self._answer = await shaper.order(Order(interface=self.interface, shape=wanted, netem=self._answer.netem))
            self._ordered = self._kernels_part(wanted)

    def _kernels_part(self, wanted: Shape) -> Shape:
        """What of `wanted` concerns a qdisc: a change of anything else need not start the shaping program."""
        if self._answer.netem is False:
            return merge(OPEN_LINK, Shape(rate_bps=wanted.rate_bps, duplicate_ratio=wanted.duplicate_ratio))
        return msgspec.structs.replace(wanted, cut=False)

    async def _apply_hold(self, wanted: Shape) -> None:
        self.hold.set(wanted)
        try:
            await self._apply_relay()
        except BaseException:
            self.hold.set(OPEN_LINK)
            self._held = OPEN_LINK
            raise
        self._held = wanted

    async def _apply_relay(self) -> None:
        if self._relay_number is not None and self.hold.active and self._relay is None:
            self._relay = await Relay.start(self.interface, self._relay_number, self.hold)
        elif self._relay is not None and not self.hold.active:
            relay, self._relay = self._relay, None
            self._lost += relay.dropped()
            await relay.stop()

    async def _apply_cut(self, cut: bool) -> None:
        rules = steer.cut_rules(self.interface)
        if cut != self._cut:
            await (steer.install(*rules) if cut else steer.remove(*rules))
            self._cut = set(rules) <= set(await steer.installed())


def merge(base: Shape, request: Shape) -> Shape:
    """`base` with every value that `request` names."""
    named = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
    return msgspec.structs.replace(base, **named)


def check(shape: Shape) -> None:
    """Raises UsageError when `shape` cannot be done on any kernel."""
    if shape.rate_bps and not RATE_BPS_MIN <= shape.rate_bps <= RATE_BPS_MAX:
        raise UsageError(f"a link rate of {shape.rate_bps} bit/s cannot be set: 0 (no limit) or 8 kbit to 34 Gbit can")
    if shape.reorder_ratio and not shape.delay_ns:
        raise UsageError("reorder needs a delay: a reordered packet is one that skips it")


def _without(wanted: Shape, done: Shape) -> Shape:
    """What of `wanted` the delay line has to do, since `done` does not name it."""
    left = {name: getattr(wanted, name) for name in _HELD if getattr(done, name) is None}
    return merge(OPEN_LINK, Shape(**left))
