from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from nodes.config import OPEN_LINK, Shape
from nodes.errors import LackingError, UsageError
from nodes.kernel import link
from nodes.kernel.link import GuestLink
from nodes.network.shaper import Answer, Order


class Cable:
    """A wiring whose port does as it is told."""

    def __init__(self) -> None:
        self.states: list[bool] = []

    async def cut(self, cut: bool) -> bool:
        self.states.append(cut)
        return cut


class Kernel:
    """One with netem or with tbf alone; remembers what it was asked."""

    def __init__(self, netem: bool) -> None:
        self.netem = netem
        self.orders: list[Order] = []

    async def order(self, wanted: Order) -> Answer:
        self.orders.append(wanted)
        if self.netem:
            return Answer(netem=True, kind="netem", shape=replace(wanted.shape, cut=None))
        return Answer(netem=False, kind="tbf", shape=Shape(rate_bps=wanted.shape.rate_bps))


def a_link(monkeypatch: pytest.MonkeyPatch, netem: bool) -> tuple[GuestLink, Kernel, Cable]:
    kernel, cable = Kernel(netem), Cable()
    monkeypatch.setattr(link.shaper, "order", kernel.order)
    wiring: Any = cable
    return GuestLink("eth1", wiring), kernel, cable


async def test_a_cut_is_a_port_of_the_bridge_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    made, kernel, cable = a_link(monkeypatch, netem=False)
    await made.apply(replace(OPEN_LINK, cut=True))
    assert made.shape.cut and made.means == {"cut": "bridge port disabled"}
    await made.apply(OPEN_LINK)
    await made.apply(OPEN_LINK)
    assert cable.states == [True, False] and kernel.orders == []
    assert made.shape == OPEN_LINK


async def test_the_rate_needs_no_netem_and_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = a_link(monkeypatch, netem=False)
    await made.apply(replace(OPEN_LINK, rate_bps=1_000_000))
    assert made.shape == replace(OPEN_LINK, rate_bps=1_000_000)
    assert made.means == {"rate": "tbf"}


async def test_delay_needs_netem_and_is_refused_without(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = a_link(monkeypatch, netem=False)
    for _ in range(2):
        with pytest.raises(LackingError, match=r"delay, loss .*netem"):
            await made.apply(replace(OPEN_LINK, delay_ns=1000, loss_ratio=0.1))
    assert made.shape == OPEN_LINK
    await made.apply(OPEN_LINK)


async def test_with_netem_all_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = a_link(monkeypatch, netem=True)
    wanted = replace(OPEN_LINK, delay_ns=1000, loss_ratio=0.1)
    await made.apply(wanted)
    assert made.shape == wanted and made.means == {"delay": "netem", "loss": "netem"}


async def test_contradictions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = a_link(monkeypatch, netem=True)
    with pytest.raises(UsageError, match="reorder needs a delay"):
        await made.apply(replace(OPEN_LINK, reorder_ratio=0.5))


async def test_the_next_guest_begins_with_an_open_link(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, cable = a_link(monkeypatch, netem=False)
    await made.apply(replace(OPEN_LINK, rate_bps=1_000_000, cut=True))
    await made.open()
    assert made.shape == OPEN_LINK and cable.states == [True]
