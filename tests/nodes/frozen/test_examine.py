"""The recorded consoles of real kernels, each with what its machine died of; that nothing is guessed, nor ever raised."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from nodes.frozen import Autopsy, examine, words
from nodes.frozen.reading import read
from nodes.frozen.words import told
from nodes.kernel.figures import at_stall
from nodes.kernel.protocol import Telemetry
from nodes.machine.waits import APPLICATION, COPY, HEAD, KSWAPD, REFILL, REPLY, WORKER

TESTS = Path(__file__).parents[2]
CONSOLES = TESTS / "recorded" / "consoles"
GOLDEN = TESTS / "golden" / "autopsy.txt"
NAMES = sorted(path.stem for path in CONSOLES.glob("*.log"))
FREED_BY_KSWAPD = "free pages"


@cache
def console(name: str) -> tuple[str, ...]:
    return tuple((CONSOLES / f"{name}.log").read_text(errors="replace").splitlines())


@cache
def figures(name: str) -> tuple[Telemetry | None, Telemetry | None]:
    path = CONSOLES / f"{name}.telemetry"
    return at_stall(path.read_text().splitlines()) if path.exists() else (None, None)


@cache
def autopsy(name: str) -> Autopsy:
    return examine(console(name), *figures(name))


def nodes(found: Autopsy) -> list[str]:
    return [edge.waiter for edge in found.cycle]


@pytest.mark.parametrize(
    ("name", "who", "resource"),
    [
        ("heads-rtl8139-6.12", HEAD, "packet heads"),
        ("copies-rtl8139-off-6.12", COPY, "packet copies"),
        ("copies-pcnet-off-6.12", COPY, "packet copies"),
        ("copies-vmxnet3-off-6.12", COPY, "packet copies"),
        ("ring-e1000e-off-6.12", REFILL, "receive buffers"),
        ("ring-e1000e-off-6.1", REFILL, "receive buffers"),
        ("guest-heads-rtl8139-6.12", HEAD, "packet heads"),
        ("guest-ring-e1000e-off-6.12", REFILL, "receive buffers"),
        ("nvme-ring-e1000e-off-6.12", REFILL, "receive buffers"),
        ("guest-refill-worker-virtio-6.1", WORKER, "rx queue enabled"),
        ("heads-e1000-off-6.12", HEAD, "packet heads"),
        ("heads-e1000-6.1", HEAD, "packet heads"),
        ("refill-worker-virtio-6.1", WORKER, "rx queue enabled"),
        ("refill-worker-virtio-6.12", WORKER, "rx queue enabled"),
    ],
)
def test_a_hang_is_named_by_what_the_reply_lacks(name: str, who: str, resource: str) -> None:
    found = autopsy(name)
    assert nodes(found) == [KSWAPD, REPLY, who]
    assert [edge.who_frees for edge in found.cycle] == [REPLY, who, KSWAPD]
    assert [edge.resource for edge in found.cycle][1:] == [resource, FREED_BY_KSWAPD]
    assert found.cycle[-1].have < found.cycle[-1].need
    assert not found.missing and not found.ending


@pytest.mark.parametrize("name", ["guest-sender-e1000e-off-6.12", "guest-sender-reclaims-e1000e-off-6.12"])
def test_a_sender_without_rights_is_named_whether_it_waits_or_reclaims(name: str) -> None:
    found = autopsy(name)
    assert nodes(found) == [KSWAPD, "NBD sender"]
    assert [edge.who_frees for edge in found.cycle] == ["NBD sender", KSWAPD]
    assert found.cycle[-1].resource == FREED_BY_KSWAPD and found.cycle[-1].have < found.cycle[-1].need
    assert not found.missing and not found.ending


def test_a_receiver_that_waits_for_the_block_sockets_lock_is_told() -> None:
    found = autopsy("guest-sender-e1000e-off-6.12")
    assert any("holds the block socket, and until then no reply is read" in edge.why for edge in found.waits)
    assert not any("recv_work" in one for one in found.unknown)


def test_a_relay_is_named_when_the_block_device_is_seen_to_read_from_it() -> None:
    assert nodes(autopsy("relay-rtl8139-6.12")) == ["relay process", REPLY]
    lines = console("relay-rtl8139-6.12")
    blocked_only = lines[: next(i for i, line in enumerate(lines) if "Show State" in line)]
    found = examine(blocked_only)
    assert not found.cycle and "relay" in found.missing[0]


def test_a_relay_that_may_not_write_out_pages_is_named_while_it_runs() -> None:
    found = autopsy("guest-relay-flusher-e1000e-6.12")
    assert nodes(found) == [KSWAPD, REPLY, "relay process"]
    assert "runs through direct reclaim again and again" in found.cycle[-1].why
    assert found.cycle[-1].resource == FREED_BY_KSWAPD and not found.missing


@pytest.mark.parametrize(("name", "ending"), [("oom-6.12", "oom"), ("oom-panic-6.12", "panic")])
def test_an_ending_that_is_no_wait_is_told(name: str, ending: str) -> None:
    found = autopsy(name)
    assert found.ending == ending and not found.cycle and not found.missing
    assert "Out of memory" in found.found[0]


def test_a_hang_that_somebody_ended_by_a_panic_keeps_its_cycle() -> None:
    found = autopsy("panic-in-hang-rtl8139-off-6.1")
    assert found.ending == "panic" and nodes(found) == [KSWAPD, REPLY, COPY]
    assert found.found[0] == "the kernel panicked (seen: Kernel panic - not syncing: sysrq triggered crash)"


def test_a_failure_that_is_long_over_is_no_edge() -> None:
    lines = console("ring-e1000e-off-6.12")
    dumped = next(i for i, line in enumerate(lines) if "Show Blocked" in line)
    failed = next(i for i in range(dumped) if "page allocation failure" in lines[i])
    before, after = lines[failed:dumped], [line for line in lines[dumped:] if "page allocation failure" not in line]

    def later(seconds: int) -> list[str]:
        return [re.sub(r"^\[ *(\d+)\.", lambda stamp: f"[{int(stamp[1]) + seconds:5}.", line) for line in after]

    assert nodes(examine([*before, *later(60)])) == [KSWAPD, REPLY, REFILL]
    assert not examine([*before, *later(600)]).cycle


@pytest.mark.parametrize("name", ["healthy-rtl8139-6.12", "slow-target-6.12"])
def test_waiting_is_no_deadlock(name: str) -> None:
    found = autopsy(name)
    assert not found.cycle and found.waits and found.missing


def test_a_torn_stack_is_shown_as_unknown_and_not_guessed() -> None:
    found = autopsy("torn-rtl8139-6.12")
    assert not found.cycle
    assert [one for one in found.unknown if one.startswith("kswapd0: bio_alloc_bioset <- __swap_writepage")]
    assert any(KSWAPD in one for one in found.missing)


def test_without_telemetry_the_log_must_show_the_failed_allocation() -> None:
    assert not examine(console("heads-rtl8139-6.12")).cycle
    found = examine(console("ring-e1000e-off-6.12"))
    assert nodes(found) == [KSWAPD, REPLY, REFILL]
    assert "page allocation failure (GFP_ATOMIC) at e1000_clean_rx_irq [e1000e]" in found.cycle[1].why


def test_failures_are_no_edge_while_memory_is_not_short() -> None:
    lines = [
        line.replace("free:", "free:9") if "Node 0 DMA free:" in line else line
        for line in console("heads-rtl8139-6.12")
    ]
    assert not examine(lines, *figures("heads-rtl8139-6.12")).cycle


def test_counters_that_did_not_grow_are_no_edge() -> None:
    newest, _ = figures("heads-rtl8139-6.12")
    assert newest is not None and newest.fail_head
    assert not examine(console("heads-rtl8139-6.12"), newest, newest).cycle


def test_a_counter_that_is_not_there_is_unknown_and_not_nothing() -> None:
    newest, before = figures("heads-rtl8139-6.12")
    assert newest is not None
    found = examine(console("heads-rtl8139-6.12"), structs.replace(newest, fail_head=-1), before)
    assert not found.cycle
    assert "whether packet heads failed on reception: this kernel's telemetry does not count them" in found.missing
    assert not any("packet heads" in one for one in examine(console("healthy-rtl8139-6.12"), newest, newest).missing)


def test_failed_pages_are_the_rings_only_where_heads_and_data_are_counted() -> None:
    lines = console("heads-rtl8139-6.12")
    before = Telemetry(t=0, fail_head=0, fail_data=0, fail_page=0)
    silent = Telemetry(t=60_000, fail_head=0, fail_data=0, fail_page=9)
    assert nodes(examine(lines, silent, before)) == [KSWAPD, REPLY, REFILL]
    assert not examine(lines, structs.replace(silent, fail_data=-1), before).cycle


def test_replies_that_their_own_socket_refuses_close_the_cycle() -> None:
    name = "guest-refused-igb-off-6.12"
    lines, (newest, before) = console(name), figures(name)
    assert newest is not None and before is not None
    assert nodes(autopsy(name)) == [KSWAPD, REPLY] and autopsy(name).cycle[1].resource == FREED_BY_KSWAPD
    flagged = structs.replace(newest, memalloc=1)
    assert not examine(lines, flagged, before).cycle, "a flagged socket may have them"
    quiet = structs.replace(newest, block_drop=before.block_drop)
    assert not examine(lines, quiet, before).cycle, "none came since progress stopped"


def test_every_edge_has_its_evidence() -> None:
    for name in NAMES:
        for edge in autopsy(name).waits:
            assert edge.why and edge.source, name
            assert edge.waiter != edge.who_frees, name
            frames = edge.source.partition(";")[0].split(" <- ")
            seen = [frame.partition(" ")[0] in "\n".join(console(name)) for frame in frames]
            assert all(seen) or edge.waiter in (REPLY, HEAD, COPY, REFILL), (name, edge)


def test_free_pages_are_counted() -> None:
    edge = next(
        one for one in autopsy("heads-rtl8139-6.12").waits if (one.waiter, one.resource) == (APPLICATION, "free pages")
    )
    assert 0 < edge.have < edge.need


def test_autopsies_are_the_golden_ones() -> None:
    reports = {name: read(console(name), *figures(name)) for name in NAMES}
    text = "".join(f"# {name}\n" + "\n".join(told(reports[name])) + "\n\n" for name in NAMES)
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


LINES = [line for name in NAMES for line in console(name)]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(LINES),
            st.builds(lambda line, at: line[at:], st.sampled_from(LINES), st.integers(0, 60)),
            st.builds(lambda line, at: line[:at], st.sampled_from(LINES), st.integers(0, 60)),
            st.text(max_size=60),
        ),
        max_size=60,
    ),
    st.builds(Telemetry, free=st.integers(-5, 2**40), min=st.integers(-5, 2**40), fail_head=st.integers(-1, 9)),
)
def test_whatever_the_lines_are_nothing_is_raised_and_a_cycle_closes(lines: list[str], now: Telemetry) -> None:
    found = examine(lines, now)
    for edge, then in zip(found.cycle, (*found.cycle[1:], *found.cycle[:1]), strict=True):
        assert edge.who_frees == then.waiter and edge in found.waits
    assert all("\n" not in line for line in words.found(found))
