"""Goal: a key that decides nothing under a policy is known as such, and one that is the policy's contrary is refused."""

from __future__ import annotations

from typing import get_args

import pytest

from controller.experiment.scenario import ScenarioErrors, parse
from controller.experiment.scenario.idle import contradiction, idle
from nodes.config import MachineConfig, Sender
from nodes.machine.policies import POLICIES, spec_of

TEXT = "name: x\nnodes: {{initiator: {{sender: memalloc}}}}\npolicy: {policy}\nexpect: [{{verdict: healthy}}]\n{more}"
CONTRARY = "policy unpatched is a kernel whose sends have no right to the reserve"


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_as_it_always_is_is_no_key_that_decides_nothing(name: str) -> None:
    assert not list(idle(MachineConfig(), spec_of(name)))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("sender", get_args(Sender))
def test_a_sender_is_idle_where_another_one_sends_or_nobody(name: str, sender: Sender) -> None:
    policy = POLICIES[name]
    sends_otherwise = policy.local_disk or policy.sender_in(sender) != sender
    assert [key for key, _ in idle(MachineConfig(sender=sender), spec_of(name))] == ["sender"] * sends_otherwise


def test_the_contrary_of_a_policy_is_refused_wherever_it_is_named() -> None:
    for policy, more, path in (
        ("unpatched", "", "nodes.initiator.sender"),
        ("none", "arms: {bad: {policy: unpatched, verdict: deadlocked}}\n", "policy of 'arms.bad'"),
        ("none", "faults: [{kind: policy, at: 1 s, policy: unpatched}]\n", "faults[0].policy"),
        ("none", "rescue: [{policy: unpatched}]\n", "rescue[0].policy"),
    ):
        with pytest.raises(ScenarioErrors, match=CONTRARY) as refused:
            parse(TEXT.format(policy=policy, more=more))
        assert path in str(refused.value)
    assert parse(TEXT.format(policy="none", more=""))


def test_every_other_sender_can_be_unpatched() -> None:
    assert not contradiction(MachineConfig(sender="submitter"), spec_of("unpatched"))
    assert not contradiction(MachineConfig(), spec_of("unpatched"))


def test_a_process_that_nobody_flags_is_switched_to_no_policy_that_flags() -> None:
    relay = "name: x\nnodes: {initiator: {relay: initiator}}\npolicy: none\nexpect: [{verdict: healthy}]\n"
    told = "'none' of 'policy' to 'mainline': policy mainline flags the kernel's socket, and nobody flags that of a process"
    for more, path in (("faults: [{kind: policy, at: 1 s, policy: mainline}]\n", "faults[0].policy"),
                       ("rescue: [{policy: mainline}]\n", "rescue[0].policy")):  # fmt: skip
        with pytest.raises(ScenarioErrors) as refused:
            parse(relay + more)
        assert path in str(refused.value) and told in str(refused.value) and refused.value.exit_code == 2
