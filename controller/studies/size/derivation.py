"""The reserve as a sum, from constants alone: one line per consumer, and the rule that turns the sum into a min watermark.

Every line is the most that its consumer can hold at once, so the sum is a bound for the worst moment, not a forecast; what a
simulation saw stands beside it. Sizes are those of the model (slab: 2 data areas of 2 KiB, 16 heads a page; emergency
packets: EMERGENCY_PAGES). Source of the rules: physics.md sections 1, 2 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil

from msgspec import Struct

from controller.experiment.scenario import Scenario
from nodes.config import PolicySpec
from nodes.machine.allocators.base import ALL_RESERVE
from nodes.machine.allocators.fallback import PACKETS_MAX
from nodes.machine.allocators.slab import HEAD_BYTES
from nodes.machine.block import BIO_POOL_SIZE, TX_HEAD_BYTES
from nodes.machine.card import COPY_BYTES
from nodes.machine.nic import NICS, NicModel
from nodes.machine.policies import policy_of
from nodes.machine.policies.base import Policy
from nodes.units import PAGE_BYTES

NAPI_BUDGET = 64
"""Packets of one poll (physics.md section 8): so many are under way between the card and their sockets."""
EMERGENCY_PAGES = {"srog": 1, "pages": 2}
"""Pages of a packet out of the reserve, where it has memory of another kind than slab's (physics.md section 6)."""
ATOMIC_SHARE = Fraction(3, 8)
"""Where GFP_ATOMIC stops, as a share of min (physics.md section 2)."""


class Line(Struct, frozen=True, kw_only=True):
    """A consumer of the reserve."""

    consumer: str
    formula: str
    pages: int
    """The most it can hold."""
    source: str
    measured_pages: int | None = None
    """The most it was seen to hold; None: no sample tells."""


class Derivation(Struct, frozen=True, kw_only=True):
    """The sum for one policy."""

    lines: tuple[Line, ...]
    rule: str
    """How the lines make the min watermark."""
    min_pages: int
    """The watermark that suffices by the sum."""
    own_pages: int
    """What the policy itself adds to min_free."""
    why_hopeless: str = ""
    """When strangers may hold more than memory: why no reserve suffices by the sum."""

    @property
    def min_free_pages(self) -> int:
        """The setting that the sum asks for, at least one page."""
        return max(1, self.min_pages - self.own_pages)


class _Machine:
    """The numbers of one scenario under one policy."""

    def __init__(self, scenario: Scenario, spec: PolicySpec) -> None:
        self.scenario, self.spec = scenario, spec
        self.config = scenario.nodes.initiator
        self.nic: NicModel = NICS[self.config.nic]
        self.policy: Policy = policy_of(spec)
        self.own_pages = self.policy.reserve_for(spec.allocator, 2 if self.config.storage_nic else 1)

    @property
    def cap_pages(self) -> int:
        """What packets may take of the reserve in all; 0 when one of their parts may take nothing."""
        if self.nic.ideal:
            return ALL_RESERVE
        parts = [self.policy.on_head_shortage(), self.policy.on_copy_shortage()]
        if self.nic.refill != "fixed":
            parts.append(self.policy.on_ring_shortage(self.nic))
        return min(parts)

    @property
    def drops_strangers(self) -> bool:
        """Whether a stranger's packet in reserve memory is dropped at its socket."""
        return not self.policy.on_demux(False)

    def packets_pages(self, packets: int, data_bytes: int) -> int:
        """Pages that so many packets of one size take, head and data."""
        each = EMERGENCY_PAGES.get(self.spec.allocator, 0)
        emergency = min(packets, PACKETS_MAX // each) if each else 0
        plain = packets - emergency
        shared = ceil(plain / (PAGE_BYTES // data_bytes)) + ceil(plain / (PAGE_BYTES // HEAD_BYTES))
        return emergency * each + shared


def derive(
    scenario: Scenario, spec: PolicySpec, *, min_most_pages: int, seen: Mapping[str, int] | None = None
) -> Derivation:
    """The sum for `scenario` under `spec`. `min_most_pages`: the largest min_free that memory has room for; `seen`: the
    peaks of simulated runs (controller.studies.trials.Trial.peaks)."""
    machine = _Machine(scenario, spec)
    if machine.policy.local_disk:
        return _local(machine)
    lines = dict(_lines(machine, seen))
    min_pages, rule = _rule(machine, {name: line.pages for name, line in lines.items()})
    told = min_pages - machine.own_pages > min_most_pages
    why = _why_hopeless(machine, lines["strangers"], min_pages, min_most_pages) if told else ""
    return Derivation(
        lines=tuple(lines.values()), rule=rule, min_pages=min_pages, own_pages=machine.own_pages, why_hopeless=why
    )


def _lines(machine: _Machine, seen: Mapping[str, int] | None) -> Iterator[tuple[str, Line]]:
    yield "ring", _ring(machine, seen)
    yield "copies", _copies(machine, seen)
    yield "heads", _heads(machine, seen)
    yield "acks", _acks(machine)
    yield "strangers", _strangers(machine, seen)
    yield "bios", _bios(machine)


def _ring(machine: _Machine, seen: Mapping[str, int] | None) -> Line:
    nic = machine.nic
    if nic.refill == "fixed":
        formula, pages = f"{nic.name}: ring memory is fixed at open", 0
    elif nic.heads_in_ring:
        pages = machine.packets_pages(nic.ring_slots, nic.data_bytes)
        each = f"data ({PAGE_BYTES // nic.data_bytes} a page) and head ({PAGE_BYTES // HEAD_BYTES})"
        own = EMERGENCY_PAGES.get(machine.spec.allocator, 0)
        formula = f"{nic.ring_slots} slots, {each}"
        if own:
            formula += (
                f"; {PACKETS_MAX // own} of them, out of the reserve, {'a page' if own == 1 else f'{own} pages'} each"
            )
    else:
        pages = ceil(nic.ring_slots / (PAGE_BYTES // nic.data_bytes))
        formula = f"{nic.ring_slots} slots, data ({PAGE_BYTES // nic.data_bytes} a page)"
    slots = seen.get("ring_free_slots") if seen is not None else None
    measured = None if slots is None or not pages else ceil(slots * pages / nic.ring_slots)
    return Line(
        consumer="receive ring",
        formula=formula,
        pages=pages,
        source="sections 4, 12 (rx ring)",
        measured_pages=measured,
    )


def _copies(machine: _Machine, seen: Mapping[str, int] | None) -> Line:
    depth = machine.config.queue_depth
    return Line(
        consumer="transmit copies of writes in flight",
        formula=f"queue depth {depth} x 1 page, until acknowledged",
        pages=depth,
        source="section 1 step 5, section 12 (tx cost)",
        measured_pages=None if seen is None else min(seen["writeback_pages"], seen["in_flight"]),
    )


def _heads(machine: _Machine, seen: Mapping[str, int] | None) -> Line:
    per_page, depth = PAGE_BYTES // TX_HEAD_BYTES, machine.config.queue_depth
    return Line(
        consumer="transmit heads of requests in flight",
        formula=f"queue depth {depth}, {per_page} heads of {TX_HEAD_BYTES} B a page",
        pages=ceil(depth / per_page),
        source="section 1 step 5",
        measured_pages=None if seen is None else ceil(seen["in_flight"] / per_page),
    )


def _acks(machine: _Machine) -> Line:
    nic = machine.nic
    if nic.refill in ("fixed", "swap"):
        size, what = nic.data_bytes, "copied whole"
    elif nic.copybreak_bytes:
        size, what = COPY_BYTES, "copied small"
    else:
        return Line(
            consumer="ACKs and replies before their socket",
            formula=f"{nic.name}: they stay in their ring buffers",
            pages=0,
            source="section 4",
        )
    return Line(
        consumer="ACKs and replies before their socket",
        formula=f"a poll of {NAPI_BUDGET} packets, {what} ({size} B and head)",
        pages=machine.packets_pages(NAPI_BUDGET, size),
        source="section 1 rule a, section 8 (NAPI budget)",
    )


def _strangers(machine: _Machine, seen: Mapping[str, int] | None) -> Line:
    name = "strangers' packets in socket queues"
    if machine.cap_pages and machine.drops_strangers:
        return Line(
            consumer=name,
            formula=f"{machine.policy.name} drops them out of the reserve; they stop at 3/8 of min",
            pages=0,
            source="section 12 (classify and drop)",
        )
    truesize = HEAD_BYTES + machine.nic.data_bytes
    packets = sum(flood.sockets * ceil(2 * flood.rcvbuf_bytes / truesize) for flood in machine.scenario.floods)
    sockets = sum(flood.sockets for flood in machine.scenario.floods)
    return Line(
        consumer=name,
        formula=f"{sockets} sockets x 2 x rcvbuf, {packets} packets of {truesize} B truesize",
        pages=machine.packets_pages(packets, machine.nic.data_bytes),
        source="section 1 cycle B, section 8 (rmem_max)",
        measured_pages=None if seen is None else ceil(seen["junk_held_bytes"] / PAGE_BYTES),
    )


def _bios(machine: _Machine) -> Line:
    return Line(
        consumer="bios",
        formula=f"GFP_NOIO stops at min; below it {BIO_POOL_SIZE} spares, set aside at boot",
        pages=0,
        source="section 1 step 3, section 2 (mempool)",
    )


def _rule(machine: _Machine, pages: Mapping[str, int]) -> tuple[int, str]:
    """The watermark that the consumers need, and why."""
    send, receive = pages["copies"] + pages["heads"], pages["ring"] + pages["acks"]
    cap = machine.cap_pages
    if cap and machine.drops_strangers:
        received = min(receive, cap)
        bounded = f" (at most {cap} pages may be packets)" if received < receive else ""
        needed = ceil((send + received) / ATOMIC_SHARE)
        return needed, (
            f"what unmarked packets cannot take is 3/8 of min: it must hold {send} pages to send and {received} to"
            f" receive{bounded}: min >= 8/3 x {send + received} = {needed}"
        )
    if cap:
        needed = send + receive + pages["strangers"]
        return needed, (
            f"everybody may go to 0 and nobody is dropped: min must hold {send} pages to send, {receive} to receive and"
            f" {pages['strangers']} of strangers: min >= {needed}"
        )
    shallow = send + receive + pages["strangers"]
    needed = max(ceil(shallow / (1 - ATOMIC_SHARE)), ceil(send / ATOMIC_SHARE))
    return needed, (
        f"receiving stops at 3/8 of min, so the other 5/8 must hold all that others take first: {send} pages to send,"
        f" {receive} to receive, {pages['strangers']} of strangers: min >= 8/5 x {shallow} = {needed}"
    )


def _local(machine: _Machine) -> Derivation:
    return Derivation(
        lines=(_bios(machine),),
        rule="a local disk answers by interrupt and allocates nothing: a spare bio always returns, so any min will do"
        " (physics.md section 11)",
        min_pages=0,
        own_pages=machine.own_pages,
    )


def _why_hopeless(machine: _Machine, strangers: Line, min_pages: int, most_pages: int) -> str:
    start = f"the sum asks for a min of {min_pages} pages, and memory has room for {most_pages + machine.own_pages}"
    if strangers.pages * 2 < min_pages:
        return start
    return f"{start}: strangers alone may hold {strangers.pages} pages ({strangers.formula}), and nobody drops them"
