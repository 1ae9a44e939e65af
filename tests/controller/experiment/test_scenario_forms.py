"""Goal: a scenario written out reads back equal, the schema for editors agrees with the reader, and the gallery is sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from controller.experiment import expect
from controller.experiment.scenario import (
    Arm,
    Initiators,
    Links,
    Nodes,
    Phases,
    Scenario,
    ScenarioErrors,
    Targets,
    dump,
    load,
    override_policy,
    parse,
    policy_text,
    schema,
)
from controller.experiment.scenario.checks import findings
from controller.experiment.scenario.faults import Cut, Fault, Reshape, SetMinFree, Storage, SwitchPolicy
from controller.experiment.scenario.limits import beyond
from controller.experiment.scenario.policies import known_policies, read_policy
from controller.experiment.verdicts import SURVIVED
from nodes.config import OPEN_LINK, PAGE_BYTES, Queueing, Sender
from nodes.floods import Flood
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES
from nodes.units import EXACT_MAX

ROOT = Path(__file__).parents[3]
GALLERY = sorted((ROOT / "scenarios").glob("*.yaml"))
GUESTS_ALONE = {"kernel-cgroup", "kernel-files", "kernel-relay"}
"""What the modelled machine has not: control groups, files, a process between its block device and the network."""
FIRST = ("classic", "stalled-reader", "slow-target", "cable-pull")
"""They are run on containers, where nothing but their arms says what must come out."""
SCHEMA = ROOT / "docs" / "reference" / "scenario.schema.json"
SECOND = 10**9

shares = st.integers(0, 10**12).map(lambda millionths: millionths / 10**12)
times = st.integers(0, 10 * SECOND)
policy_texts = st.sampled_from(sorted(known_policies()))
policies = policy_texts.map(read_policy)
whos = st.sampled_from(["initiator", "initiator-1"])
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=60)


def initiators() -> st.SearchStrategy[Initiators]:
    return st.builds(
        Initiators,
        count=st.integers(1, 4),
        memory_pages=st.integers(8192, 32768),
        min_free_pages=st.integers(1, 2048),
        nic=st.sampled_from(sorted(NICS)),
        working_set_pages=st.integers(32769, 40000),
        touch_pages_per_s=st.sampled_from([0, 8193, 20_000, 1_000_000]),
        tasks=st.integers(1, 8),
        queue_depth=st.integers(1, 1024),
        boost_pages=st.integers(0, 512),
        cpus=st.integers(1, 8),
        sender=st.sampled_from(["", *get_args(Sender)]),
        storage_nic=st.sampled_from(["", *sorted(NICS)]),
    )


def targets() -> st.SearchStrategy[Targets]:
    return st.builds(
        Targets,
        count=st.integers(1, 3),
        size_bytes=st.integers(4 * 40000 * PAGE_BYTES, 1 << 40),
        latency_ns=times,
        rate_bps=st.integers(0, 10**10),
        error_ratio=shares,
        latency_spread=st.sampled_from(["fixed", "exponential", "lognormal"]),
    )


links = st.builds(
    lambda **shape: structs.replace(OPEN_LINK, **shape),
    rate_bps=st.integers(0, 10**11),
    delay_ns=st.integers(10**6, 10**9),
    jitter_ns=st.integers(0, 10**6),
    loss_ratio=shares,
    reorder_ratio=shares,
    duplicate_ratio=shares,
)
floods = st.builds(
    Flood,
    kind=st.sampled_from(["udp", "tcp", "http"]),
    rate_pps=st.integers(1, 200_000),
    size_bytes=st.integers(1, 65_000),
    sockets=st.integers(1, 512),
    reader=st.sampled_from(["stalled", "app", "fast"]),
    rcvbuf_bytes=st.integers(4096, 1 << 26),
    start_ns=times,
    duration_ns=times,
)
moments: dict[str, Any] = {"at_ns": times, "duration_ns": times}
fault_lists: st.SearchStrategy[list[Fault]] = st.lists(
    st.one_of(
        st.builds(Cut, at_ns=times, duration_ns=st.integers(1, SECOND), node=whos),
        st.builds(Reshape, **moments, node=st.just("target"), delay_ns=times, loss_ratio=st.none() | shares),
        st.builds(
            Storage, **moments, latency_ns=st.none() | times, down=st.none() | st.booleans(), stalled=st.booleans()
        ),
        st.builds(SwitchPolicy, **moments, node=whos, policy=policies),
        st.builds(SetMinFree, **moments, min_free_pages=st.integers(1, 4096)),
    ),
    max_size=3,
)
verdicts = st.lists(st.sampled_from(expect.VERDICTS), min_size=1, max_size=3).map(tuple)
conditions = st.builds(
    expect.Condition,
    st.sampled_from(expect.FIELDS),
    st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
    st.integers(-(10**18) + 1, 10**18 - 1),
)
bounds = st.floats(-EXACT_MAX, EXACT_MAX)
ranges = st.tuples(bounds, bounds).filter(lambda pair: pair[0] < pair[1])
expectations = st.one_of(
    st.builds(expect.VerdictIs, verdict=verdicts, node=whos | st.just("")),
    st.builds(expect.MetricBound, metric=st.sampled_from(sorted(expect.METRICS)), below=bounds),
    ranges.map(lambda pair: expect.MetricBound(metric="flood_ratio", above=pair[0], below=pair[1])),
    st.builds(expect.Sometimes, condition=conditions, node=whos),
    st.builds(expect.Always, condition=conditions),
    st.just(expect.DataIs()),
)
scenarios = st.builds(
    Scenario,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    about=words,
    nodes=st.builds(Nodes, initiator=initiators(), target=targets()),
    links=st.builds(
        Links,
        data=links,
        queueing=st.builds(Queueing, queue_packets=st.integers(1, 10**6), loss_burst_packets=st.integers(1, 10**4)),
    ),
    policy=policies,
    floods=st.lists(floods, max_size=3).map(tuple),
    faults=fault_lists.map(tuple),
    phases=st.builds(
        Phases,
        warmup_ns=st.integers(5 * SECOND, 60 * SECOND),
        flood_ns=st.integers(21 * SECOND, 60 * SECOND),
        heal_ns=st.integers(1, 60 * SECOND),
    ),
    expect=st.lists(expectations, min_size=1, max_size=4).map(tuple),
    arms=st.dictionaries(st.sampled_from(["bad", "good"]), st.builds(Arm, policy=policy_texts, verdict=verdicts)),
    seed=st.integers(0, 2**32 - 1),
    tier=st.sampled_from(["sim", "kernel"]),  # no limits: controller/experiment/scenario/limits.py
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(scenarios)
def test_a_scenario_written_out_reads_back_equal(scenario: Scenario) -> None:
    if scenario.nodes.initiator.storage_nic:
        scenario = structs.replace(scenario, links=structs.replace(scenario.links, storage=scenario.links.data))
    assume(not list(findings(scenario)))
    text = dump(scenario)
    assert parse(text) == scenario
    jsonschema.validate(yaml.safe_load(text), schema())


def test_the_schema_in_the_docs_is_the_present_one() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), (
        "write it anew: python -m controller.experiment.scenario > docs/reference/..."
    )
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Not A Name"},
        {"policy": "nobody"},
        {"phases": {"warmup": "5 metres"}},
        {"floods": [{"kind": "udp", "rate": "fast"}]},
        {"faults": [{"at": "5 s", "kind": "cut"}]},
        {"expect": []},
        {"unknown": 1},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    bad = yaml.safe_load((ROOT / "scenarios" / "classic.yaml").read_text()) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema())
    with pytest.raises(ScenarioErrors):
        parse(yaml.safe_dump(bad))


def test_the_gallery_is_complete() -> None:
    names = {path.stem for path in GALLERY}
    assert names >= {"classic", "calm", "stalled-reader", "slow-target", "cable-pull"}


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_each_scenario_of_the_gallery_is_sound(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    assert scenario.about
    if path.stem == "calm":  # the control: nothing may fail there
        assert {arm.verdict for arm in scenario.arms.values()} == {("healthy",)}
    elif path.stem in FIRST:
        assert set(scenario.arms) >= {"bad", "good"}
        assert scenario.arms["good"].policy == policy_text(scenario.policy)
    # a guest that swaps to another guest shares its processors, and may wait for a TCP retry, but comes back
    lives = {*SURVIVED, "starved"} if path.stem == "kernel-nvme" else set(SURVIVED)
    for name, arm in scenario.arms.items():
        bad = name.startswith("bad")
        assert bad or set(arm.verdict) <= lives
        assert not bad or not set(arm.verdict) & set(SURVIVED)
    assert parse(dump(scenario)) == scenario
    jsonschema.validate(yaml.safe_load(path.read_text()), schema())


def test_each_scenario_that_can_be_simulated_can_run_under_every_policy() -> None:
    simulated = [path for path in GALLERY if not list(beyond(load(path), "sim"))]
    assert {path.stem for path in GALLERY} - {path.stem for path in simulated} == GUESTS_ALONE
    for path in simulated:
        scenario = load(path, "sim")
        for policy in POLICIES:
            assert override_policy(scenario, policy).policy.name == policy, path.stem


def test_junk_in_classic_can_hold_far_more_than_the_reserve() -> None:
    scenario = load(ROOT / "scenarios" / "classic.yaml")
    room = sum(flood.sockets * flood.rcvbuf_bytes for flood in scenario.floods)
    assert 2 * room >= 8 * scenario.nodes.initiator.min_free_pages * PAGE_BYTES, "the kernel doubles what is asked"
