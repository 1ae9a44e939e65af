"""Goal: a scenario is read into our units, and everything that is wrong with one is told at once, with its place.

Method: one good text, and one change at a time that makes it bad; the whole message is compared where it is ours.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.experiment.scenario import ScenarioErrors, dump, load, override_policy, parse
from nodes.config import PolicySpec
from nodes.errors import ScenarioError, UsageError
from nodes.units import MS_NS, SECOND_NS, US_NS

GOOD = """\
name: small
about: a flood on a small machine
nodes:
  initiator: {count: 2, memory: 64 MiB, min_free: 1 MiB, nic: e1000e, working_set: 96 MiB, touch_rate: 4 kpages/s}
  target: {count: 1, size: 256 MiB, latency: 200 us, rate: 2 Gbit}
links:
  data: {rate: 1 Gbit, delay: 200 us, jitter: 50us, loss: 0.5 %}
policy: {name: memalloc, allocator: slab}
floods:
  - {kind: udp, rate: 20kpps, size: 1400 B, sockets: 4, reader: stalled, rcvbuf: 4 MiB, start: 1 s, duration: 5 s}
  - {kind: tcp, rate: 1 kpps, start: 6 s}
faults:
  - {at: 5 s, kind: cut, duration: 2 s, node: initiator-2}
  - {at: 1 s, kind: shape, delay: 5 ms, node: target}
  - {at: 2 s, kind: target, latency: 20 ms, stalled: false, duration: 500 ms}
  - {at: 3 s, kind: policy, policy: none}
  - {at: 4 s, kind: min_free, min_free: 2 MiB}
phases: {warmup: 6 s, flood: 20 s, heal: 15 s}
expect:
  - verdict: healthy
  - {metric: recovery_s, below: 10, node: initiator-1}
  - sometimes: reserve_used_pages > 0
  - always: corrupt_pages == 0
  - data: intact
arms:
  bad: {policy: none, verdict: [deadlocked, starved]}
seed: 7
"""


def errors_of(text: str, file: str = "s.yaml") -> list[str]:
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, file)
    assert str(caught.value) == "\n".join(str(error) for error in caught.value.errors)
    assert caught.value.exit_code == 2
    return str(caught.value).split("\n")


def changed(before: str, after: str, count: int = 1) -> str:
    assert GOOD.count(before) >= 1, before
    return GOOD.replace(before, after, count)


def test_quantities_arrive_in_our_units() -> None:
    scenario = parse(GOOD)
    initiator, target, link = scenario.nodes.initiator, scenario.nodes.target, scenario.links.data
    assert (initiator.count, initiator.memory_pages, initiator.min_free_pages) == (2, 16384, 256)
    assert (initiator.working_set_pages, initiator.touch_pages_per_s) == (24576, 4000)
    assert (target.size_bytes, target.latency_ns, target.rate_bps) == (256 << 20, 200 * US_NS, 2 * 10**9)
    assert (link.rate_bps, link.delay_ns, link.jitter_ns, link.loss_ratio) == (10**9, 200 * US_NS, 50 * US_NS, 0.005)
    assert (link.reorder_ratio, link.cut) == (0.0, False)
    assert scenario.policy == PolicySpec(name="memalloc", allocator="slab")
    assert (scenario.floods[0].rate_pps, scenario.floods[0].rcvbuf_bytes) == (20_000, 4 << 20)
    assert [fault.kind for fault in scenario.faults] == ["cut", "shape", "target", "policy", "min_free"]
    assert (scenario.faults[0].at_ns, scenario.faults[0].end_ns) == (5 * SECOND_NS, 7 * SECOND_NS)
    assert (scenario.phases.total_ns, scenario.seed, scenario.tier) == (41 * SECOND_NS, 7, "sim")
    assert scenario.faults[2].duration_ns == 500 * MS_NS
    assert [str(expectation) for expectation in scenario.expect] == [
        "verdict: healthy",
        "metric: recovery_s below 10 (node initiator-1)",
        "sometimes: reserve_used_pages > 0",
        "always: corrupt_pages == 0",
        "data: intact",
    ]
    assert scenario.arms["bad"].verdict == ("deadlocked", "starved")


def test_a_policy_may_be_just_a_name() -> None:
    assert parse(changed("{name: memalloc, allocator: slab}", "mainline")).policy == PolicySpec(name="mainline")


def test_what_only_the_simulator_can_be_told() -> None:
    text = changed("nic: e1000e", "nic: e1000e, storage_nic: e1000, cpus: 4")
    text = text.replace("latency: 200 us, rate", "latency: 200 us, latency_spread: lognormal, rate")
    text = text.replace("links:\n", "links:\n  storage: {rate: 1 Gbit}\n  queueing: {queue: 50, loss_burst: 3}\n")
    scenario = parse(text.replace("stalled: false", "down: true"))
    initiator, storage = scenario.nodes.initiator, scenario.links.storage
    assert (initiator.storage_nic, initiator.cpus) == ("e1000", 4)
    assert storage is not None and (storage.rate_bps, storage.delay_ns) == (10**9, 0)
    assert (scenario.links.queueing.queue_packets, scenario.links.queueing.loss_burst_packets) == (50, 3)
    assert scenario.nodes.target.latency_spread == "lognormal"
    assert parse(dump(scenario)) == scenario


def test_floods_may_need_more_ports_than_there_are() -> None:
    text = changed("{kind: tcp, rate: 1 kpps, start: 6 s}", "\n  - ".join(["{kind: udp, sockets: 16384}"] * 4))
    assert errors_of(text) == [
        "s.yaml:9: floods: they ask for 65540 sockets in all: each needs a port of its own, and 56536 are there"
    ]


def test_a_list_with_nothing_in_it_is_empty() -> None:
    text = "\n".join(line for line in GOOD.split("\n") if not line.startswith("  - {at") and "  - {kind" not in line)
    assert parse(text).floods == parse(text).faults == ()


BAD = [
    # ---- what is asked in the issue
    ("min_free", "min_fre", "s.yaml:4: nodes.initiator.min_fre: unknown key 'min_fre' (did you mean 'min_free'?)"),
    (
        "latency: 200 us",
        "latency: 200 MiB",
        "s.yaml:5: nodes.target.latency: '200 MiB' is not a time: the unit must be one of ns, us, ms, s, min, for example"
        " '200 us'",
    ),
    (
        "min_free: 1 MiB",
        "min_free: 128 MiB",
        "s.yaml:4: nodes.initiator.min_free: min_free 128 MiB (32768 pages) is not below memory 64 MiB (16384 pages)",
    ),
    ("count: 2", "count: 0", "s.yaml:4: nodes.initiator.count: 0 is not possible: 1 to 512 are"),
    (
        "size: 256 MiB",
        "size: 128 MiB",
        "s.yaml:5: nodes.target.size: size 128 MiB is smaller than the working sets of the 2 initiators that share a"
        " target: at least 192 MiB is needed",
    ),
    ("name: memalloc", "name: memaloc", "s.yaml:8: policy.name: unknown policy 'memaloc' (did you mean 'memalloc'?)"),
    # ---- kinds of values
    ("count: 2", "count: two", "s.yaml:4: nodes.initiator.count: 'two' is not a whole number"),
    ("count: 2", "count: true", "s.yaml:4: nodes.initiator.count: 'True' is not a whole number"),
    (
        "memory: 64 MiB",
        "memory: 64",
        "s.yaml:4: nodes.initiator.memory: '64' is not a size: a number and a unit are needed",
    ),
    ("memory: 64 MiB", "memory: 0 B", "s.yaml:4: nodes.initiator.memory: '0 B' is too little memory"),
    ("memory: 64 MiB", "memory: [64 MiB]", "s.yaml:4: nodes.initiator.memory: '['64 MiB']' is not a size"),
    ("memory: 64 MiB", "memory: {a: b}", "s.yaml:4: nodes.initiator.memory: one value is needed here, not a mapping"),
    ("memory: 64 MiB", "memory: -1 MiB", "s.yaml:4: nodes.initiator.memory: '-1 MiB' is not a size"),
    ("  data: {", "  data: 7 #", "s.yaml:7: links.data: keys are needed here (rate, delay, jitter, loss, reorder"),
    ("phases: {", "phases: #", "s.yaml:18: phases: keys are needed here (warmup, flood, heal, rescue), not nothing"),
    ("memory: 64 MiB", f"memory: 1{'0' * 400} MiB", f"s.yaml:4: nodes.initiator.memory: '1{'0' * 38}"),
    ("memory: 64 MiB", "memory: 9 PB", "s.yaml:4: nodes.initiator.memory: '9 PB' is not a size"),
    (
        "flood: 20 s",
        f"flood: 9{'9' * 20} s",
        "s.yaml:18: phases.flood: '999999999999999999999 s' is too much for a time",
    ),
    ("loss: 0.5 %", f"loss: 1{'0' * 60} %", f"s.yaml:7: links.data.loss: '1{'0' * 60} %' is too much for a share"),
    ("data: intact", "data: !!bool intact", "s.yaml:24: tag '!!bool' is not allowed: write the value alone"),
    ("count: 2", "count: !!int ''", "s.yaml:4: tag '!!int' is not allowed"),
    ("count: 2", f"count: 1{':59' * 200}:59.5", "s.yaml:4: nodes.initiator.count: '1:59"),
    ("count: 2", "count: 0x_", "s.yaml:4: nodes.initiator.count: '0x_' is not a whole number"),
    ("loss: 0.5 %", "loss: 150 %", "s.yaml:7: links.data.loss: '150 %' is more than 100 %"),
    ("flood: 20 s", "flood: 0 s", "s.yaml:18: phases.flood: '0 s' is too short: more than 0 s is needed"),
    ("flood: 20 s", "flood: 61 min", "s.yaml:18: phases.flood: '61 min' is too long: at most 60 min are possible"),
    ("name: small", "name: ../small", "s.yaml:1: name: '../small' is not a name: 64 small letters, digits and '-'"),
    ("name: small\n", "", "s.yaml:1: key 'name' is missing"),
    ("seed: 7", "seed: -7", "s.yaml:27: seed: -7 is not possible: 0 to 4294967295 are"),
    ("seed: 7", "seed: 7\ntier: cloud", "s.yaml:28: tier: unknown tier 'cloud' (known: container, kernel, sim)"),
    ("nic: e1000e", "nic: e100", "s.yaml:4: nodes.initiator.nic: unknown nic 'e100' (did you mean 'e1000'?)"),
    (
        "allocator: slab",
        "allocator: slap",
        "s.yaml:8: policy.allocator: unknown allocator 'slap' (did you mean 'slab'?)",
    ),
    # ---- floods and faults
    ("kind: udp", "kind: upd", "s.yaml:10: floods[0].kind: unknown flood kind 'upd' (did you mean 'udp'?)"),
    ("{kind: tcp, ", "{", "s.yaml:11: floods[1]: key 'kind' is missing"),
    ("rate: 20kpps", "rate: 9 Mpps", "s.yaml:10: floods[0].rate: rate is 9000000: 1 to 200000 are possible"),
    ("rcvbuf: 4 MiB", "rcvbuf: 10 B", "s.yaml:10: floods[0].rcvbuf: rcvbuf is 10: at least 4096 is needed"),
    ("reader: stalled", "reader: nobody", "s.yaml:10: floods[0].reader: unknown reader 'nobody'"),
    ("start: 1 s", "start: 16 s", "s.yaml:10: floods[0]: it lasts from 16 s to 21 s, but the flood phase only 20 s"),
    ("start: 1 s", "start: 20 s", "s.yaml:10: floods[0]: it lasts from 20 s to 25 s, but the flood phase only 20 s"),
    ("kind: cut", "kind: cutt", "s.yaml:13: faults[0].kind: unknown kind 'cutt' (did you mean 'cut'?)"),
    ("kind: cut, ", "", "s.yaml:13: faults[0]: key 'kind' is missing: one of cut, shape, target, policy, min_free"),
    ("kind: cut, duration: 2 s", "kind: cut", "s.yaml:13: faults[0]: key 'duration' is missing"),
    ("node: initiator-2", "node: initiator-3", "s.yaml:13: faults[0].node: unknown node 'initiator-3': one of"),
    ("at: 5 s", "at: 34 s", "s.yaml:13: faults[0]: it must begin and end within flood and heal, the first 35 s"),
    ("delay: 5 ms, ", "", "s.yaml:14: faults[1]: it changes nothing: name at least one of its settings"),
    (
        "stalled: false",
        "node: initiator",
        "s.yaml:15: faults[2].node: 'initiator' is not a target: a fault of kind target",
    ),
    (
        "policy: none}",
        "policy: none, node: target}",
        "s.yaml:16: faults[3].node: 'target' is not an initiator: a fault",
    ),
    (
        "min_free: 2 MiB",
        "min_free: 60 MiB",
        "s.yaml:17: faults[4].min_free: min 15360 < low 19200 < high 23040 < memory",
    ),
    (
        "faults:\n",
        "faults:\n  - {at: 6 s, kind: cut, duration: 2 s}\n",
        "s.yaml:14: faults[1]: it overlaps faults[0], which is of the same kind at the same node",
    ),
    # ---- expectations
    ("verdict: healthy", "verdict: helthy", "s.yaml:20: expect[0].verdict: unknown verdict 'helthy' (did you mean"),
    ("verdict: healthy", "verdict: inconclusive", "s.yaml:20: expect[0].verdict: unknown verdict 'inconclusive'"),
    ("verdict: healthy", "verdict: []", "s.yaml:20: expect[0].verdict: the list is empty"),
    (
        "verdict: healthy",
        "veredict: healthy",
        "s.yaml:20: expect[0]: exactly one of verdict, metric, sometimes, always",
    ),
    ("metric: recovery_s", "metric: recovery", "s.yaml:21: expect[1].metric: unknown metric 'recovery' (did you mean"),
    ("below: 10, ", "", "s.yaml:21: expect[1]: a metric needs a bound: 'below' or 'above'"),
    ("below: 10", "below: .nan", "s.yaml:21: expect[1].below: 'nan' is not a number that a figure can have"),
    ("below: 10", "below: .inf", "s.yaml:21: expect[1].below: 'inf' is not a number that a figure can have"),
    ("below: 10", "below: -.inf", "s.yaml:21: expect[1].below: '-inf' is not a number that a figure can have"),
    ("below: 10", f"below: 1{'0' * 400}", f"s.yaml:21: expect[1].below: '1{'0' * 38}...0000000' is not a number that"),
    ("below: 10", "below: 1, above: 2", "s.yaml:21: expect[1].above: above is 2 and below is 1: no figure is both"),
    ("below: 10", "below: 1, above: 1", "s.yaml:21: expect[1].above: above is 1 and below is 1: no figure is both"),
    (
        "reserve_used_pages > 0",
        "reserve_used_pages > 1" + "0" * 5000,
        "s.yaml:22: 'reserve_used_pages >...' is too long",
    ),
    ("reserve_used_pages > 0", "reserve_used > 0", "s.yaml:22: expect[2].sometimes: unknown field 'reserve_used' (did"),
    (
        "reserve_used_pages > 0",
        "reserve_used_pages",
        "s.yaml:22: expect[2].sometimes: 'reserve_used_pages' is not a condition",
    ),
    ("data: intact", "data: fine", "s.yaml:24: expect[4].data: unknown data 'fine' (known: intact)"),
    (
        "node: initiator-1",
        "node: initiator-9",
        "s.yaml:21: expect[1].node: unknown node 'initiator-9': one of initiator,",
    ),
    ("policy: none, verdict", "policy: nun, verdict", "s.yaml:26: arms.bad.policy: unknown policy 'nun'"),
    # ---- what only the simulator can be told
    (
        "allocator: slab",
        "allocator: slab, socket_floor: 4 KiB",
        "s.yaml:8: policy.socket_floor: policy memalloc has no",
    ),
    (
        "policy: none}",
        "policy: {name: none, allocator: nta-v1}}",
        "s.yaml:16: faults[3].policy.allocator: policy 'none' cannot",
    ),
    ("nic: e1000e", "nic: e1000e, storage_nic: e100", "s.yaml:4: nodes.initiator.storage_nic: unknown nic 'e100'"),
    ("nic: e1000e", "nic: e1000e, cpus: 0", "s.yaml:4: nodes.initiator.cpus: 0 is not possible: 1 to 256 are"),
    (
        "links:\n",
        "links:\n  storage: {rate: 1 Gbit}\n",
        "s.yaml:7: links.storage: no card is on this network: name one",
    ),
    (
        "links:\n",
        "links:\n  queueing: {queue: 0}\n",
        "s.yaml:7: links.queueing.queue: 0 is not possible: 1 to 1000000 are",
    ),
    ("latency: 20 ms, s", "latency_spread: fixed, s", "s.yaml:15: faults[2].latency_spread: unknown key"),
    ("sockets: 4,", "sockets: 16385,", "s.yaml:10: floods[0].sockets: 16385 is not possible: 1 to 16384 are"),
    # ---- relations
    (
        "working_set: 96 MiB",
        "working_set: 64 MiB",
        "s.yaml:4: nodes.initiator.working_set: working_set 64 MiB (16384 pages) fits into memory 64 MiB (16384 pages)",
    ),
    ("min_free: 1 MiB", "min_free: 42 MiB", "s.yaml:4: nodes.initiator.min_free: min 11232 < low 14040 < high 16848 <"),
    (
        "delay: 200 us, jitter: 50us, ",
        "reorder: 1 %, ",
        "s.yaml:7: links.data.reorder: reorder needs a delay, for example 'delay: 1 ms': a reordered packet is one that",
    ),
    ("delay: 5 ms, ", "reorder: 1 %, delay: 0 ms, ", "s.yaml:14: faults[1].reorder: reorder needs a delay"),
    (
        "kind: policy, policy: none",
        "kind: policy, policy: local",
        "s.yaml:16: faults[3].policy: 'memalloc+slab' of 'policy' to 'local': a running machine cannot change its swap disk",
    ),
    (
        "kind: policy, policy: none",
        "kind: policy, policy: nta",
        "s.yaml:16: faults[3].policy: 'memalloc+slab' of 'policy' to 'nta': a running machine cannot change its packet"
        " allocator, 'slab': policy 'nta' cannot use it (possible: nta-v1, nta-v2)",
    ),
    ("jitter: 50us", "jitter: 1 ms", "s.yaml:7: links.data.jitter: jitter 1 ms is more than delay 200 us"),
]


@pytest.mark.parametrize(("before", "after", "message"), BAD, ids=[f"{after.strip()!r}"[:40] for _, after, _ in BAD])
def test_what_is_wrong_is_told_with_its_place(before: str, after: str, message: str) -> None:
    expected_line = message.split(":")[1]
    found = [error for error in errors_of(changed(before, after)) if error.startswith(message)]
    assert found, errors_of(changed(before, after))
    assert expected_line.isdigit()


def test_everything_is_told_at_once_in_the_order_of_lines() -> None:
    text = changed("nic: e1000e", "nic: e1").replace("kind: udp", "kind: icmp").replace("seed: 7", "sead: 7")
    assert [error.split(":")[2].strip() for error in errors_of(text)] == [
        "nodes.initiator.nic",
        "floods[0].kind",
        "sead",
    ]


def test_a_relation_is_told_beside_an_unknown_key() -> None:
    text = changed("min_free: 1 MiB", "min_free: 128 MiB").replace("seed: 7", "sead: 7")
    assert [error.split(":")[1] for error in errors_of(text)] == ["4", "27"]


def test_a_key_twice_names_both_lines() -> None:
    assert errors_of(GOOD + "seed: 8\n") == ["s.yaml:28: seed: key 'seed' stands here a second time (first on line 27)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml: the file is empty: a scenario begins with 'name: ...'"),
        ("# nothing\n", "s.yaml: the file is empty: a scenario begins with 'name: ...'"),
        ("name: [a\nb: c\n", "s.yaml:2: not YAML: expected ',' or ']', but got ':'"),
        ("name: x\n\tabout: y\n", "s.yaml:2: not YAML: found character '\\t' that cannot start any token"),
        ("name: a\n---\nname: b\n", "s.yaml:2: not YAML: but found another document"),
        ("a: \x00\n", "s.yaml:1: not YAML: special characters are not allowed"),
        ("just text\n", "s.yaml:1: keys are needed here (name, about,"),
        ("a: &x 1\nb: *x\n", "s.yaml:2: alias '*x' is not allowed: write it out"),
        ("[" * 60_000, "s.yaml:1: nested too deeply for a scenario"),
        ("name:\n  - " + "[" * 60 + "]" * 60, "s.yaml:2: nested too deeply for a scenario"),
        ("? [a]\n: b\n", "s.yaml:1: a key must be a plain word"),
        (
            "name: !!python/object:os.system x\n",
            "s.yaml:1: tag '!!python/object:os.system' is not allowed: write the value",
        ),
        ('name: "a\\e[31m"\n', r"s.yaml:1: 'a\x1b[31m' has the control character U+001B: write it without"),
        ('"a\\e]0;x": 1\n', r"s.yaml:1: 'a\x1b]0;x' has the control character U+001B: write it without"),
        ('name: "\\ud800"\n', r"s.yaml:1: '\ud800' has the control character U+D800: write it without"),
        ('policy: "a\\nname: b"\n', r"s.yaml:1: policy: unknown policy 'a\nname: b'"),
        ("name: " + "x" * 1001, "s.yaml:1: 'xxxxxxxxxxxxxxxxxxxx...' is too long for a value or key of a scenario"),
        ("floods:\n" + "  - {kind: udp}\n" * 101, "s.yaml:1: floods: 101 of them are too many: 100 are possible"),
        ("# " + "x" * (64 << 10), "s.yaml: it is larger than 64 KiB: that is not a scenario"),
    ],
)
def test_what_is_no_scenario_at_all(text: str, message: str) -> None:
    assert any(error.startswith(message) for error in errors_of(text)), errors_of(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), value=values)
def test_any_value_in_any_place_is_read_or_refused_never_a_traceback(data: st.DataObject, value: object) -> None:
    document = yaml.safe_load(GOOD)
    place = document
    while isinstance(place, (dict, list)) and place:
        container = place
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place = container[key]
        if data.draw(st.booleans()):
            break
    container[key] = value
    try:
        parse(yaml.safe_dump(document))
    except ScenarioErrors as errors:
        assert all(error.line > 0 for error in errors.errors)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_a_traceback(text: str) -> None:
    with pytest.raises(ScenarioErrors):
        parse(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"absent\.yaml: no such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ScenarioError, match="is not a regular file"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: x\nabout: \xe9t\xe9\n")
    with pytest.raises(ScenarioError, match=r"latin\.yaml:2: is not UTF-8 text"):
        load(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (64 << 10) + b"##")
    with pytest.raises(ScenarioError, match=r"huge\.yaml: it is larger than 64 KiB"):
        load(tmp_path / "huge.yaml")


@pytest.mark.parametrize("endless", ["/dev/zero", "pipe"])
def test_what_has_no_end_or_never_begins_is_not_read(endless: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ScenarioError, match="is not a regular file, as a scenario must be"):
        load(tmp_path / endless)


def test_a_policy_can_be_replaced() -> None:
    scenario = override_policy(parse(GOOD), "none")
    assert scenario.policy == PolicySpec(name="none", allocator="slab")
    with pytest.raises(UsageError, match=r"unknown policy 'nonee' \(did you mean 'none'\?\)"):
        override_policy(scenario, "nonee")


def test_a_policy_whose_reserve_does_not_fit_cannot_replace_another() -> None:
    small = changed("memory: 64 MiB", "memory: 2 MiB").replace("min_free: 1 MiB", "min_free: 512 KiB")
    small = small.replace("name: memalloc", "name: none").replace(
        "  - {at: 4 s, kind: min_free, min_free: 2 MiB}\n", ""
    )
    scenario = parse(small)
    with pytest.raises(ScenarioError, match="under policy memalloc"):
        override_policy(scenario, "memalloc")
