"""Policies as a table: what can be combined, what each situation ends in, and that a policy nobody needs does nothing."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from docpages import section
from hypothesis import given, settings
from hypothesis import strategies as st
from virtualdriver import VirtualDriver

from nodes.config import MachineConfig, PolicySpec
from nodes.errors import UsageError
from nodes.machine.checks import check
from nodes.machine.events import BLOCK_SOCKET, ICMP, NO_SOCKET, Completed, ReadIn, SocketRead, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES, spec_of
from nodes.units import MS_NS

GOLDEN = Path(__file__).parents[2] / "golden" / "policies.txt"
FLOORED = msgspec.structs.replace(spec_of("netmem"), socket_floor_bytes=4096)
POOLED, POOL_CAP = (msgspec.structs.replace(spec_of(name), pool_bytes=1536 << 10) for name in ("nta", "pool-cap"))
"""An eighth of so little memory would be all gone for two rings."""
SPECS = {
    "none": spec_of("none"),
    "local": spec_of("local"),
    "iface": spec_of("iface"),
    "memalloc": spec_of("memalloc"),
    "memalloc+pages": spec_of("memalloc", "pages"),
    "memalloc+slab": spec_of("memalloc", "slab"),
    "netmem": spec_of("netmem"),
    "netmem, floor": FLOORED,
    "nta": POOLED,
    "nta-v2": spec_of("nta", "nta-v2"),
    "pool-cap": POOL_CAP,
    "pool-cap, floor": msgspec.structs.replace(POOL_CAP, socket_floor_bytes=4096),
    "mainline": spec_of("mainline"),
    "ideal": spec_of("ideal"),
}
SPECS |= {name: spec_of(name) for name in POLICIES if name not in SPECS}
CONFIG = MachineConfig(memory_pages=4096, working_set_pages=6144, touch_pages_per_s=4000)
SITUATIONS: dict[str, tuple[MachineConfig, int, int]] = {
    "one card": (CONFIG, 25_000, 1 << 20),
    "own card": (msgspec.structs.replace(CONFIG, storage_nic="e1000e"), 25_000, 1 << 20),
    "send side": (msgspec.structs.replace(CONFIG, min_free_pages=64), 80_000, 256 << 10),
    "big sockets": (CONFIG, 60_000, 16 << 20),
}
"""Machine, junk packets a second (for two sockets that nobody reads), receive buffer in bytes."""


def outcome(situation: str, policy: str) -> str:
    """1.3 s of pressure, 0.4 s of junk, 0.9 s without."""
    config, rate_pps, rcvbuf_bytes = SITUATIONS[situation]
    driver = VirtualDriver(config, SPECS[policy], service_ns=164_000)
    driver.flood(rate_pps, 1400, 2, rcvbuf_bytes, 1300 * MS_NS, 1700 * MS_NS)
    progress = []
    for time_ms in (1000, 1300, 1700, 1800, 2600):
        driver.run(time_ms * MS_NS)
        stats = driver.machine.stats(driver.now_ns)
        progress.append(stats.progress_pages)
    check(driver.machine)
    warmup, flood, _, heal = (later - earlier for earlier, later in pairwise(progress))
    cycle = " -> ".join(edge.waiter for edge in driver.machine.cycle()) or "-"
    rates = f"{warmup * 10 // 3:5d} {flood * 10 // 4:5d} {heal * 10 // 8:5d}"
    held, drops = (
        f"{stats.free_pages:5d} {stats.junk_held_bytes >> 12:5d}",
        f"{stats.early_drops:6d} {stats.rcvbuf_drops:6d}",
    )
    return f"{situation:<12} {policy:<16}{'lives' if heal > 100 else 'hangs'}  {rates}  {held}  {drops}  {cycle}"


def lines_of(table: str) -> dict[str, list[str]]:
    return {name: [line for line in table.splitlines() if line.startswith(name)] for name in SITUATIONS}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_each_policy_comes_to_is_what_the_record_says(situation: str) -> None:
    """Golden table. What it must show (physics.md section 12). One card: `none` and `nta` hang for want of buffers, `netmem`
    because strangers hold its cap (way C), and a floor per socket cures that; the flagged policies live. Own card: storage's
    buffers are its own, so that only what the whole machine shares still hangs: a cap, or a pool. Send side: transmission
    and junk take the pages before any cap is reached (way A), so that the floor does not help, where packets have no pool of
    their own. Big sockets may hold all of memory: then the reserve of 12 August, 896 of 4096 pages, is too much."""
    lines = [outcome(situation, policy) for policy in SPECS]
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        header = "situation    policy          end    pages/s warmup, flood, heal  free, junk pages  early, full drops"
        known = lines_of(GOLDEN.read_text()) if GOLDEN.exists() else {name: [] for name in SITUATIONS}
        known[situation] = lines
        GOLDEN.write_text("\n".join([f"{header}  cycle", *(line for part in known.values() for line in part)]) + "\n")
    assert lines == lines_of(GOLDEN.read_text())[situation]


def test_the_golden_table_says_what_must_be_reproduced() -> None:
    """Independent of the figures, which may be rewritten: who lives, by situation."""
    lives = {
        situation: {line[13:29].strip() for line in lines if " lives " in line}
        for situation, lines in lines_of(GOLDEN.read_text()).items()
    }
    everybody = set(SPECS)
    assert lives["one card"] == everybody - {"unpatched", "none", "netmem", "nta", "nta-v2", "pool-cap"}
    assert lives["own card"] == everybody - {"unpatched", "netmem", "nta", "pool-cap"}
    assert lives["send side"] >= {"iface", "memalloc", "mainline", "ideal"}
    assert not lives["send side"] & {"unpatched", "none", "netmem", "netmem, floor", "nta-v2", "pool-cap"}
    assert "ideal" in lives["big sockets"]
    assert not lives["big sockets"] & {"unpatched", "none", "netmem", "nta", "memalloc"}


def test_the_page_tells_what_the_golden_table_says() -> None:
    told = [re.sub(r"[`|]", " ", line) for line in section("policies", "What each comes to").splitlines()]
    ends = [[line[29:34] for line in lines] for lines in lines_of(GOLDEN.read_text()).values()]
    by_policy = dict(zip(SPECS, zip(*ends, strict=True), strict=True))
    floor = " with a floor of 4 KiB"
    words_of = {name: name.replace("+", "  with  ").replace(", floor", f" {floor}") for name in SPECS}
    words_of["nta-v2"] = "nta  with  nta-v2"
    for policy in SPECS:
        row = next(line for line in told if re.match(rf" +{words_of.get(policy, policy)} +(lives|hangs)", line))
        assert tuple(re.findall("lives|hangs", row)) == by_policy[policy], policy


# ---- combinations


def test_a_policy_comes_with_its_default_allocator_or_with_one_it_can_be_combined_with() -> None:
    assert spec_of("memalloc") == PolicySpec(name="memalloc", allocator="srog")
    assert spec_of("nta").allocator == "nta-v1" and spec_of("nta", "nta-v2").allocator == "nta-v2"
    with pytest.raises(UsageError, match=r"'none' cannot take its packets from 'srog' \(possible: 'slab'\)"):
        spec_of("none", "srog")
    with pytest.raises(UsageError, match=r"'nta' cannot take its packets from 'slab' \(possible: 'nta-v1', 'nta-v2'\)"):
        spec_of("nta", "slab")
    with pytest.raises(UsageError, match="did you mean 'iface'"):
        spec_of("ifase")
    with pytest.raises(UsageError, match="'mainline' cannot take its packets from 'srog'"):
        Machine(MachineConfig(), PolicySpec(name="mainline", allocator="srog"), 0)


def test_heads_get_a_reserve_only_where_a_socket_is_flagged() -> None:
    for name, policy in POLICIES.items():
        spec = msgspec.structs.replace(spec_of(name), head_reserve=True)
        if name in ("iface", "memalloc", "mainline"):
            assert Machine(MachineConfig(), spec, 0).receiver.head_reserve, name
            continue
        with pytest.raises(UsageError, match=f"policy '{name}' cannot have head_reserve: it opens .* 'mainline'\\)"):
            Machine(MachineConfig(), spec, 0)
        assert not policy.on_head_shortage()
    assert not Machine(MachineConfig(), spec_of("mainline"), 0).receiver.head_reserve


def test_the_reserve_depends_on_the_allocator_and_on_the_number_of_cards() -> None:
    reserves = {name: POLICIES[spec.name].reserve_for(spec.allocator) for name, spec in SPECS.items()}
    assert {name: pages for name, pages in reserves.items() if pages} == {
        "iface": 50 + 4,
        "memalloc": 640 + 256,
        "memalloc+pages": 128 + 352,
        "memalloc+slab": 128 + 352,
    }
    assert POLICIES["iface"].reserve_for("slab", cards=2) == 2 * 54
    config = MachineConfig(storage_nic="e1000")
    assert Machine(config, spec_of("iface"), 0).stats(0).min_pages == config.min_free_pages + 108


# ---- isolation

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["junk", "small"]), st.integers(1, 40)),
        st.tuples(st.just("flow"), st.sampled_from([BLOCK_SOCKET, NO_SOCKET, ICMP])),
        st.tuples(st.just("read"), st.integers(1, 40)),
        st.tuples(st.sampled_from(["poll", "complete"]), st.integers(1, 50)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["iface", "memalloc", "netmem", "mainline", "ideal"]), st.sampled_from(list(NICS)), STEPS)
def test_a_policy_that_is_never_needed_decides_what_none_would(
    policy: str, nic: str, steps: list[tuple[str, int]]
) -> None:
    """Until a page below min is taken, a policy differs from `none` by its raised min alone."""
    added, memory = POLICIES[policy].reserve_for(POLICIES[policy].allocators[0]), 1500
    config = MachineConfig(
        memory_pages=memory + added, min_free_pages=40, working_set_pages=900 + added, touch_pages_per_s=0, nic=nic
    )
    raised = msgspec.structs.replace(config, min_free_pages=40 + added)
    patient, control = Machine(config, spec_of(policy), 0), Machine(raised, spec_of("none"), 0)
    assert patient.open_socket(1 << 17) == control.open_socket(1 << 17) == 1
    now_ns, requests = 0, []
    for what, value in steps:
        now_ns += MS_NS
        for _ in range(value if what in ("junk", "small") else 1):
            flow, size_bytes = {"flow": (value, 82), "small": (1, 100)}.get(what, (1, 1428))
            if what in ("junk", "small", "flow"):
                verdicts = {machine.receive(flow, size_bytes, 1, now_ns) for machine in (patient, control)}
            if control.pool.lowest <= control.pool.marks.min_pages:
                return
            assert what not in ("junk", "small", "flow") or len(verdicts) == 1
        for machine in (patient, control):
            if what == "read":
                machine.handle(SocketRead(1, value), now_ns)
            elif what == "complete" and requests:
                machine.handle(Completed(requests[0]), now_ns)
        requests = requests[1:] if what == "complete" else requests
        decisions = [machine.poll(now_ns) for machine in (patient, control)]
        if control.pool.lowest <= control.pool.marks.min_pages:
            return
        assert decisions[0] == decisions[1]
        requests += [decision.request for decision in decisions[0] if isinstance(decision, WriteOut | ReadIn)]
        assert patient.pool.free == control.pool.free and not patient.allocator.marked_pages
