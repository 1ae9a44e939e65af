"""Junk: as much as was asked, at every initiator and socket alike, as far as links and readers let it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from smallworlds import small

from controller.experiment.scenario import Scenario
from controller.simulated.simulate import Simulation
from nodes.sim.cluster import Cluster
from nodes.units import MS_NS, SECOND_NS


def flooded(scenario: Scenario) -> Cluster:
    """The world when the last packet of the flood has arrived; without a warmup, since only packets matter here."""
    run = Simulation(scenario)
    run.flood()
    run.cluster.loop.run_until(run.cluster.loop.now_ns + MS_NS)
    return run.cluster


def asked(**changes: object) -> Scenario:
    """A flood at a machine with much memory, from the start on: nothing is lost for want of pages."""
    base = {
        "nodes.initiator.memory": "40 MiB",
        "nodes.initiator.working_set": "44 MiB",
        "nodes.initiator.touch_rate": "100 pages/s",
        "nodes.initiator.nic": "ideal",
        "floods.0.rate": "5 kpps",
        "floods.0.reader": "fast",
    }
    return small({**base, **{key.replace("__", "."): value for key, value in changes.items()}})


def junk_of(cluster: Cluster, name: str = "initiator-1") -> int:
    return cluster.initiators[name].machine.receiver.junk_packets


@pytest.mark.parametrize("rate", [1, 333, 5000])
def test_a_flood_sends_what_was_asked_from_its_start_to_its_end(rate: int) -> None:
    cluster = flooded(asked(floods__0__rate=f"{rate} pps"))
    assert 0.95 * 2 * rate - 1 <= cluster.floods[0].sent <= 2 * rate  # it may begin a twentieth late
    assert junk_of(cluster) == cluster.floods[0].sent


def test_a_burst_longer_than_the_flood_comes_at_its_end() -> None:
    cluster = flooded(asked(floods__0__burst="1 s", floods__0__duration="900 ms"))
    assert 0.95 * 4500 <= cluster.floods[0].sent <= 4500
    first = next(sample for sample in cluster.samples if sample.junk_packets)
    assert first.t_ns == 4000 * MS_NS  # what the link carried of it in a tenth of a second


def test_its_time_within_the_phase_counts() -> None:
    cluster = flooded(asked(floods__0__start="1 s", floods__0__duration="500 ms"))
    assert 0.95 * 2500 <= cluster.floods[0].sent <= 2500
    before = [sample.junk_packets for sample in cluster.samples if sample.t_ns <= 4 * SECOND_NS]
    assert max(before) == 0


def test_the_rate_is_even() -> None:
    cluster = flooded(asked())
    counts = [s.junk_packets for s in cluster.samples if s.node == "initiator-1" and s.t_ns >= 3 * SECOND_NS]
    assert {later - before for before, later in pairwise(counts[1:])} <= {499, 500, 501, 505, 495}


def test_all_initiators_get_the_same() -> None:
    cluster = flooded(asked(nodes__initiator__count=3, nodes__target__size="256 MiB"))
    counts = [junk_of(cluster, name) for name in cluster.initiators]
    assert sum(counts) == cluster.floods[0].sent
    assert max(counts) - min(counts) <= 1


def test_all_sockets_get_the_same() -> None:
    cluster = flooded(asked(floods__0__sockets=7, floods__0__reader="stalled", floods__0__rate="700 pps"))
    held = [len(socket.queue) for socket in cluster.initiators["initiator-1"].machine.receiver.sockets.values()]
    assert len(held) == 7
    assert max(held) - min(held) <= 1


def test_what_the_link_does_not_carry_is_lost() -> None:
    """A flow above the rate: its share of losses is 1 - rate / offered."""
    cluster = flooded(asked(links__data__rate="20 Mbit"))
    wire_bits = (1400 + 28 + 18) * 8
    assert junk_of(cluster) / cluster.floods[0].sent == pytest.approx(20e6 / (5000 * wire_bits), rel=0.1)


def test_large_datagrams_are_fragments_on_the_wire() -> None:
    cluster = flooded(asked(floods__0__size="4000 B", floods__0__rate="100 pps", floods__0__reader="stalled"))
    assert 190 <= cluster.floods[0].sent <= 200
    assert cluster.initiators["initiator-1"].machine.receiver.rx_packets >= 3 * cluster.floods[0].sent


def test_nothing_comes_through_a_pulled_cable() -> None:
    scenario = small({"floods.0.rate": "1 kpps"}, "[{kind: cut, node: initiator, at: 500 ms, duration: 1 s}]")
    run = Simulation(scenario)
    run.warm_up()
    run.flood()
    counts = {s.t_ns // MS_NS: s.junk_packets for s in run.cluster.samples if s.node == "initiator-1"}
    assert counts[3600] == counts[4400] < counts[4700]


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_stream_that_nobody_reads_stops_at_its_window(kind: str) -> None:
    cluster = flooded(asked(floods__0__kind=kind, floods__0__reader="stalled", floods__0__rcvbuf="100 KiB"))
    flood = cluster.floods[0]
    sockets = cluster.initiators["initiator-1"].machine.receiver.sockets.values()
    assert flood.skipped > flood.sent > 0
    assert all(socket.held_bytes <= socket.rcvbuf_bytes for socket in sockets)
    later = flood.sent
    cluster.loop.run_until(cluster.loop.now_ns + SECOND_NS)
    assert flood.sent == later


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_stream_that_is_read_flows(kind: str) -> None:
    cluster = flooded(asked(floods__0__kind=kind, floods__0__reader="fast", floods__0__rate="1 kpps"))
    assert 1900 <= cluster.floods[0].sent <= 2000


def test_the_seed_decides_where_it_begins() -> None:
    """Packets of different seeds come at other times, of the same seed at the same."""
    worlds = [flooded(asked(seed=seed, floods__0__rate="1 kpps")) for seed in (1, 1, 4)]
    first, again, other = ([s.junk_packets for s in world.samples] for world in worlds)
    assert first == again
    assert first != other


def test_a_burst_comes_at_once() -> None:
    """Five packets a millisecond, or a hundred every twenty; as many in all."""
    even, bunched = flooded(asked()), flooded(asked(floods__0__burst="20 ms"))
    assert even.floods[0].sent == bunched.floods[0].sent
    assert bunched.loop.handled < even.loop.handled
