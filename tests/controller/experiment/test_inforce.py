"""Whether a flood was as strong as the scenario asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from testbeds import SCENARIO

from controller.experiment.inforce import Flooded, Shortfall, arrived, hindered, metrics, shortfalls
from controller.experiment.plan import plan
from controller.experiment.scenario import parse
from nodes.floods import Flood
from nodes.messages import Sample
from nodes.units import SECOND_NS

FLOOD = Flood(kind="udp", rate_pps=1000)
BEGAN_NS = 100 * SECOND_NS


def flooded(kind: Any = "udp", sent: int = 10_000) -> Flooded:
    """Ten seconds at 1 kpps."""
    end_ns = BEGAN_NS + 10 * SECOND_NS
    flood = msgspec.structs.replace(FLOOD, kind=kind)
    return Flooded(flood=flood, began_ns=BEGAN_NS, stopped_ns=end_ns, ended_ns=end_ns, sent=sent)


def series(**grew: int) -> list[Sample]:
    """Counters stood at 7 before, and grew by so much during the flood, evenly; every packet is in rx_packets."""
    grew = {"rx_packets": sum(grew.values()), **grew}
    times = range(-10, 111)  # tenths of a second
    return [
        Sample(
            t_ns=BEGAN_NS + tenth * SECOND_NS // 10,
            node="initiator-1",
            run="r",
            **{name: 7 + round(value * min(max(tenth, 0), 100) / 100) for name, value in grew.items()},
        )
        for tenth in times
    ]


def not_in_force(*asked: Any) -> str:
    """What is told of a flood that was none."""
    (found,) = shortfalls(*asked)
    assert not found.in_force and found.told.startswith("the flood was not in force: ")
    return found.told


@pytest.mark.parametrize(
    "field", ["junk_packets", "early_drops", "rcvbuf_drops", "no_buffer_drops", "rx_alloc_failures"]
)
def test_a_full_flood_counts_whatever_becomes_of_it(field: str) -> None:
    samples = series(**{field: 10_000})
    assert arrived(flooded(), samples) == 10_000
    assert shortfalls(flooded(), {"initiator-1": samples}) == []


def test_packets_lost_in_the_harness_arrived_too() -> None:
    assert arrived(flooded(), series(junk_packets=4000, pump_drops=6000, rx_packets=4000)) == 10_000


def test_block_packets_are_no_junk() -> None:
    assert arrived(flooded(), series(no_buffer_drops=500, block_drops=300, rx_packets=40_000)) == 200


def test_failed_refills_are_no_more_than_all_packets() -> None:
    assert arrived(flooded(), series(junk_packets=1000, rx_alloc_failures=9000, rx_packets=1100)) == 1100


def test_below_nine_tenths_is_a_note() -> None:
    told = "80% of the udp flood reached initiator-1: 8000 of 10000 packets in 10 s"
    found = shortfalls(flooded(), {"initiator-1": series(junk_packets=8000)})
    assert found == [Shortfall(told=told, in_force=True)]


def test_no_more_arrived_than_was_sent() -> None:
    refilling = series(junk_packets=4000, rx_alloc_failures=9000, rx_packets=40_000)
    assert "40% of the udp flood reached initiator-1: 4000 of 10000" in not_in_force(
        flooded(sent=4000), {"initiator-1": refilling}
    )


def test_below_half_is_no_flood() -> None:
    assert "not in force: 49% of the udp flood reached initiator-1: 4900" in not_in_force(
        flooded(), {"initiator-1": series(junk_packets=4900)}
    )


def test_a_flood_too_short_for_its_first_packet_is_in_force_without_one() -> None:
    brief = msgspec.structs.replace(
        flooded(sent=0), flood=msgspec.structs.replace(FLOOD, rate_pps=1), stopped_ns=BEGAN_NS + SECOND_NS // 2
    )
    assert shortfalls(brief, {"initiator-1": series()}) == []


def test_each_initiator_has_its_share() -> None:
    half = series(junk_packets=5000)
    assert shortfalls(flooded(), {"initiator-1": half, "initiator-2": half}) == []
    assert "0% of the udp flood reached initiator-2: 0 of 5000" in not_in_force(
        flooded(), {"initiator-1": half, "initiator-2": series(rx_packets=40_000)}
    )


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_of_streams_and_requests_something_must_come(kind: str) -> None:
    assert (
        shortfalls(flooded(kind, sent=0), {"initiator-1": series(junk_packets=1)}) == []
    )  # a connection alone is something
    assert f"nothing of the {kind} flood reached initiator-1" in not_in_force(
        flooded(kind), {"initiator-1": series(rx_packets=40_000)}
    )


def test_on_a_link_that_the_scenario_cuts_what_was_sent_counts() -> None:
    cut = {"initiator-1": series(junk_packets=100)}
    assert shortfalls(flooded(), cut, frozenset({"initiator-1"})) == []
    assert "20% of the udp flood was sent to initiator-1" in not_in_force(
        flooded(sent=2000), cut, frozenset({"initiator-1"})
    )


@pytest.mark.parametrize(
    ("addition", "names"),
    [
        ("", set()),
        ("links: {data: {delay: 5 ms}}", set()),
        ("links: {data: {loss: 1 %}}", {"initiator-1"}),
        ("faults: [{at: 100 ms, kind: cut, duration: 200 ms}]", {"initiator-1"}),
    ],
)
def test_a_scenario_says_which_links_lose(addition: str, names: set[str]) -> None:
    assert hindered(plan(parse(f"{SCENARIO}{addition}\n", "brief.yaml"))) == names


def test_the_rates_are_means_over_the_time_in_which_junk_flowed() -> None:
    first, together = flooded(sent=9000), flooded(sent=8000)
    later = msgspec.structs.replace(
        together, began_ns=first.stopped_ns + SECOND_NS, stopped_ns=first.stopped_ns + SECOND_NS + first.lasted_ns
    )
    assert metrics([first, later]) == {"flood.asked_pps": 1000, "flood.sent_pps": 850}
    assert metrics([first, together]) == {"flood.asked_pps": 2000, "flood.sent_pps": 1700}
    assert metrics([]) == {}
