"""A guest's data link: what a qdisc can do to what the guest sends, and the pulled cable.

Packets to the guest pass a bridge, where no delay line of ours sees them. So what the container tier does with held
packets needs netem here.
"""

from __future__ import annotations

from msgspec.structs import replace

from nodes.config import OPEN_LINK, Shape
from nodes.errors import LackingError
from nodes.kernel.wiring import Wiring
from nodes.network import shaper
from nodes.network.link import check, merge
from nodes.network.shaper import Answer, Order

_NEEDS_NETEM = ("delay_ns", "jitter_ns", "loss_ratio", "reorder_ratio")


class GuestLink:
    """The link of the interface `name`, whose cable is `wiring`, from opening to `close`. Calls must not overlap."""

    def __init__(self, name: str, wiring: Wiring) -> None:
        self._name, self._wiring = name, wiring
        self._answer = Answer(shape=OPEN_LINK)
        self._asked = OPEN_LINK
        self._cut = False

    @property
    def shape(self) -> Shape:
        """What is in force, as read back."""
        return replace(merge(OPEN_LINK, self._answer.shape), cut=self._cut)

    @property
    def means(self) -> dict[str, str]:
        """How each value that does anything is done."""
        shape, means = self.shape, {}
        for field in Shape.__struct_fields__:
            if getattr(shape, field):
                means[field.rpartition("_")[0] or field] = (
                    "bridge port disabled" if field == "cut" else self._answer.kind
                )
        return means

    async def apply(self, request: Shape) -> None:
        """Makes it true. Raises UsageError for values that contradict each other, LackingError for what this kernel cannot
        do; `shape` then still tells what is in force."""
        wanted = merge(self._asked, request)
        check(wanted)
        if replace(wanted, cut=False) != replace(self._asked, cut=False):
            await self._shape(wanted)
        if bool(wanted.cut) != self._cut:
            self._cut = await self._wiring.cut(bool(wanted.cut))
        self._asked = wanted

    async def open(self) -> None:
        """Takes away whatever was applied; the cable of a guest that is gone is plugged in again with the next guest's."""
        self._cut = False
        await self.apply(OPEN_LINK)

    async def _shape(self, wanted: Shape) -> None:
        if self._answer.netem is False:
            _require_no_netem(wanted)
        self._answer = await shaper.order(Order(interface=self._name, shape=wanted, netem=self._answer.netem))
        if self._answer.netem is False:
            _require_no_netem(wanted)


def _require_no_netem(wanted: Shape) -> None:
    asked = [name.rpartition("_")[0] for name in _NEEDS_NETEM if getattr(wanted, name)]
    if asked:
        raise LackingError(
            f"{', '.join(asked)} on a guest's link needs netem, which this kernel lacks (CONFIG_NET_SCH_NETEM): "
            "shape the target's link, or use the container tier"
        )
