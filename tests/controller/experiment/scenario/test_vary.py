"""Goal: a varied scenario is the one that its file would be, had it said so; what cannot be is refused as there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from controller.experiment.scenario import Scenario, ScenarioErrors, load, parse
from controller.experiment.scenario.vary import vary
from nodes.config import PolicySpec
from nodes.errors import UsageError

ROOT = Path(__file__).parents[4]
CLASSIC = load(ROOT / "scenarios" / "classic.yaml")
TEXT = """\
name: small
policy: {name: memalloc, allocator: srog}
floods:
  - {kind: udp, rate: 1 kpps, duration: 2 s}
  - {kind: tcp, rate: 2 kpps, start: 3 s}
faults:
  - {kind: cut, at: 1 s, duration: 1 s}
  - {kind: target, at: 1 s, duration: 1 s, stalled: true}
expect: [verdict: healthy]
arms:
  bad: {policy: none, verdict: deadlocked}
"""
SMALL = parse(TEXT)


def read(before: str, after: str) -> Scenario:
    assert before in TEXT
    return parse(TEXT.replace(before, after))


def test_no_change_is_the_same_scenario() -> None:
    assert vary(CLASSIC, {}) == CLASSIC
    assert vary(SMALL, {}) == SMALL


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ({"floods.0.rate": "20 kpps"}, "rate: 1 kpps", "rate: 20 kpps"),
        ({"floods.1.rate": "20k"}, "rate: 2 kpps", "rate: 20 kpps"),
        ({"floods.0.rate": "500"}, "rate: 1 kpps", "rate: 500 pps"),
        ({"floods.0.sockets": "12"}, "rate: 1 kpps", "rate: 1 kpps, sockets: 12"),
        ({"floods.0.sockets": 12}, "rate: 1 kpps", "rate: 1 kpps, sockets: 12"),
        ({"floods.0.rcvbuf": "128K"}, "rate: 1 kpps", "rate: 1 kpps, rcvbuf: 128 KiB"),
        ({"faults.1.stalled": "false"}, "stalled: true", "stalled: false"),
        ({"faults.0.at": "2500 ms"}, "{kind: cut, at: 1 s", "{kind: cut, at: 2500 ms"),
        ({"links.data.rate": "10M"}, "policy: {", "links: {data: {rate: 10 Mbit}}\npolicy: {"),
        ({"links.queueing.queue": 9}, "policy: {", "links: {queueing: {queue: 9}}\npolicy: {"),
        ({"seed": "3"}, "name: small", "name: small\nseed: 3"),
        ({"name": "7"}, "name: small", "name: '7'"),
        ({"arms.bad.verdict": ["slow", "starved"]}, "verdict: deadlocked", "verdict: [slow, starved]"),
        ({"expect.0.verdict": "slow"}, "verdict: healthy", "verdict: slow"),
        ({"policy.allocator": "slab"}, "allocator: srog", "allocator: slab"),
        ({"policy": "memalloc+slab"}, "allocator: srog", "allocator: slab"),
        ({"policy.allocator": "slab", "policy": "none"}, "{name: memalloc, allocator: srog}", "none"),
        ({"faults.0": None}, "  - {kind: cut, at: 1 s, duration: 1 s}\n", ""),
        ({"floods.0": None, "floods.1": None}, TEXT[TEXT.index("floods") : TEXT.index("faults")], ""),
        ({"floods": []}, TEXT[TEXT.index("floods") : TEXT.index("faults")], ""),
        ({"floods.0.duration": None}, ", duration: 2 s", ""),
    ],
)
def test_it_is_what_the_file_would_have_said(change: dict[str, object], before: str, after: str) -> None:
    assert vary(SMALL, change) == read(before, after)


def test_a_network_that_was_left_out_can_be_varied() -> None:
    storage = vary(SMALL, {"nodes.initiator.storage_nic": "e1000", "links.storage.delay": "1 ms"}).links.storage
    assert storage is not None and storage.delay_ns == 10**6


@pytest.mark.parametrize("name", ["nta", "netmem", "none", "memalloc"])
def test_the_name_of_a_policy_alone_is_the_policy(name: str) -> None:
    shared = vary(SMALL, {"policy": "memalloc+slab"})
    assert vary(shared, {"policy.name": name}) == vary(shared, {"policy": name})


def test_a_name_comes_before_what_belongs_to_it() -> None:
    changes = {"policy.pool": "1M", "policy.allocator": "nta-v2", "policy.name": "nta"}
    assert vary(SMALL, changes).policy == PolicySpec(name="nta", allocator="nta-v2", pool_bytes=1 << 20)
    with pytest.raises(UsageError, match=r"policy and policy.name: one of them is enough"):
        vary(SMALL, {"policy": "none", "policy.name": "nta"})
    with pytest.raises(
        UsageError, match=r"policy.name: unknown policy 'memalloc\+slab'|unknown policy 'memalloc\+slab'"
    ):
        vary(SMALL, {"policy.name": "memalloc+slab"})


def test_a_policy_named_alone_comes_with_its_own_allocator() -> None:
    shared = vary(SMALL, {"policy": "memalloc+slab"})
    assert vary(shared, {"policy": "memalloc"}).policy == PolicySpec(name="memalloc", allocator="srog")
    assert vary(SMALL, {"policy": "mainline"}).policy == PolicySpec(name="mainline", allocator="slab")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("floods.0.rtae", "floods.0.rtae: 'floods.0' has no key 'rtae' (did you mean 'rate'?)"),
        ("polcy", "polcy: a scenario has no key 'polcy' (did you mean 'policy'?)"),
        ("floods.2.rate", "floods.2: the scenario has no floods[2]: there are 2, counted from 0"),
        ("floods.first.rate", "floods.first: 'floods' is a list: a number is needed here"),
        ("faults.0.stalled", "faults.0.stalled: 'faults.0' has no key 'stalled' (known: "),
        ("arms.god.policy", "arms.god: 'arms' has no 'god' (known: bad)"),
        ("phases", "'phases' is a group of keys: name one of them, e.g. 'phases.warmup'"),
        ("seed.low", "'seed.low' leads nowhere: 'seed' is a single value"),
        ("policy.alocator", "policy.alocator: 'policy' has no key 'alocator' (did you mean 'allocator'?)"),
    ],
)
def test_a_path_that_is_not_there(path: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        vary(SMALL, {path: "1"})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes.initiator.min_free": "64M"}, "nodes.initiator.min_free: min_free 64 MiB (16384 pages) is not below"),
        ({"nodes.initiator.min_free": "1000"}, "nodes.initiator.min_free: '1000' is not a size: a number and a unit"),
        ({"floods.0.rate": "9M"}, "floods[0].rate: rate is 9000000: 1 to 200000 are possible"),
        ({"faults.0.duration": "1"}, "faults[0].duration: '1' is not a time: a number and a unit are needed"),
        ({"seed": "x"}, "seed: 'x' is not a whole number"),
        ({"expect": []}, "expect: at least 1 is needed here"),
        ({"name": None}, "key 'name' is missing"),
        ({"tier": "container", "floods.1.sockets": 600}, "floods[1].sockets: a container holds 512 junk sockets"),
    ],
)
def test_what_may_not_be_is_refused_as_in_a_file(change: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        vary(SMALL, change)
    assert str(caught.value).startswith(message)


def test_it_is_quick_enough_for_a_sweep() -> None:
    changes = {"floods.0.rate": "20k", "policy": "none", "nodes.initiator.min_free": "1M", "seed": 3}
    began = time.process_time()
    for _ in range(20):
        vary(CLASSIC, changes)
    assert (time.process_time() - began) / 20 < 0.005, "0.6 ms were measured on one slow core"
