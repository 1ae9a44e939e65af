"""Goal: what containers cannot carry out is refused with its key and the tier that can; the simulator refuses none of it.

Method: one scenario that both can run, and one change at a time.
"""

from __future__ import annotations

from typing import get_args

import pytest

from controller.experiment.plan import plan
from controller.experiment.scenario import ScenarioErrors, parse
from controller.experiment.scenario.limits import LIMITS, beyond
from controller.experiment.scenario.model import Tier
from controller.experiment.tiers import TIERS

TEXT = """\
name: small
nodes:
  initiator: {count: 1, memory: 80 MiB}
  target: {size: 64 GiB}
policy: none
floods:
  - {kind: udp, duration: 5 s}
  - {kind: tcp, start: 5 s}
faults:
  - {kind: target, at: 1 s, duration: 1 s, stalled: true}
expect: [verdict: healthy]
"""
FAULTS = TEXT[TEXT.index("faults:") : TEXT.index("expect:")]
CHANGES = [
    (
        "start: 5 s",
        "start: 4 s, rate: 200 kpps",
        "floods[1].rate: with it 201 kpps are asked at a time: at most 200 kpps can be sent",
    ),
    (
        "start: 5 s",
        "start: 6 s, sockets: 513",
        "floods[1].sockets: a container holds 512 junk sockets of a flood at most",
    ),
    ("count: 1", "count: 65", "nodes.initiator.count: at most 64 containers of a role can be run"),
    ("count: 1", "storage_nic: e1000", "nodes.initiator.storage_nic: a container's machine has one network card"),
    (
        "size: 64 GiB",
        "size: 64 GiB, latency_spread: lognormal",
        "nodes.target.latency_spread: nbdkit delays every request by the same time: only 'fixed' is possible",
    ),
    ("stalled: true", "down: true", "faults[0].down: a container's target can be stalled, not taken away"),
    (
        "policy: none",
        "links: {queueing: {queue: 100}}\npolicy: none",
        "links.queueing: the queues of real links are the kernel's: they cannot be set",
    ),
]


def test_what_both_can_do() -> None:
    assert parse(TEXT, tier="container").tier == "container"
    assert parse(TEXT).tier == "sim"


@pytest.mark.parametrize(("before", "after", "message"), CHANGES, ids=[message[:24] for *_, message in CHANGES])
def test_a_container_refuses_what_the_simulator_takes(before: str, after: str, message: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after)
    assert not list(beyond(parse(text)))
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier="container")
    assert f"{message}; tier sim can (tier: sim, or --tier sim)" in str(caught.value)
    assert len(caught.value.errors) == 1
    assert caught.value.errors[0].line > 0


MIN_FREE = "cannot be set in this guest: 128 KiB to 40 MiB are possible, at most half of its memory"
KERNEL_CHANGES = [
    (
        "memory: 80 MiB",
        "memory: 32 MiB",
        "nodes.initiator.memory: memory 32 MiB cannot be given to a guest: 72 MiB to 512 MiB are possible",
    ),
    (
        "count: 1",
        "nic: ideal",
        "nodes.initiator.nic: QEMU has no card 'ideal': name one of virtio-net, e1000, e1000e, igb, rtl8139, vmxnet3",
    ),
    (
        "count: 1",
        "sender: noio",
        "nodes.initiator.sender: no kernel that boots here has sender 'noio':"
        " since 3.6 nbd's sends have the right to go to 0",
    ),
    (
        "count: 1",
        "queue_depth: 64",
        "nodes.initiator.queue_depth: the kernel's block driver has 128 requests in flight",
    ),
    (
        "count: 1",
        "boost: 2 MiB",
        "nodes.initiator.boost: a kernel raises its watermarks by itself: guest.boost_factor says how far",
    ),
    (
        "policy: none",
        "policy: {name: netmem, socket_floor: 4 KiB}",
        "policy.socket_floor: what a socket may hold above tcp_mem is the kernel's own",
    ),
    (
        "start: 5 s",
        "start: 6 s, sockets: 513",
        "floods[1].sockets: a container holds 512 junk sockets of a flood at most",
    ),
    (
        "memory: 80 MiB",
        "memory: 82300 KiB",
        "nodes.initiator.memory: memory 82300 KiB is not a whole number of MiB, as QEMU gives it: 80 MiB or 81 MiB would be",
    ),
    ("count: 1", "tasks: 65", "nodes.initiator.tasks: 65 tasks are too many: a guest has 64 at most"),
    ("count: 1", "cpus: 256", "nodes.initiator.cpus: 256 processors are too many: QEMU's pc has 255 at most"),
    ("count: 1", "min_free: 44 MiB", f"nodes.initiator.min_free: min_free 44 MiB {MIN_FREE}"),
    ("count: 1", "min_free: 124 KiB", f"nodes.initiator.min_free: min_free 124 KiB {MIN_FREE}"),
    (
        "faults:",
        "faults:\n  - {kind: min_free, at: 1 s, min_free: 44 MiB}",
        f"faults[0].min_free: min_free 44 MiB {MIN_FREE}",
    ),
    ("expect:", "rescue: [min_free: 44 MiB]\nexpect:", f"rescue[0].min_free: min_free 44 MiB {MIN_FREE}"),
]


def test_what_a_guest_can_just_be() -> None:
    most = "tasks: 64, cpus: 255, min_free: 40 MiB"
    assert parse(TEXT.replace("count: 1", most), tier="kernel").nodes.initiator.tasks == 64


@pytest.mark.parametrize(("before", "after", "message"), KERNEL_CHANGES, ids=[row[2][:24] for row in KERNEL_CHANGES])
def test_what_no_guest_can_be(before: str, after: str, message: str) -> None:
    assert parse(TEXT, tier="kernel").tier == "kernel"
    with pytest.raises(ScenarioErrors) as caught:
        parse(TEXT.replace(before, after), "s.yaml", tier="kernel")
    assert [f"{error.path}: {error.message}" for error in caught.value.errors] == [
        f"{message}; tier sim can (tier: sim, or --tier sim)"
    ]


NVME = "count: 1, guest: {transport: nvme}"
BESIDE = "with transport nvme each guest has a storage guest of its own beside it, which always answers at once"


@pytest.mark.parametrize("change", ["latency: 1 ms", "rate: 1 Gbit", "error: 1 %"])
def test_nothing_can_be_done_to_targets_that_take_no_part(change: str) -> None:
    text = TEXT.replace("count: 1", NVME).replace("size: 64 GiB", f"size: 64 GiB, {change}")
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier="kernel")
    found = [f"{error.path}: {error.message}" for error in caught.value.errors]
    tell = f"{BESIDE}; tier sim can (tier: sim, or --tier sim)"
    assert found == [f"nodes.target.{change.partition(':')[0]}: {tell}", f"faults[0]: {tell}"]


GUESTS_ALONE = {
    "pages: files": "pages: the modelled machine has no files: its pages are swapped",
    "cgroup_limit: 32 MiB": "cgroup_limit: the modelled machine has no control groups",
    "relay: true": "relay: the modelled machine has it as nodes.initiator.relay: initiator",
}


@pytest.mark.parametrize("tier", ["sim", "container"])
@pytest.mark.parametrize("key", GUESTS_ALONE)
def test_what_the_modelled_machine_has_not_is_refused_by_name(tier: str, key: str) -> None:
    text = TEXT.replace("count: 1", f"count: 1, guest: {{{key}}}")
    assert parse(text, tier="kernel").nodes.initiator.guest
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier=tier)
    (error,) = caught.value.errors
    told = f"{error.path}: {error.message}"
    assert told == f"nodes.initiator.guest.{GUESTS_ALONE[key]}; tier kernel can (tier: kernel, or --tier kernel)"


STORAGE = [
    ("transport: nvme, relay: true", "none", "relay: transport nvme makes its sockets in the kernel: use nbd"),
    (
        "transport: nvme, cgroup_limit: 8 MiB",
        "none",
        "cgroup_limit: transport nvme makes its sockets in the kernel: use nbd",
    ),
    ("relay: true", "local", "relay: under policy local there is no storage socket"),
    (
        "cgroup_limit: 80 MiB",
        "none",
        "cgroup_limit: cgroup_limit 80 MiB is not below memory 80 MiB: it would limit nothing",
    ),
]


@pytest.mark.parametrize(("guest", "policy", "message"), STORAGE)
def test_what_no_storage_socket_can_have_is_refused(guest: str, policy: str, message: str) -> None:
    text = TEXT.replace("count: 1", f"count: 1, guest: {{{guest}}}").replace(FAULTS, "")
    with pytest.raises(ScenarioErrors) as caught:
        parse(text.replace("policy: none", f"policy: {policy}"), "s.yaml", tier="kernel")
    assert caught.value.errors[0].message.startswith(message.partition(": ")[2])
    assert caught.value.errors[0].path == f"nodes.initiator.guest.{message.partition(':')[0]}"


def test_a_sender_that_is_not_nbds_keeps_its_rights() -> None:
    text = TEXT.replace("count: 1", NVME).replace(FAULTS, "").replace("policy: none", "policy: unpatched")
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier="kernel")
    (error,) = caught.value.errors
    assert (error.path, error.line) == ("policy", 5)
    assert error.message.startswith(
        "policy 'unpatched' is nbd's alone: use transport nbd without a relay; tier sim can"
    )


IN_NO_KERNEL = {
    "policy: nta": "policy: policy 'nta' is not in any kernel",
    "policy: ideal": "policy: policy 'ideal' is not in any kernel",
    "policy: memalloc+pages": "policy: allocator 'pages' is not in any kernel",
    "faults: [{kind: policy, at: 1 s, policy: mainline}, {kind: policy, at: 1 s, policy: ideal}]\npolicy: none": (
        "faults[1].policy: policy 'ideal' is not in any kernel"
    ),
    "faults: [{kind: policy, at: 1 s, policy: netmem}]\npolicy: none": (
        "faults[0].policy: policy 'netmem' is set up when a guest boots"
    ),
    "rescue: [{policy: ideal}]\npolicy: none": "rescue[0].policy: policy 'ideal' is not in any kernel",
}


@pytest.mark.parametrize(("policy", "what"), IN_NO_KERNEL.items(), ids=[what[:30] for what in IN_NO_KERNEL.values()])
def test_what_no_kernel_does_is_refused_where_it_stands(policy: str, what: str) -> None:
    text = TEXT.replace("policy: none", policy)
    text = text.replace(FAULTS, "") if "faults" in policy else text
    plan(parse(text, tier="container"))
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier="kernel")
    (error,) = caught.value.errors
    assert f"{error.path}: {error.message}".startswith(what)
    assert error.line > 0


@pytest.mark.parametrize("tier", ["container", "kernel"])
def test_a_rate_that_tc_cannot_have(tier: str) -> None:
    text = TEXT.replace("faults:\n", "faults:\n  - {kind: shape, at: 1 s, rate: 7 kbit}\n")
    text = text.replace("policy: none", "links: {data: {rate: 40 Gbit}}\npolicy: none")
    parse(text)
    with pytest.raises(ScenarioErrors) as caught:
        parse(text, "s.yaml", tier=tier)
    assert [error.path for error in caught.value.errors] == ["links.data.rate", "faults[0].rate"]


def test_no_tier_is_unlimited_by_omission() -> None:
    assert set(LIMITS) == set(TIERS) == set(get_args(Tier))
