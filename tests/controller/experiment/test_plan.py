"""Goal: a plan says exactly who is what and what happens when, with every time counted from the start of the run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.experiment.evidence import Evidence
from controller.experiment.plan import Plan, plan
from controller.experiment.planwords import described
from controller.experiment.scenario import ScenarioErrors, parse
from nodes.config import OPEN_LINK, InitiatorSpec, Shape, Spec, TargetSpec
from nodes.errors import UsageError
from nodes.eventkinds import FaultSet
from nodes.kernel.commandline import container_bytes, storage_container_bytes
from nodes.units import MS_NS, SECOND_NS, US_NS

MIB = 1 << 20

TEXT = """\
name: small
nodes:
  initiator: {{count: {initiators}, memory: 64 MiB, working_set: 96 MiB, touch_rate: 4 kpages/s}}
  target: {{count: {targets}, size: 400 MiB, latency: 200 us}}
links:
  data: {{rate: 1 Gbit, delay: 200 us}}
policy: none
floods:
  - {{kind: udp, rate: 1 kpps, sockets: 4, start: 1 s, duration: 5 s}}
  - {{kind: tcp, rate: 1 kpps, sockets: 2, start: 6 s}}
faults: [{faults}]
phases: {{warmup: 6 s, flood: 20 s, heal: 15 s}}
expect: [verdict: healthy]
"""


def planned(*faults: str, initiators: int = 1, targets: int = 1, policy: str = "") -> Plan:
    text = TEXT.format(initiators=initiators, targets=targets, faults=", ".join(faults))
    return plan(parse(text), policy)


def initiator(work: Plan, index: int) -> InitiatorSpec:
    spec = [node.spec for node in work.nodes if node.role == "initiator"][index]
    assert isinstance(spec, InitiatorSpec)
    return spec


def settings_over_time(work: Plan, name: str) -> list[tuple[float, Spec, Shape]]:
    """What the settings of a node are after each change, with the seconds."""
    node = next(node for node in work.nodes if node.name == name)
    spec, shape = node.spec, node.shape
    found: list[tuple[float, Spec, Shape]] = []
    for change in work.changes:
        if change.node == name:
            spec, shape = change.apply(spec, shape)
            found.append((change.at_ns / SECOND_NS, spec, shape))
    return found


def test_nodes_are_what_the_scenario_says() -> None:
    work = planned()
    first, target = work.nodes
    assert (first.name, first.role, first.target, target.name) == ("initiator-1", "initiator", "target-1", "target-1")
    assert initiator(work, 0).machine.memory_pages == 16384
    assert initiator(work, 0).policy.name == "none"
    assert [(sink.kind, sink.port, sink.sockets) for sink in initiator(work, 0).sinks] == [
        ("udp", 9000, 4),
        ("tcp", 9004, 2),
    ]
    assert target.spec == TargetSpec(size_bytes=400 * MIB, latency_ns=200 * US_NS)
    assert first.shape == target.shape
    assert (first.memory_limit_bytes, target.memory_limit_bytes) == (160 * MIB, 464 * MIB)


def test_initiators_take_turns_on_targets_and_never_overlap() -> None:
    work = planned(initiators=5, targets=2)
    places = [
        (node.target, initiator(work, index).swap_offset_bytes // MIB) for index, node in enumerate(work.nodes[:5])
    ]
    assert places == [("target-1", 0), ("target-2", 0), ("target-1", 96), ("target-2", 96), ("target-1", 192)]


@given(initiators=st.integers(1, 8), targets=st.integers(1, 4))
def test_every_swap_area_lies_on_its_disk_alone(initiators: int, targets: int) -> None:
    text = TEXT.format(initiators=initiators, targets=targets, faults="").replace("400 MiB", "768 MiB")
    areas: dict[str, list[tuple[int, int]]] = {}
    work = plan(parse(text))
    for node in work.nodes:
        if isinstance(node.spec, InitiatorSpec):
            start = node.spec.swap_offset_bytes
            areas.setdefault(node.target, []).append((start, start + node.spec.machine.working_set_pages * 4096))
    for taken in areas.values():
        taken.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(taken))
        assert taken[-1][1] <= 768 * MIB


def test_the_nodes_that_are_online_take_the_parts() -> None:
    text = TEXT.format(initiators=2, targets=1, faults="{at: 1 s, kind: cut, duration: 2 s, node: initiator-2}")
    work = plan(parse(text), initiators=["web", "db", "spare"], targets=["disk"])
    assert [(node.name, node.target) for node in work.nodes] == [("web", "disk"), ("db", "disk"), ("disk", "")]
    assert [change.node for change in work.changes] == ["db", "db"]
    with pytest.raises(UsageError, match=r"needs 2 initiators, 1 are there: start more with --scale initiator=2"):
        plan(parse(text), initiators=["web"], targets=["disk"])


def test_addresses_are_filled_in_when_they_are_known() -> None:
    first, target = planned().nodes
    spec = first.spec_at({"target-1": "198.18.0.5:10809"})
    assert isinstance(spec, InitiatorSpec)
    assert spec.target == "198.18.0.5:10809"
    assert target.spec_at({}) == target.spec
    with pytest.raises(UsageError, match="initiator-1 needs the address of target-1: known are none"):
        first.spec_at({})


def test_times_count_from_the_start_of_the_run() -> None:
    work = planned()
    spans = [(phase.name, phase.start_ns // SECOND_NS, phase.end_ns // SECOND_NS) for phase in work.phases]
    assert spans == [("warmup", 0, 6), ("flood", 6, 26), ("heal", 26, 41)]
    assert work.total_ns == 41 * SECOND_NS
    floods = [(item.port, item.start_ns // SECOND_NS, item.end_ns // SECOND_NS) for item in work.floods]
    assert floods == [(9000, 7, 12), (9004, 12, 26)]


def test_the_policy_can_be_replaced() -> None:
    work = planned(policy="memalloc")
    assert initiator(work, 0).policy.name == work.scenario.policy.name == "memalloc"
    with pytest.raises(UsageError, match=r"unknown policy 'memaloc' \(did you mean 'memalloc'\?\)"):
        planned(policy="memaloc")


def test_a_cut_ends_by_itself() -> None:
    work = planned("{at: 5 s, kind: cut, duration: 10 s}", initiators=2)
    assert [(seconds, shape.cut) for seconds, _, shape in settings_over_time(work, "initiator-1")] == [
        (11, True),
        (21, False),
    ]
    assert [(change.node, told.begins, told.concerns) for change in work.changes for told in change.told] == [
        ("initiator-1", True, ("initiator-1",)),
        ("initiator-2", True, ("initiator-2",)),
        ("initiator-1", False, ("initiator-1",)),
        ("initiator-2", False, ("initiator-2",)),
    ]


def test_what_passes_ends_in_what_stays() -> None:
    work = planned(
        "{at: 1 s, kind: shape, delay: 1 ms}",
        "{at: 2 s, kind: shape, delay: 9 ms, loss: 1 %, duration: 4 s}",
        "{at: 3 s, kind: shape, delay: 2 ms}",
    )
    seen = [(s, shape.delay_ns, shape.loss_ratio) for s, _, shape in settings_over_time(work, "initiator-1")]
    assert seen == [(7, MS_NS, 0.0), (8, 9 * MS_NS, 0.01), (12, 2 * MS_NS, 0.0)]


def test_a_change_leaves_alone_what_a_person_set_meanwhile() -> None:
    work = planned("{at: 1 s, kind: min_free, min_free: 2 MiB, duration: 2 s}")
    by_hand = initiator(planned(policy="memalloc"), 0)
    shape = Shape(delay_ns=7)
    begun, kept = work.changes[0].apply(by_hand, shape)
    ended, _ = work.changes[1].apply(begun, shape)
    assert isinstance(begun, InitiatorSpec)
    assert (begun.policy.name, begun.machine.min_free_pages, kept) == ("memalloc", 512, shape)
    assert ended == by_hand


def test_policies_switch_one_after_another() -> None:
    work = planned("{at: 2 s, kind: policy, policy: memalloc}", "{at: 4 s, kind: policy, policy: mainline}")
    names = [
        (s, spec.policy.name)
        for s, spec, _ in settings_over_time(work, "initiator-1")
        if isinstance(spec, InitiatorSpec)
    ]
    assert names == [(8, "memalloc"), (10, "mainline")]


def test_a_stalled_target_keeps_its_own_initiators_from_working() -> None:
    fault = "{at: 2 s, kind: target, stalled: true, duration: 3 s, node: target-2}"
    work = planned(fault, initiators=3, targets=2)
    assert {change.node for change in work.changes} == {"target-2"}
    begin, end = (event for change in work.changes for event in change.events(5, 6, "r"))
    assert (begin.kind, begin.node, begin.t_ns, end.t_ns) == ("fault", "target-2", 5, 6)
    assert begin.detail == FaultSet(fault="stalled", action="begin", concerns=("initiator-2",))
    assert end.detail == FaultSet(fault="stalled", action="end", concerns=("initiator-2",))


def test_a_slow_target_keeps_nobody_from_working() -> None:
    work = planned("{at: 2 s, kind: target, latency: 20 ms}")
    assert [told.concerns for told in work.changes[0].told] == [()]
    assert work.changes[0].told[0].fault == "target"


def test_a_fault_that_changes_nothing_is_not_planned() -> None:
    assert planned("{at: 2 s, kind: policy, policy: none}").changes == ()


def test_a_second_card_has_a_link_of_its_own_and_outlives_a_pulled_cable() -> None:
    cut = "{at: 1 s, kind: cut, duration: 2 s}"
    one = planned(cut)
    assert [node.storage_shape for node in one.nodes] == [None, None]
    assert [told.concerns for change in one.changes for told in change.told] == [("initiator-1",)] * 2
    text = TEXT.format(initiators=1, targets=1, faults=cut).replace("count: 1, memory", "storage_nic: e1000, memory")
    bare, shaped = (plan(parse(text.replace("links:", f"links:{more}"))) for more in ("", "\n  storage: {delay: 1 ms}"))
    assert [bare.nodes[0].storage_shape, bare.nodes[1].shape] == [OPEN_LINK, OPEN_LINK]
    assert shaped.nodes[0].shape == shaped.scenario.links.data
    assert [shape and shape.delay_ns for shape in (shaped.nodes[0].storage_shape, shaped.nodes[1].shape)] == [MS_NS] * 2
    assert [told.concerns for change in shaped.changes for told in change.told] == [(), ()]
    assert "e1000e and e1000 for storage" in " ".join(described(shaped))


def test_a_target_that_goes_down_keeps_its_initiators_from_working() -> None:
    work = planned("{at: 1 s, kind: target, duration: 2 s, down: true}", initiators=2)
    begins, ends = (event for change in work.changes for event in change.events(0, 0, "r"))
    assert begins.detail == FaultSet(fault="down", action="begin", concerns=("initiator-1", "initiator-2"))
    assert ends.detail.brief == "down ends"


def test_the_cable_of_a_target_is_that_of_the_storage_network() -> None:
    cut = "{at: 1 s, kind: cut, node: target, duration: 2 s}"
    text = TEXT.format(initiators=1, targets=1, faults=cut).replace("count: 1, memory", "storage_nic: e1000, memory")
    assert [told.concerns for change in plan(parse(text)).changes for told in change.told] == [("initiator-1",)] * 2


# ---- several faults


CUTS = ("cut, node: initiator", "cut, node: target")
STOPPING = (*CUTS, "target, stalled: true", "target, stalled: false", "target, down: true", "target, down: false")
OTHERS = (
    "shape, rate: 8 Mbit",
    "shape, loss: 1 %",
    "target, error: 5 %",
    "min_free, min_free: 2 MiB",
    "policy, policy: iface",
)
TIMES = st.sampled_from([0, 1, 2, 3, 5, 8])


@st.composite
def faults(draw: st.DrawFn) -> str:
    kind, duration_s = draw(st.sampled_from(STOPPING + OTHERS)), draw(TIMES)
    duration_s = duration_s or int(kind in CUTS)  # a cut always ends
    lasting = f", duration: {duration_s} s" if duration_s else ""
    return f"{{kind: {kind}, at: {draw(TIMES)} s{lasting}}}"


def hindered_spans(work: Plan, name: str) -> list[tuple[int, int]]:
    """From the settings alone: when nothing passes between `name` and its target."""
    names = ("initiator-1", "target-1")
    in_force = {node.name: (node.spec, node.shape) for node in work.nodes}
    spans, since = [], None
    for time_ns, changes in groupby(work.changes, key=lambda change: change.at_ns):
        for change in changes:
            in_force[change.node] = change.apply(*in_force[change.node])
        target = in_force["target-1"][0]
        assert isinstance(target, TargetSpec)
        stopped = any(in_force[node][1].cut for node in names) or target.stalled or target.down
        if stopped and since is None:
            since = time_ns
        elif not stopped and since is not None:
            spans.append((since, time_ns))
            since = None
    return spans if since is None else [*spans, (since, work.total_ns)]


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start_ns, end_ns in sorted(spans):
        if found and start_ns <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_ns))
        else:
            found.append((start_ns, end_ns))
    return found


@settings(max_examples=300)
@given(st.lists(faults(), min_size=1, max_size=3))
def test_windows_open_and_close_as_the_settings_say(written: list[str]) -> None:
    """Any faults, in any order, at once or apart."""
    try:
        work = planned(*written)
    except ScenarioErrors:  # two of one kind overlap
        assume(False)
    events = [event for change in work.changes for event in change.events(change.at_ns, change.at_ns, "r")]
    windows = Evidence("initiator-1", work.phases, [], events).windows
    assert joined(windows) == joined(hindered_spans(work, "initiator-1"))
    told = [event.detail for event in events if event.node == "target-1" and isinstance(event.detail, FaultSet)]
    for word in {detail.fault for detail in told}:
        actions = [detail.action for detail in told if detail.fault == word]
        assert all(one != "end" or before == "begin" for before, one in pairwise(["end", *actions])), actions


@pytest.mark.parametrize(("transport", "more_bytes"), [("nbd", 0), ("nvme", storage_container_bytes(96 * MIB))])
def test_a_container_with_two_guests_has_room_for_both(transport: str, more_bytes: int) -> None:
    text = TEXT.format(initiators=1, targets=1, faults="").replace(", latency: 200 us", "")
    asked = text.replace("memory: 64 MiB", f"memory: 80 MiB, guest: {{transport: {transport}}}")
    assert plan(parse(asked, tier="kernel")).nodes[0].memory_limit_bytes == container_bytes(80 * MIB) + more_bytes


def test_a_target_has_room_for_the_requests_of_real_kernels() -> None:
    text = TEXT.format(initiators=2, targets=1, faults="").replace("memory: 64 MiB", "memory: 80 MiB")
    (*_, modelled), (*_, real) = (plan(parse(text, tier=tier)).nodes for tier in ("container", "kernel"))
    assert real.memory_limit_bytes - modelled.memory_limit_bytes == 2 * 256 * MIB
