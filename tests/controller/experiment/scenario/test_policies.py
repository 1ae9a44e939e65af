"""Goal: a policy is named with or without its allocator, and a combination that cannot be is refused with what can."""

from __future__ import annotations

import pytest

from controller.experiment.scenario import ScenarioErrors, dump, parse
from controller.experiment.scenario.policies import known_policies, policy_text, read_policy, wrong_with
from nodes.config import PolicySpec
from nodes.errors import UsageError
from nodes.machine.policies import POLICIES


@pytest.mark.parametrize("text", sorted(known_policies()))
def test_every_known_text_is_read_and_soundly(text: str) -> None:
    spec = read_policy(text)
    assert not list(wrong_with(spec))
    assert read_policy(policy_text(spec)) == spec


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_name_alone_means_the_policys_first_allocator(name: str) -> None:
    first = POLICIES[name].allocators[0]
    assert read_policy(name).allocator == first
    assert policy_text(PolicySpec(name=name, allocator=first)) == name


def test_a_name_alone_means_it_whatever_was_before() -> None:
    assert read_policy("memalloc", PolicySpec(name="memalloc", allocator="slab")).allocator == "srog"
    assert read_policy("none", PolicySpec(name="memalloc", allocator="srog")).allocator == "slab"


def test_what_a_text_cannot_say_is_kept_where_it_can_be() -> None:
    before = PolicySpec(name="pool-cap", allocator="nta-v1", socket_floor_bytes=4096, pool_bytes=1 << 20)
    found = {name: read_policy(name, before) for name in ("nta", "netmem", "none")}
    assert {name: (spec.socket_floor_bytes, spec.pool_bytes) for name, spec in found.items()} == {
        "nta": (0, 1 << 20),
        "netmem": (4096, 0),
        "none": (0, 0),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonee", "unknown policy 'nonee' (did you mean 'none'?)"),
        ("none+slap", "policy 'none' cannot take its packets from 'slap' (possible: "),
        ("+slab", "unknown policy '+slab'"),
        ("memalloc+", "unknown policy 'memalloc+' (did you mean 'memalloc'?)"),
        ("nta-v1", "unknown policy 'nta-v1' (did you mean 'nta+nta-v1'?)"),
        ("nta-v2", "unknown policy 'nta-v2' (did you mean 'nta+nta-v2'?)"),
        ("none+srog", "policy 'none' cannot take its packets from 'srog' (possible: 'slab')"),
        ("none+head_reserve", "policy 'none' cannot have head_reserve: "),
        ("memalloc+head_reserve+srog", "policy 'memalloc' cannot take its packets from 'head_reserve+srog'"),
    ],
)
def test_what_is_no_policy(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_policy(text)
    assert str(caught.value).startswith(message)


def test_a_floor_belongs_to_those_with_a_cap() -> None:
    floor = PolicySpec(name="none", socket_floor_bytes=4096)
    assert list(wrong_with(floor)) == [
        ("socket_floor", "policy none has no floor per socket: only netmem, pool-cap have")
    ]
    assert read_policy("none", floor).socket_floor_bytes == 0


def test_the_reserve_for_heads_is_named_at_the_end_and_each_time() -> None:
    spec = read_policy("memalloc+srog+head_reserve")
    assert spec == PolicySpec(name="memalloc", allocator="srog", head_reserve=True)
    assert read_policy("memalloc", spec) == PolicySpec(name="memalloc", allocator="srog")
    assert next(wrong_with(PolicySpec(name="none", pool_bytes=1 << 20)))[0] == "pool"
    assert {text.partition("+")[0] for text in known_policies() if text.endswith("+head_reserve")} == {
        "iface", "memalloc", "mainline",
    }  # fmt: skip


def test_what_is_wrong_is_told_at_its_key() -> None:
    assert [key for key, _ in wrong_with(PolicySpec(name="netmem", head_reserve=True))] == ["head_reserve"]
    assert [key for key, _ in wrong_with(PolicySpec(name="netmem", allocator="srog", head_reserve=True))] == [
        "allocator"
    ]


def test_an_era_belongs_to_a_policy_that_has_several_and_is_kept_with_it() -> None:
    today = PolicySpec(name="netmem", era="today")
    assert read_policy("netmem", today).era == "today" and read_policy("mainline", today).era == ""
    assert policy_text(today) == "netmem" and not list(wrong_with(today))
    wrong = list(wrong_with(PolicySpec(name="mainline", era="2006")))
    assert wrong == [("era", "policy 'mainline' is not known as of '2006' (possible: none: it has one form)")]


@pytest.mark.parametrize("written", ["2006", "'2006'", "today"])
def test_an_era_may_stand_as_the_number_that_yaml_takes_it_for(written: str) -> None:
    text = f"name: x\npolicy: {{name: netmem, era: {written}}}\nexpect: [{{verdict: healthy}}]\n"
    scenario = parse(text, "s.yaml")
    assert scenario.policy.era == written.strip("'")
    assert parse(dump(scenario)) == scenario
    with pytest.raises(ScenarioErrors, match=r"s.yaml:2: policy.era: unknown era '2005' \(did you mean '2006'"):
        parse(text.replace(written, "2005"), "s.yaml")
