from __future__ import annotations

import msgspec
import pytest

from nodes.config import PolicySpec
from nodes.errors import LackingError, UsageError
from nodes.kernel.policies import UNKNOWN, Switches, check_live, in_force, switches_of
from nodes.kernel.protocol import Telemetry


@pytest.mark.parametrize(
    ("policy", "switches"),
    [
        (PolicySpec(name="none"), Switches()),
        (PolicySpec(name="netmem"), Switches()),
        (PolicySpec(name="local"), Switches()),
        (PolicySpec(name="mainline"), Switches(memalloc=True)),
        (PolicySpec(name="memalloc", head_reserve=True), Switches(memalloc=True, head_reserve=True)),
        (PolicySpec(name="iface"), Switches(memalloc=True, iface=True)),
    ],
)
def test_a_policy_is_four_switches(policy: PolicySpec, switches: Switches) -> None:
    assert switches_of(policy) == switches
    commands = switches.commands()
    assert {name: bool(value) for name, value in commands} == msgspec.structs.asdict(switches)
    assert commands[-1][0] == "memalloc", "the flag comes last"
    told = Telemetry(**{name: int(value) for name, value in msgspec.structs.asdict(switches).items()})
    assert in_force(policy, told) == policy


@pytest.mark.parametrize(
    "policy",
    [PolicySpec(name="nta", allocator="nta"), PolicySpec(name="ideal"), PolicySpec(name="memalloc", allocator="srog")],
)
def test_what_no_kernel_has_is_told_with_the_tier_that_has_it(policy: PolicySpec) -> None:
    with pytest.raises(LackingError, match="not in any kernel: use the container tier"):
        switches_of(policy)


def test_heads_have_no_reserve_where_no_socket_is_flagged() -> None:
    with pytest.raises(UsageError, match="head_reserve"):
        switches_of(PolicySpec(name="none", head_reserve=True))


def test_another_flag_than_asked_is_told_as_what_it_is() -> None:
    asked = PolicySpec(name="mainline")
    assert in_force(asked, Telemetry(memalloc=0)) == PolicySpec(name="none")
    for blind in (asked, PolicySpec(name="none")):
        assert in_force(blind, Telemetry(memalloc=-1)) == PolicySpec(name=UNKNOWN)
    local = PolicySpec(name="local")
    assert in_force(local, Telemetry(memalloc=-1)) == local
    assert in_force(PolicySpec(name="none"), Telemetry(memalloc=1)) == PolicySpec(name="memalloc")
    assert in_force(asked, Telemetry(memalloc=1, iface=1)) == PolicySpec(name="iface")


def test_what_is_set_up_at_boot_is_not_changed_live() -> None:
    check_live(PolicySpec(name="none"), PolicySpec(name="memalloc"))
    check_live(PolicySpec(name="netmem"), PolicySpec(name="netmem"))
    for before, after in (("none", "netmem"), ("local", "none")):
        with pytest.raises(UsageError, match="start a new run"):
            check_live(PolicySpec(name=before), PolicySpec(name=after))
