"""Qdiscs: arguments and dumps through pyroute2's own encoder, and tbf on a real kernel."""

from __future__ import annotations

from typing import Any

import netspaces
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2 import IPRoute
from pyroute2.netlink.rtnl import TC_H_ROOT
from pyroute2.netlink.rtnl.tcmsg import sched_netem, tcmsg

from nodes.config import OPEN_LINK, RATE_BPS_MAX, RATE_BPS_MIN, Shape
from nodes.errors import LackingError
from nodes.network import shaping
from nodes.network.link import merge
from nodes.network.shaper import Answer, Order


def through_netlink(kind: str, options: dict[str, Any]) -> Any:
    """The message of a qdisc as bytes and back."""
    sent = tcmsg()
    sent["parent"] = TC_H_ROOT
    sent["attrs"] = [("TCA_KIND", kind), ("TCA_OPTIONS", options)]
    sent.encode()
    received = tcmsg(sent.data)
    received.decode()
    return received


@given(
    st.builds(
        Shape,
        rate_bps=st.integers(RATE_BPS_MIN, RATE_BPS_MAX),
        delay_ns=st.integers(0, 10_000_000_000),
        jitter_ns=st.integers(0, 10_000_000_000),
        loss_ratio=st.floats(0, 1),
        reorder_ratio=st.floats(0, 1),
        duplicate_ratio=st.floats(0, 1),
    )
)
def test_netem_values_come_back_as_asked_but_for_rounding(shape: Shape) -> None:
    planned = shaping.plan(shape, netem=True, mtu_bytes=1500)
    assert planned is not None and planned[0] == "netem"
    message = through_netlink("netem", sched_netem.get_parameters(planned[1]))
    kind, found = shaping.values([message])
    assert kind == "netem"
    for name, tolerance in (("rate_bps", 8), ("delay_ns", 1064), ("jitter_ns", 1064)):
        assert 0 <= getattr(shape, name) - getattr(found, name) < tolerance
    for name in ("loss_ratio", "reorder_ratio", "duplicate_ratio"):
        assert getattr(found, name) == pytest.approx(getattr(shape, name), abs=1e-8)


def test_a_netem_rate_is_always_named_so_that_a_change_can_take_it_back() -> None:
    planned = shaping.plan(merge(OPEN_LINK, Shape(delay_ns=1_000_000)), netem=True, mtu_bytes=1500)
    assert planned is not None and planned[1]["rate"] == 0


def test_a_dump_as_the_kernel_lays_it_out() -> None:
    # Written by hand after netem_dump in net/sched/sch_netem.c, for delay 10ms 2ms loss 1% duplicate 0.5% reorder 25%.
    # A kernel adds attributes that pyroute2 does not know (TCA_NETEM_LATENCY64), which it then names UNKNOWN.
    qdiscs: list[dict[str, Any]] = [
        {"parent": TC_H_ROOT - 1, "attrs": [("TCA_KIND", "pfifo")]},
        {
            "parent": TC_H_ROOT,
            "attrs": [
                ("TCA_KIND", "netem"),
                (
                    "TCA_OPTIONS",
                    {
                        "delay": 156250,
                        "limit": 1000,
                        "loss": 42949672,
                        "gap": 1,
                        "duplicate": 21474836,
                        "jitter": 31250,
                        "attrs": [
                            ("UNKNOWN", {"header": {"length": 12, "type": 10}}),
                            ("TCA_NETEM_REORDER", {"prob_reorder": 1073741823, "corr_reorder": 0}),
                        ],
                    },
                ),
            ],
        },
    ]
    kind, shape = shaping.values(qdiscs)
    assert (kind, shape.rate_bps, shape.delay_ns, shape.jitter_ns) == ("netem", 0, 10_000_000, 2_000_000)
    assert (shape.loss_ratio, shape.duplicate_ratio, shape.reorder_ratio) == pytest.approx(
        (0.01, 0.005, 0.25), abs=1e-8
    )


def test_without_netem_the_rate_is_tbfs_and_duplicates_are_refused() -> None:
    shape = merge(OPEN_LINK, Shape(rate_bps=20_000_000, delay_ns=10_000_000))
    planned = shaping.plan(shape, netem=False, mtu_bytes=1500)
    assert planned is not None and planned[0] == "tbf"
    assert planned[1]["burst"] >= 2 * 1514
    assert shaping.plan(merge(shape, Shape(rate_bps=0)), netem=False, mtu_bytes=1500) is None
    with pytest.raises(LackingError, match="duplicate needs netem"):
        shaping.plan(merge(shape, Shape(duplicate_ratio=0.1)), netem=False, mtu_bytes=1500)


def test_an_open_link_needs_no_qdisc() -> None:
    assert shaping.plan(OPEN_LINK, netem=True, mtu_bytes=1500) is None
    assert shaping.values([]) == ("", Shape())


def orders(*shapes: Shape) -> list[Answer]:
    """The answers to `shapes`, one after the other, for a kernel said to have no netem."""
    with IPRoute() as ip:
        wanted = [Order(interface="left", shape=merge(OPEN_LINK, shape), netem=False) for shape in shapes]
        return [shaping.apply(ip, order) for order in wanted]


@pytest.mark.net_admin
def test_tbf_is_set_changed_and_taken_away_and_read_back() -> None:
    with netspaces.pair() as (left, _):
        rates = (RATE_BPS_MIN, 20_000_001, 1_000_000_000, RATE_BPS_MAX)
        answers = netspaces.run_in(left, orders, *(Shape(rate_bps=rate) for rate in rates), Shape(), Shape())
    assert [answer.kind for answer in answers] == ["tbf"] * 4 + [""] * 2
    assert {answer.netem for answer in answers} == {False}
    found = [answer.shape.rate_bps for answer in answers]
    assert found == [RATE_BPS_MIN, 20_000_000, 1_000_000_000, RATE_BPS_MAX, None, None]


@pytest.mark.net_admin
def test_a_missing_interface_is_told() -> None:
    def work() -> None:
        with pytest.raises(LackingError, match="no interface left"):
            orders(Shape(rate_bps=1_000_000))

    with netspaces.namespace() as space:
        netspaces.run_in(space, work)
