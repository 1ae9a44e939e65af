"""A modelled twin of a real kernel's run: the same scenario with the settings that the guest really had. Pure.

A guest's memory is not all for the taking: kernel, page tables and modules have their part. The model has none of these,
so that its pool must be what free lists and application had between them before the flood. Likewise min is what was read
back, pages go to the disk and come back as fast as the guest's processor let them, and datagrams came as fast as they were
sent. The card is the same by name, and socket buffers are doubled by both (net/core/sock.c). What a stock kernel with its
flag set does is the model's `mainline`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from controller.experiment.endings import worst_node
from controller.experiment.record import Result
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.policies import policy_text
from controller.experiment.scenario.vary import vary
from controller.experiment.trace import phase
from controller.studies.guestlog import Told
from nodes.config import GuestSpec
from nodes.machine.policies import POLICIES
from nodes.messages import Sample
from nodes.units import PAGE_BYTES, SECOND_NS

FLAGGED = {"memalloc": "mainline"}
"""Policies of a real kernel that the model knows by another name: SOCK_MEMALLOC as merged in 3.6."""
SENT_LESS = 0.98
"""A flood that was sent to less than this is matched by its real rate (own: Locust counts to a percent or so)."""


class Measured(Struct, frozen=True, kw_only=True):
    """What a kernel's run tells of its guest. 0: it does not tell."""

    run: str
    free_pages: int = 0
    """What is for the taking: free pages and the application's, when the flood began. Without telemetry the most that were
    free at any time before it."""
    min_pages: int = 0
    touch_pages_per_s: int = 0
    """Progress under pressure, before the flood ..."""
    swap_pages_per_s: int = 0
    """... and pages written and read back then."""
    sent_ratio: float = 1.0
    """Of the junk that was asked for."""

    @property
    def usable(self) -> bool:
        return self.free_pages > self.min_pages > 0 and self.touch_pages_per_s > 0


def measured(result: Result, samples: Sequence[Sample], told: Sequence[Told] = ()) -> Measured:
    """The figures of the initiator that fared worst; `told`: its guest's telemetry."""
    node = worst_node(result)
    if node is None:
        return Measured(run=result.run)
    warmup = phase(result.phases, "warmup")
    before_ns = warmup.end_ns if warmup else 0
    own = [sample for sample in samples if sample.node == node.node and sample.min_pages and sample.t_ns <= before_ns]
    asked, sent = (result.metrics.get(f"flood.{name}_pps", 0.0) for name in ("asked", "sent"))
    return Measured(
        run=result.run,
        free_pages=_for_the_taking(told, before_ns) or max((sample.free_pages for sample in own), default=0),
        min_pages=own[-1].min_pages if own else 0,
        touch_pages_per_s=round(node.warmup_pages_per_s),
        swap_pages_per_s=_swap_rate(own),
        sent_ratio=min(sent / asked, 1.0) if asked and sent else 1.0,
    )


def _for_the_taking(told: Sequence[Told], before_ns: int) -> int:
    """Pages at the last line before `before_ns`; 0 without any."""
    pages = [line.free + line.pcp + line.anon for t_ns, line in told if t_ns <= before_ns and line.populated]
    return pages[-1] if pages else 0


def _swap_rate(samples: Sequence[Sample]) -> int:
    """Pages per second, out and in together, from the first progress under pressure on."""
    pressed = [sample for sample in samples if sample.swap_out_pages and sample.progress_pages]
    if len(pressed) < 2 or pressed[-1].t_ns == pressed[0].t_ns:
        return 0
    first, last = pressed[0], pressed[-1]
    pages = last.swap_out_pages - first.swap_out_pages + last.swap_in_pages - first.swap_in_pages
    return round(pages * SECOND_NS / (last.t_ns - first.t_ns))


def twin(scenario: Scenario, found: Measured, tier: str) -> Scenario:
    """`scenario`, which a kernel ran under its policy, for the model in `tier`. Raises UsageError for what that tier cannot
    carry out, or settings that cannot be together."""
    changes = {change.path: change.value for change in changes_of(scenario, found)}
    return vary(scenario, {**changes, "tier": tier})


class Adjusted(Struct, frozen=True):
    """One setting of the twin, and where it is from."""

    path: str
    value: object
    why: str

    def __str__(self) -> str:
        return f"{self.path} {self.value} ({self.why})"


def changes_of(scenario: Scenario, found: Measured) -> Iterator[Adjusted]:
    """How the twin differs from `scenario`."""
    yield Adjusted("nodes.initiator.memory", _size(found.free_pages), "what the guest had for the taking")
    yield Adjusted("nodes.initiator.min_free", _size(found.min_pages), "read back")
    if scenario.nodes.initiator.touch_pages_per_s:
        yield Adjusted("nodes.initiator.touch_rate", f"{found.touch_pages_per_s} pages/s", "the guest's under pressure")
    elif found.swap_pages_per_s:
        rate = f"{found.swap_pages_per_s * PAGE_BYTES * 8 // 1000} kbit"
        yield Adjusted("nodes.target.rate", rate, f"{found.swap_pages_per_s} pages/s, as fast as the guest swapped")
    if (name := FLAGGED.get(scenario.policy.name)) is not None:
        text = policy_text(scenario.policy).replace(scenario.policy.name, name, 1)
        yield Adjusted("policy", text, "the flag as kernels have it")
    if "today" in (policy := POLICIES[scenario.policy.name]).eras:
        yield Adjusted("policy.era", "today", "as kernels have it")
    elif policy.sender != "memalloc" and (kernel := policy.in_kernel) and kernel.sender_memalloc:
        yield Adjusted("nodes.initiator.sender", "memalloc", "as kernels send since 3.6")
    for index, flood in enumerate(scenario.floods):
        if flood.kind == "udp" and found.sent_ratio < SENT_LESS:
            yield Adjusted(f"floods.{index}.rate", f"{round(flood.rate_pps * found.sent_ratio)} pps", "as it was sent")


def unmatched(scenario: Scenario) -> Iterator[str]:
    """What the guest had and the model has not."""
    guest = scenario.nodes.initiator.guest or GuestSpec()
    if guest.work == "read":
        yield "the model's application writes its pages, the guest's reads them"
    if guest.transport != "nbd":
        yield f"the model speaks NBD, the guest {guest.transport}"
    if guest.caps == "kernel":
        yield "the model has no udp_mem and tcp_mem of its own, the guest had"


def _size(pages: int) -> str:
    """Exact, as a scenario has it."""
    return f"{pages * PAGE_BYTES // 1024} KiB"
