"""What a tier cannot carry out of a scenario: each limit yields the key, and what the tier can do.

The simulator can do all that a scenario can say, but for what is no part of the modelled machine; containers are bound by
Locust, nbdkit, tc and one network card; a real kernel also by what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from controller.experiment.rescue import SetMin, SwitchTo
from controller.experiment.scenario.faults import Reshape, SetMinFree, Storage, SwitchPolicy
from controller.experiment.scenario.model import Scenario
from nodes.config import RATE_BPS_MAX, RATE_BPS_MIN, GuestSpec, MachineConfig, Queueing
from nodes.errors import NetreserveError
from nodes.floods import BURST_NS_DEFAULT, RATE_PPS_MAX
from nodes.kernel import bounds
from nodes.kernel.commandline import DEVICES, LEAST_MEMORY_BYTES
from nodes.kernel.policies import check_guest, check_live
from nodes.units import PAGE_BYTES, format_bytes, format_pps
from traffic.profiles import FLOODS_MAX, goes

Finding = tuple[str, str]
"""The key path, and what is wrong there."""
Limit = Callable[[Scenario], Iterator[Finding]]
CONTAINERS_MAX = 64
"""Containers of one role: more than any machine we know of holds (own)."""
CONTAINER_SOCKETS_MAX = 512
"""Junk sockets of one flood at a container, each a real one with its own buffer (own)."""

GUEST_MEMORY_BYTES = (LEAST_MEMORY_BYTES, 512 << 20)
"""A stock kernel does not boot in less; in more, a working set larger than memory takes minutes to write (own)."""
_KIB_PER_PAGE = PAGE_BYTES >> 10
CGROUP_PAGES_MIN = 256
"""1 MiB: text, stacks and page tables of one task (own)."""


def beyond(scenario: Scenario, tier: str = "") -> Iterator[Finding]:
    """What `tier`, or without one the scenario's own, cannot carry out."""
    tier = tier or scenario.tier
    for limit in LIMITS[tier]:
        able = "kernel" if limit is _modelled else "sim"
        for path, problem in limit(scenario):
            told = "" if limit is _storage_in_guest else f"; tier {able} can (tier: {able}, or --tier {able})"
            yield path, f"{problem}{told}"


def _at_a_time(scenario: Scenario) -> Iterator[Finding]:
    """Locust sends floods that overlap together."""
    for index, flood in enumerate(scenario.floods):
        going = [other for other in scenario.floods if goes(other, flood.start_ns)]
        if len(going) > FLOODS_MAX:
            yield (
                f"floods[{index}]",
                f"{len(going)} floods go when it starts: at most {FLOODS_MAX} at a time can be sent",
            )
        elif (rate_pps := sum(other.rate_pps for other in going)) > RATE_PPS_MAX:
            told, most = format_pps(rate_pps), format_pps(RATE_PPS_MAX)
            yield f"floods[{index}].rate", f"with it {told} are asked at a time: at most {most} can be sent"


def _bursts(scenario: Scenario) -> Iterator[Finding]:
    for index, flood in enumerate(scenario.floods):
        if flood.burst_ns != BURST_NS_DEFAULT:
            yield (
                f"floods[{index}].burst",
                "real senders bunch packets as their scheduler lets them",
            )


def _stops(scenario: Scenario) -> Iterator[Finding]:
    for index, flood in enumerate(scenario.floods):
        if flood.stopped_ns is not None:
            yield (
                f"floods[{index}].stopped",
                "it is known to the simulator alone: elsewhere give the flood a duration",
            )


def _sockets(scenario: Scenario) -> Iterator[Finding]:
    for index, flood in enumerate(scenario.floods):
        if flood.sockets > CONTAINER_SOCKETS_MAX:
            yield (
                f"floods[{index}].sockets",
                f"a container holds {CONTAINER_SOCKETS_MAX} junk sockets of a flood at most",
            )


def _counts(scenario: Scenario) -> Iterator[Finding]:
    for role in ("initiator", "target"):
        if getattr(scenario.nodes, role).count > CONTAINERS_MAX:
            yield f"nodes.{role}.count", f"at most {CONTAINERS_MAX} containers of a role can be run"


def _card(scenario: Scenario) -> Iterator[Finding]:
    if scenario.nodes.initiator.storage_nic:
        yield "nodes.initiator.storage_nic", "a container's machine has one network card"


def _relay(scenario: Scenario) -> Iterator[Finding]:
    if scenario.nodes.initiator.relay != "none":
        yield (
            "nodes.initiator.relay",
            "block I/O of a container's machine does not pass through a process, and a guest's as guest.relay says",
        )


def _target(scenario: Scenario) -> Iterator[Finding]:
    if scenario.nodes.target.latency_spread != "fixed":
        yield "nodes.target.latency_spread", "nbdkit delays every request by the same time: only 'fixed' is possible"
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, Storage) and fault.down is not None:
            yield f"faults[{index}].down", "a container's target can be stalled, not taken away"


def _link_rates(scenario: Scenario) -> Iterator[Finding]:
    asked = [("links.data.rate", scenario.links.data.rate_bps)]
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, Reshape):
            asked.append((f"faults[{index}].rate", fault.rate_bps))
    for path, rate_bps in asked:
        if rate_bps and not RATE_BPS_MIN <= rate_bps <= RATE_BPS_MAX:
            yield path, f"{rate_bps} bit/s cannot be set on a real link: 0 (no limit), or 8 kbit to 34 Gbit"


def _queueing(scenario: Scenario) -> Iterator[Finding]:
    if scenario.links.queueing != Queueing():
        yield "links.queueing", "the queues of real links are the kernel's: they cannot be set"


def _guest(scenario: Scenario) -> Iterator[Finding]:
    """What a microVM with a stock kernel can be."""
    initiator, (least, most) = scenario.nodes.initiator, GUEST_MEMORY_BYTES
    if not least <= (size := initiator.memory_pages * PAGE_BYTES) <= most:
        yield (
            "nodes.initiator.memory",
            f"memory {format_bytes(size)} cannot be given to a guest: "
            f"{format_bytes(least)} to {format_bytes(most)} are possible",
        )
    if initiator.nic not in DEVICES:
        yield (
            "nodes.initiator.nic",
            f"QEMU has no card '{initiator.nic}': name one of {', '.join(DEVICES)}",
        )
    if initiator.queue_depth != MachineConfig().queue_depth:
        yield (
            "nodes.initiator.queue_depth",
            f"the kernel's block driver has {MachineConfig().queue_depth} requests in flight",
        )
    if initiator.sender not in ("", "memalloc"):
        yield (
            "nodes.initiator.sender",
            f"no kernel that boots here has sender '{initiator.sender}': since 3.6 nbd's sends have the right to go to 0",
        )
    if initiator.boost_pages:
        yield "nodes.initiator.boost", "a kernel raises its watermarks by itself: guest.boost_factor says how far"
    if initiator.contest != MachineConfig().contest:
        yield "nodes.initiator.contest", "who gets a freed page is the kernel's own"
    if scenario.policy.socket_floor_bytes:
        yield "policy.socket_floor", "what a socket may hold above tcp_mem is the kernel's own"


def _guest_policies(scenario: Scenario) -> Iterator[Finding]:
    """At the start, by faults and by remedies: those that a kernel has, and a running one can change to."""
    first = scenario.policy
    asked = [("policy", first)]
    asked += [
        (f"faults[{i}].policy", it.policy) for i, it in enumerate(scenario.faults) if isinstance(it, SwitchPolicy)
    ]
    asked += [
        (f"rescue[{i}].policy", it.instead_of(first))
        for i, it in enumerate(scenario.rescue)
        if isinstance(it, SwitchTo)
    ]
    for path, policy in asked:
        try:
            check_live(first, policy)
            check_guest(policy, scenario.nodes.initiator.guest or GuestSpec())
        except NetreserveError as error:
            yield path, str(error)


def _guest_whole(scenario: Scenario) -> Iterator[Finding]:
    """What QEMU or init would round or cut, or not start with."""
    initiator = scenario.nodes.initiator
    if (size := initiator.memory_pages * PAGE_BYTES) % bounds.MEMORY_STEP_BYTES:
        below = size // bounds.MEMORY_STEP_BYTES
        yield (
            "nodes.initiator.memory",
            f"memory {size >> 10} KiB is not a whole number of MiB, as QEMU gives it: "
            f"{below} MiB or {below + 1} MiB would be",
        )
    if initiator.tasks > bounds.TASKS_MAX:
        yield "nodes.initiator.tasks", f"{initiator.tasks} tasks are too many: a guest has {bounds.TASKS_MAX} at most"
    if initiator.cpus > bounds.CPUS_MAX:
        yield (
            "nodes.initiator.cpus",
            f"{initiator.cpus} processors are too many: QEMU's pc has {bounds.CPUS_MAX} at most",
        )


def _guest_min_free(scenario: Scenario) -> Iterator[Finding]:
    """At the start, by faults and by remedies: what the policy module would take, too."""
    memory_kib = scenario.nodes.initiator.memory_pages * _KIB_PER_PAGE
    asked = [("nodes.initiator.min_free", scenario.nodes.initiator.min_free_pages)]
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, SetMinFree):
            asked.append((f"faults[{index}].min_free", fault.min_free_pages))
    for index, remedy in enumerate(scenario.rescue):
        if isinstance(remedy, SetMin):
            asked.append((f"rescue[{index}].min_free", remedy.min_free_pages))
    for path, pages in asked:
        if problem := bounds.min_free_problem(pages * _KIB_PER_PAGE, memory_kib):
            yield path, problem


def _modelled(scenario: Scenario) -> Iterator[Finding]:
    """The modelled machine swaps, has no control groups, and sends from its own kernel."""
    guest = scenario.nodes.initiator.guest or GuestSpec()
    if guest.pages == "files":
        yield "nodes.initiator.guest.pages", "the modelled machine has no files: its pages are swapped"
    if guest.cgroup_pages:
        yield "nodes.initiator.guest.cgroup_limit", "the modelled machine has no control groups"
    if guest.relay:
        yield (
            "nodes.initiator.guest.relay",
            "the modelled machine has it as nodes.initiator.relay: initiator",
        )


def _storage_in_guest(scenario: Scenario) -> Iterator[Finding]:
    """What only the NBD client, whose socket init makes, can be given, and what a control group can hold."""
    initiator = scenario.nodes.initiator
    guest = initiator.guest or GuestSpec()
    for name, asked in (("cgroup_limit", guest.cgroup_pages), ("relay", guest.relay)):
        if asked and guest.transport != "nbd":
            yield (
                f"nodes.initiator.guest.{name}",
                f"transport {guest.transport} makes its sockets in the kernel: use nbd",
            )
        if asked and scenario.policy.name == "local":
            yield f"nodes.initiator.guest.{name}", "under policy local there is no storage socket"
    if guest.cgroup_pages is not None and guest.cgroup_pages >= initiator.memory_pages:
        yield (
            "nodes.initiator.guest.cgroup_limit",
            f"cgroup_limit {format_bytes(guest.cgroup_pages * PAGE_BYTES)} is not below memory"
            f" {format_bytes(initiator.memory_pages * PAGE_BYTES)}: it would limit nothing",
        )
    elif guest.cgroup_pages is not None and guest.cgroup_pages < CGROUP_PAGES_MIN:
        least = format_bytes(CGROUP_PAGES_MIN * PAGE_BYTES)
        yield "nodes.initiator.guest.cgroup_limit", f"no application lives in so little: at least {least} is needed"


def _storage_guest(scenario: Scenario) -> Iterator[Finding]:
    """Of transport `nvme`: the targets of the testbed are nbdkit's, and take no part."""
    if (scenario.nodes.initiator.guest or GuestSpec()).transport != "nvme":
        return
    problem = "with transport nvme each guest has a storage guest of its own beside it, which always answers at once"
    target = scenario.nodes.target
    for name, value in (("latency", target.latency_ns), ("rate", target.rate_bps), ("error", target.error_ratio)):
        if value:
            yield f"nodes.target.{name}", problem
    for index, fault in enumerate(scenario.faults):
        if fault.node.startswith("target"):
            yield f"faults[{index}]", problem


_CONTAINER: tuple[Limit, ...] = (
    _at_a_time,
    _bursts,
    _stops,
    _sockets,
    _counts,
    _card,
    _relay,
    _target,
    _link_rates,
    _queueing,
)
_GUEST: tuple[Limit, ...] = (_guest, _guest_policies, _guest_whole, _guest_min_free, _storage_guest, _storage_in_guest)
LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "sim": (_modelled,),
    "container": (*_CONTAINER, _modelled),
    "kernel": (*_CONTAINER, *_GUEST),
}
"""Tier -> what limits it. A tier without an entry here cannot be asked for (a KeyError, not a pass)."""
