"""A modelled twin has what the kernel's guest really had."""

from __future__ import annotations

import pytest
from msgspec import structs

from controller.experiment.record import NodeVerdict, Phase, Result
from controller.experiment.scenario import parse
from controller.studies.matched_model import Measured, changes_of, measured, twin, unmatched
from nodes.config import GuestSpec
from nodes.errors import UsageError
from nodes.kernel.protocol import Telemetry
from nodes.messages import Sample
from nodes.units import SECOND_NS

SCENARIO = parse("""
name: guest
nodes:
  initiator: {memory: 128 MiB, min_free: 4 MiB, working_set: 160 MiB, nic: rtl8139, touch_rate: 0 pages/s}
  target: {size: 512 MiB}
policy: memalloc
floods: [{kind: udp, rate: 16 kpps}, {kind: tcp, rate: 1 kpps}]
expect: [{verdict: healthy}]
""")
FOUND = Measured(
    run="r", free_pages=16_640, min_pages=1020, touch_pages_per_s=2711, swap_pages_per_s=2000, sent_ratio=0.75
)


def sample(t_s: float, free: int, low: int = 1020, node: str = "initiator-1", **counters: int) -> Sample:
    t_ns = int(t_s * SECOND_NS)
    return Sample(t_ns=t_ns, node=node, run="r", tier="kernel", free_pages=free, min_pages=low, **counters)


def result(**metrics: float) -> Result:
    node = NodeVerdict(node="initiator-1", verdict="deadlocked", reason="", warmup_pages_per_s=2711.4)
    phases = tuple(
        Phase(name=name, start_ns=start * SECOND_NS, end_ns=(start + 10) * SECOND_NS)
        for name, start in (("warmup", 0), ("flood", 10), ("heal", 20))
    )
    named = {name.replace("_", ".", 1): value for name, value in metrics.items()}
    return Result(run="r", scenario="s", verdict="deadlocked", nodes=(node,), phases=phases, metrics=named)


def test_what_the_guest_had_is_read_from_its_run() -> None:
    pressed = {"progress_pages": 10, "swap_out_pages": 5000}
    later = {"progress_pages": 8000, "swap_out_pages": 9000, "swap_in_pages": 6000}
    own = [sample(0.1, 0, 0), sample(0.2, 16_640, 990, swap_out_pages=1), sample(4, 900, **pressed)]
    own += [sample(9, 900, **later), sample(25, 30_000, progress_pages=8000, swap_out_pages=99_000)]
    samples = [*own, sample(1, 99_999, node="initiator-2")]
    found = measured(result(flood_asked_pps=16_000.0, flood_sent_pps=12_000.0), samples)
    assert found == FOUND and found.usable


def test_telemetry_tells_what_was_for_the_taking_when_the_flood_began() -> None:
    filling = Telemetry(t=1, free=16_000, anon=100, populated=0)
    pressed = Telemetry(t=2, free=900, pcp=40, anon=14_000, populated=40_960)
    flooded = Telemetry(t=3, free=100, pcp=0, anon=11_000, populated=40_960)
    told = [(1 * SECOND_NS, filling), (9 * SECOND_NS, pressed), (15 * SECOND_NS, flooded)]
    assert measured(result(), [sample(5, 900)], told).free_pages == 14_940
    assert measured(result(), [sample(5, 900)], told[2:]).free_pages == 900


def test_a_run_that_measured_nothing_can_be_no_measure() -> None:
    assert not measured(result(), []).usable
    assert measured(result(), []).sent_ratio == 1.0
    assert not measured(Result(run="r", scenario="s"), []).usable


def test_the_twin_has_its_settings_and_all_others_are_the_scenarios() -> None:
    made = twin(SCENARIO, FOUND, "sim")
    initiator = made.nodes.initiator
    assert (initiator.memory_pages, initiator.min_free_pages, initiator.touch_pages_per_s) == (16_640, 1020, 0)
    assert made.nodes.target == structs.replace(SCENARIO.nodes.target, rate_bps=65_536_000)
    assert (initiator.nic, initiator.working_set_pages) == ("rtl8139", SCENARIO.nodes.initiator.working_set_pages)
    assert made.floods == (structs.replace(SCENARIO.floods[0], rate_pps=12_000), SCENARIO.floods[1])
    assert (made.tier, made.policy.name, made.phases) == ("sim", "mainline", SCENARIO.phases)


def test_the_flag_is_the_models_mainline_with_or_without_heads_from_the_reserve() -> None:
    heads = twin(SCENARIO.with_policy("memalloc+head_reserve"), FOUND, "sim")
    assert (heads.policy.name, heads.policy.head_reserve) == ("mainline", True)
    assert twin(SCENARIO.with_policy("none"), FOUND, "sim").policy.name == "none"


def test_a_guest_without_the_senders_rights_is_matched_by_a_machine_without_them() -> None:
    assert twin(SCENARIO.with_policy("unpatched"), FOUND, "sim").nodes.initiator.sender == ""
    assert twin(SCENARIO.with_policy("iface"), FOUND, "sim").nodes.initiator.sender == "memalloc"


def test_a_flood_that_was_sent_as_asked_stays() -> None:
    told = [str(change) for change in changes_of(SCENARIO, structs.replace(FOUND, sent_ratio=0.99))]
    assert told == [
        "nodes.initiator.memory 66560 KiB (what the guest had for the taking)",
        "nodes.initiator.min_free 4080 KiB (read back)",
        "nodes.target.rate 65536 kbit (2000 pages/s, as fast as the guest swapped)",
        "policy mainline (the flag as kernels have it)",
    ]


def test_an_application_with_a_rate_of_its_own_is_matched_by_that() -> None:
    slow = structs.replace(SCENARIO.nodes.initiator, touch_pages_per_s=3000)
    scenario = structs.replace(SCENARIO, nodes=structs.replace(SCENARIO.nodes, initiator=slow))
    made = twin(scenario, FOUND, "sim")
    assert (made.nodes.initiator.touch_pages_per_s, made.nodes.target.rate_bps) == (2711, 0)


def test_a_twin_that_its_tier_cannot_carry_out_is_refused() -> None:
    with pytest.raises(UsageError, match="fits into memory"):
        twin(SCENARIO, structs.replace(FOUND, free_pages=50_000), "sim")


def test_what_cannot_be_matched_is_said() -> None:
    guest = GuestSpec(work="read", transport="nvme", caps="kernel")
    nodes = structs.replace(SCENARIO.nodes, initiator=structs.replace(SCENARIO.nodes.initiator, guest=guest))
    assert len(list(unmatched(structs.replace(SCENARIO, nodes=nodes)))) == 3
    assert not list(unmatched(SCENARIO))
