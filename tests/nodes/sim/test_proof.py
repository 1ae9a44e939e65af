"""The proof of a hang: given for one that is for ever, and for nothing that can still be freed."""

from __future__ import annotations

import pickle
from errno import EIO

import pytest
from smallworlds import small

from controller.experiment.scenario import Scenario
from controller.simulated.simulate import Simulation, judged, simulate
from nodes.eventkinds import IoError
from nodes.machine.checks import check
from nodes.machine.retransmit import RTO_MIN_NS
from nodes.sim.cluster import Cluster
from nodes.sim.proof import PERIODS_MAX, Proof, prove, quiet
from nodes.units import MS_NS, SECOND_NS

STALL = "[{kind: target, stalled: true, at: 1 s, duration: 59 s}]"


def flooded(scenario: Scenario) -> Cluster:
    """The world when the last packet of the flood has arrived."""
    run = Simulation(scenario)
    run.warm_up()
    run.flood()
    run.cluster.loop.run_until(run.cluster.loop.now_ns + MS_NS)
    return run.cluster


@pytest.fixture(scope="module")
def hung() -> bytes:
    """A machine that its flood hung for ever, pickled."""
    return pickle.dumps(flooded(small()))


def proved(world: bytes) -> Proof | None:
    cluster: Cluster = pickle.loads(world)
    return prove(cluster, "initiator-1")


def test_a_hang_is_proved_with_its_closed_cycle_and_period(hung: bytes) -> None:
    proof = proved(hung)
    assert proof is not None
    assert [edge.who_frees for edge in proof.cycle] == [edge.waiter for edge in (*proof.cycle[1:], proof.cycle[0])]
    assert proof.period_ns == 120 * SECOND_NS
    assert set(proof.pending.values()) == {1}
    assert "120 s" in proof.sentence()


def test_the_hang_is_what_comes_of_it_in_ten_minutes(hung: bytes) -> None:
    """The proof says for ever; ten minutes of virtual time do not contradict it."""
    cluster: Cluster = pickle.loads(hung)
    work = cluster.initiators["initiator-1"].machine.workload
    before = work.swap_in_pages, work.swap_out_pages, work.progress_pages
    cluster.loop.run_until(600 * SECOND_NS)
    assert (work.swap_in_pages, work.swap_out_pages, work.progress_pages) == before


def test_a_machine_that_moves_is_not_proved_to_hang() -> None:
    assert prove(flooded(small({"policy": "memalloc"})), "initiator-1") is None


def test_a_machine_that_only_waits_for_its_target_is_not_proved_to_hang() -> None:
    """Known good: it stands as still as a hung one, and goes on when the target does."""
    scenario = small({"policy": "memalloc", "floods.0.rate": "10 pps"}, STALL, heal="60 s")
    cluster = flooded(scenario)
    assert not quiet(cluster)
    assert prove(cluster, "initiator-1") is None
    assert judged(simulate(scenario)).verdict == "healthy"


def test_a_hang_that_a_pending_change_may_end_is_not_proved(hung: bytes) -> None:
    """The cable of the target is pulled and put back: whether that helps or not, it is still to come."""
    cluster: Cluster = pickle.loads(hung)
    cluster.change_at(cluster.loop.now_ns + SECOND_NS, "target-1", None, None)
    assert prove(cluster, "initiator-1") is None
    cluster.loop.run_until(cluster.loop.now_ns + SECOND_NS)
    assert prove(cluster, "initiator-1") is not None


def test_nothing_is_proved_while_a_flood_goes_on() -> None:
    run = Simulation(small({"phases.flood": "30 s"}))
    run.warm_up()
    run.flood()
    again = Simulation(small())
    again.warm_up()
    again.cluster.flood(run.cluster.floods[0].planned)
    again.cluster.loop.run_until(20 * SECOND_NS)
    assert again.cluster.initiators["initiator-1"].machine.cycle()
    assert prove(again.cluster, "initiator-1") is None


def test_a_reader_that_empties_its_sockets_ends_what_would_hang() -> None:
    """Known good beside known bad: the same flood, but somebody reads."""
    scenario = small({"floods.0.reader": "fast"})
    assert prove(flooded(scenario), "initiator-1") is None
    assert judged(simulate(scenario)).verdict == "healthy"


def test_other_machines_do_not_keep_a_hang_from_being_proved() -> None:
    """Two machines on a target: each is proved alone, whatever the other one does."""
    cluster = flooded(small({"nodes.initiator.count": 2}))
    copy = pickle.dumps(cluster)
    proofs = [prove(pickle.loads(copy), name) for name in ("initiator-1", "initiator-2")]
    assert [proof.node for proof in proofs if proof] == ["initiator-1", "initiator-2"]


def test_chance_on_the_links_does_not_keep_a_hang_from_being_proved() -> None:
    assert prove(flooded(small({"links.data.loss": "1 %", "links.data.jitter": "50 us"})), "initiator-1")


def test_a_proof_leaves_the_world_as_it_was_and_is_that_of_a_whole_copy() -> None:
    cluster = flooded(small(initiators=2))
    before = (list(cluster.samples), list(cluster.events), sorted(cluster.initiators), len(cluster.floods))
    pending = sorted(act[:3] for act in cluster.loop.pending())
    whole = pickle.loads(pickle.dumps(cluster))
    proof = prove(cluster, "initiator-2")
    assert proof is not None and proof == prove(whole, "initiator-2")
    assert before == (list(cluster.samples), list(cluster.events), sorted(cluster.initiators), len(cluster.floods))
    assert pending == sorted(act[:3] for act in cluster.loop.pending())
    assert len(cluster.targets["target-1"].connections) == 2
    alone = cluster.alone("initiator-2", lambda act: True)
    assert list(alone.initiators) == ["initiator-2"] and not alone.samples
    assert [each.owner for each in alone.targets["target-1"].connections] == ["initiator-2"]


def test_the_end_of_a_hang_is_told_with_its_proof(hung: bytes) -> None:
    """A real TCP gives up, and all requests fail, also those that come: no reclaimer sleeps any more, and none gets on."""
    proof = proved(hung)
    assert proof is not None
    assert (
        "in the model, whose TCP never gives up, none ever will be. A real one does, about 15 minutes"
        in proof.sentence()
    )
    assert "requests fail, and the OOM killer ends the application" in proof.ending
    brief: Cluster = pickle.loads(hung)
    untold = prove(brief, "initiator-1", told=False)
    assert untold is not None and not untold.ending
    assert untold.sentence().endswith("none ever will be")


def test_a_hang_that_is_let_run_ends_when_its_tcp_gives_up(hung: bytes) -> None:
    """15 min 24.6 s after the last acknowledgement, not before."""
    cluster: Cluster = pickle.loads(hung)
    initiator = cluster.initiators["initiator-1"]
    timer, now_ns = initiator.machine.block.timer, cluster.loop.now_ns
    assert timer.deadline_ns is not None
    answered_ns = timer.deadline_ns - (2 * timer.rto_ns - RTO_MIN_NS)
    assert 3 * SECOND_NS < answered_ns < now_ns, "in the flood"
    cluster.loop.run_until(answered_ns + 924_500 * MS_NS)
    assert initiator.machine.block.requests and not initiator.machine.workload.dead
    cluster.loop.run_until(answered_ns + 930 * SECOND_NS)
    assert initiator.machine.workload.dead
    assert [event.detail.brief for event in cluster.events if event.kind == "reconnect"] == ["lost"]
    assert {event.detail.errno for event in cluster.events if isinstance(event.detail, IoError)} == {EIO}
    cluster.loop.run_until(answered_ns + 1200 * SECOND_NS)
    assert not initiator.machine.block.requests
    check(initiator.machine)


def test_a_state_whose_short_form_comes_back_without_the_whole_is_no_proof(
    hung: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known bad: something that only the whole state has is another one after every period."""
    states = iter(range(1000))
    monkeypatch.setattr("nodes.sim.proof.whole_state", lambda *_: (next(states),))
    assert proved(hung) is None
    assert next(states) == 1 + PERIODS_MAX, "taken before, and after every period"
