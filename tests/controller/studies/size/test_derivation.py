"""The sum: its figures are those of physics.md, and it knows which consumers a policy leaves unbounded."""

from __future__ import annotations

import pytest
from clirunner import ROOT

from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.policies import read_policy
from controller.experiment.scenario.vary import vary
from controller.studies.size.derivation import Derivation, derive

CLASSIC = load(ROOT / "scenarios" / "classic.yaml")
SEEN = {
    "in_flight": 70,
    "writeback_pages": 60,
    "ring_free_slots": 256,
    "junk_held_bytes": 40_960,
    "reserve_used_pages": 9,
}
MOST = 10_443
"""The largest min_free of classic's 64 MiB."""


def sum_of(policy: str, scenario: Scenario = CLASSIC, **changes: object) -> Derivation:
    made = vary(scenario, {f"nodes.initiator.{key}": value for key, value in changes.items()}) if changes else scenario
    return derive(made, read_policy(policy), min_most_pages=MOST, seen=SEEN)


def pages(derivation: Derivation) -> list[int]:
    """Ring, copies, heads, ACKs, strangers, bios."""
    return [line.pages for line in derivation.lines]


def test_memalloc_needs_no_room_for_strangers() -> None:
    """Ring 256/2 + 256/16; 128 copies; 128 heads at 4 a page; a poll of 64 at 8 + 16 a page."""
    derivation = sum_of("memalloc+slab")
    assert pages(derivation) == [144, 128, 32, 12, 0, 0]
    assert derivation.own_pages == 480
    assert derivation.min_pages == 768, "8/3 x (128 + 32 to send + at most 128 received)"
    assert derivation.min_free_pages == 288 and not derivation.why_hopeless
    assert "at most 128 pages may be packets" in derivation.rule


def test_none_must_have_room_for_all_that_sockets_may_hold() -> None:
    """4 sockets x 8 MiB at 2304 B truesize: 14 564 packets, of which 9/16 page each."""
    derivation = sum_of("none")
    strangers = derivation.lines[4].pages
    assert strangers == 7282 + 911
    assert derivation.min_pages == -(-8 * (128 + 32 + 144 + 12 + strangers) // 5)
    assert "memory has room for 10443: strangers alone may hold 8193 pages" in derivation.why_hopeless


def test_without_strangers_none_has_a_finite_sum() -> None:
    calm = load(ROOT / "scenarios" / "calm.yaml")
    derivation = sum_of("none", calm)
    assert derivation.lines[4].pages == 0 and not derivation.why_hopeless
    assert derivation.min_pages == 506, "8/5 x 316"


def test_mainline_on_a_card_whose_heads_stop_at_the_floor_is_like_none() -> None:
    assert sum_of("mainline").min_pages == sum_of("none").min_pages
    on_ideal = sum_of("mainline", nic="ideal")
    assert on_ideal.lines[4].pages == 0 and on_ideal.min_pages < 1000, "the ideal card may always use the reserve"


def test_local_needs_nothing() -> None:
    derivation = sum_of("local")
    assert derivation.min_pages == 0 and derivation.min_free_pages == 1


@pytest.mark.parametrize(
    ("allocator", "ring", "acks", "own"), [("srog", 128 + 72, 64, 896), ("pages", 128 + 108, 128, 480)]
)
def test_emergency_packets_share_no_page(allocator: str, ring: int, acks: int, own: int) -> None:
    """128 packets of a page, or 64 of two; the rest of the ring's 256 are slab's, 9/16 page each."""
    derivation = sum_of(f"memalloc+{allocator}")
    assert (derivation.lines[0].pages, derivation.lines[3].pages, derivation.own_pages) == (ring, acks, own)
    received = min(ring + acks, {"srog": 640, "pages": 128}[allocator])
    assert derivation.min_pages == -(-8 * (128 + 32 + received) // 3), "what packets may hold of the reserve in all"


def test_a_card_with_fixed_ring_memory_copies_whole_packets() -> None:
    derivation = sum_of("memalloc+slab", nic="r8169")
    assert derivation.lines[0].pages == 0 and derivation.lines[3].pages == 32 + 4


@pytest.mark.parametrize("depth", [16, 512])
def test_the_queue_depth_counts(depth: int) -> None:
    assert pages(sum_of("memalloc", queue_depth=depth))[1:3] == [depth, depth // 4]


def test_what_was_seen_stands_beside() -> None:
    seen = [line.measured_pages for line in sum_of("none").lines]
    assert seen == [144, 60, 18, None, 10, None]
    unseen = derive(CLASSIC, read_policy("none"), min_most_pages=MOST)
    assert {line.measured_pages for line in unseen.lines} == {None}


def test_every_line_has_its_source() -> None:
    assert all(line.source.startswith("section") and line.formula for line in sum_of("none").lines)
