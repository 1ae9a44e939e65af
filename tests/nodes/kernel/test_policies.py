from __future__ import annotations

import msgspec
import pytest

from nodes.config import GuestSpec, PolicySpec
from nodes.errors import LackingError, UsageError
from nodes.kernel.policies import SENDS_MIN, UNKNOWN, Switches, check_guest, check_live, in_force, switches_of
from nodes.kernel.protocol import Telemetry
from nodes.machine.policies import spec_of


@pytest.mark.parametrize(
    ("policy", "switches"),
    [
        (PolicySpec(name="none"), Switches()),
        (PolicySpec(name="unpatched"), Switches(sender_memalloc=False)),
        (PolicySpec(name="netmem"), Switches()),
        (PolicySpec(name="netmem", era="today"), Switches()),
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
    [
        PolicySpec(name="nta", allocator="nta-v1"),
        PolicySpec(name="ideal"),
        PolicySpec(name="memalloc", allocator="pages"),
        PolicySpec(name="netmem", era="2006"),
    ],
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
    assert in_force(PolicySpec(name="none"), Telemetry(memalloc=1)) == spec_of("memalloc")
    assert in_force(asked, Telemetry(memalloc=1, iface=1)) == PolicySpec(name="iface")


def test_a_sender_is_unpatched_only_where_its_sends_are_seen_to_be_stripped() -> None:
    asked = PolicySpec(name="unpatched")
    stripped = Telemetry(memalloc=0, sender_memalloc=0, writes=SENDS_MIN, bare_sends=2 * SENDS_MIN)
    assert in_force(asked, stripped) == asked
    assert in_force(PolicySpec(name="none"), stripped) == asked, "and none is another policy"
    assert in_force(asked, msgspec.structs.replace(stripped, bare_sends=0)) == PolicySpec(name=UNKNOWN)
    assert in_force(asked, Telemetry(memalloc=0, sender_memalloc=0)) == asked, "nothing was sent yet"
    assert in_force(asked, Telemetry(memalloc=0, sender_memalloc=1)) == PolicySpec(name="none")
    for flagged in (Telemetry(memalloc=1, sender_memalloc=0), Telemetry(memalloc=0, sender_memalloc=0, iface=1)):
        assert in_force(asked, flagged) == PolicySpec(name=UNKNOWN), "no policy has these switches"


def test_the_sender_of_nbd_alone_can_be_stripped() -> None:
    check_guest(PolicySpec(name="unpatched"), GuestSpec())
    for other in (GuestSpec(transport="nvme"), GuestSpec(relay=True)):
        check_guest(PolicySpec(name="none"), other)
        with pytest.raises(LackingError, match="policy 'unpatched' is nbd's alone"):
            check_guest(PolicySpec(name="unpatched"), other)


def test_what_is_set_up_at_boot_is_not_changed_live() -> None:
    check_live(PolicySpec(name="none"), PolicySpec(name="memalloc"))
    check_live(PolicySpec(name="netmem"), PolicySpec(name="netmem"))
    for before, after in (("none", "netmem"), ("local", "none")):
        with pytest.raises(UsageError, match="start a new run"):
            check_live(PolicySpec(name=before), PolicySpec(name=after))
