"""Each rule speaks when it should, and is silent when it should not: one fact of a made machine is changed."""

from __future__ import annotations

import re

import msgspec
import pytest
from docpages import DOCS
from machines import NAMES, Edited, answer, collected, machine

from controller.inspect.answer import judged
from controller.inspect.cards import DRIVERS
from controller.inspect.collected import Collected
from controller.inspect.facts import Card, Daemon, Machine, Memory, Readiness, Store, Zone
from controller.inspect.finding import Finding
from controller.inspect.measured import CELLS, Cell
from controller.inspect.network import read_cards
from controller.inspect.rules.kernels import RANGES
from controller.inspect.rules.reserve import default_kib
from controller.inspect.transports import TRANSPORTS
from controller.inspect.tree import Tree
from nodes.machine.nic import NICS

NBD = Store(use="swap", name="/dev/nbd0", hops=("nbd0",), transport="nbd", cards=(Card(name="eth0", driver="e1000e"),))
FILES = msgspec.structs.replace(NBD, use="file system", name="/srv")


def found(machine: Machine) -> dict[str, Finding]:
    return {finding.rule: finding for finding in judged(machine, ()).findings}


def swapping_over(transport: str, **changes: object) -> Machine:
    return Machine(version=(6, 12, 0), stores=(msgspec.structs.replace(NBD, transport=transport, **changes),))


# ---- the way of pages


@pytest.mark.parametrize(
    ("transport", "rule", "grade"),
    [
        *((name, "path-networked-swap", "grave") for name, each in TRANSPORTS.items() if each.networked),
        ("fuse", "path-process", "grave"),
        ("ublk", "path-process", "grave"),
        ("9p", "path-process", "grave"),
        ("zvol", "path-zvol", "grave"),
        ("virtio", "path-virtio", "caution"),
        ("unknown", "path-unknown", "unknown"),
        ("zram", "path-zram", "good"),
        ("local", "path-local", "good"),
        ("fc", "path-local", "good"),
    ],
)
def test_swap_is_judged_by_its_transport(transport: str, rule: str, grade: str) -> None:
    assert found(swapping_over(transport))[rule].grade == grade


def test_a_transport_without_the_flag_is_told() -> None:
    assert "never flags its socket" in found(swapping_over("rbd"))["path-networked-swap"].why
    assert "never flags" not in found(swapping_over("nbd"))["path-networked-swap"].why


def test_dirty_files_over_the_network_are_a_caution() -> None:
    assert found(Machine(stores=(FILES,)))["path-networked-files"].grade == "caution"


def test_a_store_that_this_machine_serves_itself() -> None:
    assert found(swapping_over("nbd", same_host=True))["path-same-host"].grade == "grave"
    files = msgspec.structs.replace(FILES, transport="nfs", same_host=True)
    assert found(Machine(stores=(files,)))["path-same-host"].grade == "caution"


def test_swap_through_a_loop_device_is_a_caution() -> None:
    assert found(swapping_over("local", hops=("loop0", "a file", "sda1")))["path-loop"].grade == "caution"


# ---- cards


def test_what_our_matrix_says_is_what_its_page_says() -> None:
    """Sums over both scenarios and all kernels, in the columns `none` and `memalloc`."""
    page = (DOCS / "reference" / "kernel-matrix.md").read_text()
    sums: dict[tuple[str, bool], list[int]] = {}
    for row in re.findall(r"^\| \S+-amd64 \| .*$", page, re.MULTILINE):
        _, _, card, none, memalloc, *_ = (cell.strip() for cell in row.split("|"))
        for flag, cell in ((False, none), (True, memalloc)):
            for verdict, count in re.findall(r"(\w+) (\d+)/\d+", cell.partition("<br>")[0]):
                total = sums.setdefault((card, flag), [0, 0, 0])
                total[0] += int(count) * (verdict == "deadlocked")
                total[1] += int(count)
                total[2] += int(count) * (verdict == "oom")
    assert {key: Cell(*total) for key, total in sums.items()} == CELLS


def test_a_measured_card_is_told_with_its_tier_and_trials() -> None:
    said = found(swapping_over("nbd"))["card-hangs"]
    assert (said.tier, said.grade) == ("kernel", "grave")
    assert f"with SOCK_MEMALLOC set {CELLS['e1000e', True].told}" in said.what
    unflagged = found(swapping_over("rbd"))["card-hangs"].what
    assert f"with SOCK_MEMALLOC not set {CELLS['e1000e', False].told}" in unflagged


def test_trials_are_told_with_those_that_lost_a_task() -> None:
    assert Cell(2, 4).told == "hung in 2 of 4 trials"
    assert Cell(1, 21, 5).told == "hung in 1 of 21 trials, and 5 lost a task to the OOM killer"


def test_a_card_that_was_not_measured_says_so() -> None:
    card = (Card(name="eth0", driver="smsc95xx", usb=True),)
    said = found(swapping_over("nbd", cards=card))["card-not-measured"]
    assert said.what.startswith("eth0 (smsc95xx, USB): no measurement; nearest model")
    assert (
        found(swapping_over("nbd", cards=(Card(name="eth0", driver="of-tomorrow"),)))["card-not-known"].grade == "grave"
    )
    assert found(swapping_over("nbd", cards=()))["card-not-seen"].grade == "grave"


def test_offloads_that_matter_to_packet_memory() -> None:
    def told(**offloads: bool) -> set[str]:
        card = Card(name="eth0", driver="vmxnet3", offloads=offloads)
        return set(found(swapping_over("nbd", cards=(card,)))) & {"card-lro", "card-no-gro"}

    assert told(lro=True, gro=True) == {"card-lro"}
    assert told(lro=False, gro=False) == {"card-no-gro"}
    assert told(lro=False, gro=True) == told() == set()


def test_what_ethtool_says_is_read_as_it_says_it() -> None:
    """`ethtool -k` and `-g`, as the collector's script keeps them."""
    (card,) = read_cards(Tree(ETHTOOL))
    assert card.offloads == {"rx checksum": True, "tso": True, "gro": True, "lro": False, "header split": False}
    assert card.ring_slots == 256


ETHTOOL = Collected(
    """netreserve-machine 1
@names /sys/class/net eth0
@link /sys/class/net/eth0/device /sys/devices/pci0000:00/0000:00:02.0
@file /netreserve/offloads/eth0
|rx-checksumming: on
|tcp-segmentation-offload: on
|generic-receive-offload: on
|large-receive-offload: off [fixed]
|rx-vlan-offload: on
@file /netreserve/rings/eth0
|Ring parameters for eth0:
|Pre-set maximums:
|RX:\t\t4096
|Current hardware settings:
|RX:\t\t256
|TCP data split:\toff
@end
"""
)


def test_a_process_that_serves_swap_and_is_swapped_out_is_grave() -> None:
    server = Daemon(pid=9, name="rublk", io_flusher=True, swapped_kib=4, oom_score_adj=-1000)
    machine = msgspec.structs.replace(swapping_over("ublk"), daemons=(server,))
    assert found(machine)["daemon-swapped"].grade == "grave"


def test_a_newer_virtio_is_not_condemned_for_what_was_mended() -> None:
    card = (Card(name="eth0", driver="virtio_net"),)
    old, new = (
        swapping_over("nbd", cards=card),
        msgspec.structs.replace(swapping_over("nbd", cards=card), version=(6, 19, 1)),
    )
    assert "no longer has" not in found(old)["card-hangs"].why
    assert "no longer has virtio_net's refill worker" in found(new)["card-hangs"].why


def test_every_driver_has_a_model_that_there_is() -> None:
    assert {likeness.model for likeness in DRIVERS.values()} <= set(NICS)


# ---- reserve


def test_the_kernel_s_own_choice() -> None:
    """64 MiB of lowmem: sqrt(16 * 65536) = 1024 kB (physics.md section 2); HighMem does not count."""
    memory = machine("ancient-kernel").memory
    low_kib = sum(zone.managed for zone in memory.zones if zone.name != "HighMem") * 4
    assert default_kib(memory) == int((16 * low_kib) ** 0.5)


def test_a_reserve_below_the_default_or_too_large() -> None:
    source = collected("plain-local")
    for kib, rule in ((1024, "reserve-below-default"), (2 << 20, "reserve-large")):
        rules = {
            finding.rule for finding in answer(Edited(source, {"/proc/sys/vm/min_free_kbytes": str(kib)})).findings
        }
        assert rule in rules


def test_the_choice_of_a_real_kernel_is_not_called_somebody_s() -> None:
    """A guest of 256 MiB, 6.12, e1000e: 1828 KiB where its zones give 1865, as its initrd was not free yet."""
    zones = (
        Zone(node=0, name="DMA", free=3840, min=28, low=35, high=42, present=3998, managed=3840),
        Zone(node=0, name="DMA32", free=40000, min=429, low=536, high=643, present=61406, managed=50526),
    )
    memory = Memory(total_kib=217464, swap_total_kib=0, zones=zones, min_free_kib=1828)
    assert default_kib(memory) == 1865
    assert "reserve-below-default" not in found(Machine(memory=memory))
    lowered = msgspec.structs.replace(memory, min_free_kib=1024)
    assert "reserve-below-default" in found(Machine(memory=lowered))


# ---- kernels


@pytest.mark.parametrize("name", [known.name for known in RANGES])
def test_a_range_ends_where_it_was_mended(name: str) -> None:
    known = next(known for known in RANGES if known.name == name)
    transport = "nfs" if name.startswith("nfs") else "nbd"
    within = swapping_over(transport, same_host=True if name == "nfs-localio" else None)
    first = max(known.first, (2, 6, 32))
    assert f"kernel-{name}" in found(msgspec.structs.replace(within, version=first))
    assert f"kernel-{name}" not in found(msgspec.structs.replace(within, version=known.fixed))


# ---- daemons and limits


def test_a_daemon_that_is_locked_flagged_and_spared_is_not_told_of() -> None:
    good = Daemon(pid=9, name="iscsid", io_flusher=True, locked_kib=9000, swapped_kib=0, oom_score_adj=-1000)
    iscsi = swapping_over("iscsi")
    assert not [rule for rule in found(msgspec.structs.replace(iscsi, daemons=(good,))) if rule.startswith("daemon")]
    bad = msgspec.structs.replace(good, io_flusher=False, locked_kib=0, swapped_kib=4, oom_score_adj=0)
    told = found(msgspec.structs.replace(iscsi, daemons=(bad,)))
    assert told["daemon-swapped"].grade == "grave"
    assert {"daemon-no-io-flusher", "daemon-oom"} <= told.keys()
    loose = msgspec.structs.replace(good, locked_kib=0)
    assert "daemon-not-locked" in found(msgspec.structs.replace(iscsi, daemons=(loose,)))


def test_a_server_of_others_is_none_of_our_business() -> None:
    server = Daemon(pid=9, name="nbdkit", io_flusher=False, oom_score_adj=0, limit_kib=1000, used_kib=999)
    assert not [rule for rule in found(Machine(daemons=(server,))) if rule.startswith(("daemon", "limit"))]
    own = msgspec.structs.replace(swapping_over("nbd", same_host=True), daemons=(server,))
    assert {"daemon-no-io-flusher", "limit-daemon-near"} <= found(own).keys()


# ---- sockets, history, readiness


def test_packets_that_may_hold_the_reserve() -> None:
    assert (
        "576 times the reserve"
        in {f.rule: f for f in answer(collected("iscsi-root")).findings}["sockets-may-hold"].what
    )


def test_sockets_under_pressure_now() -> None:
    full = "sockets: used 180\nTCP: inuse 12 orphan 0 tw 0 alloc 14 mem 9999999\nUDP: inuse 4 mem 3"
    rules = {
        finding.rule for finding in answer(Edited(collected("plain-local"), {"/proc/net/sockstat": full})).findings
    }
    assert "sockets-pressure" in rules


@pytest.mark.parametrize(("sysrq", "told"), [(1, False), (8, False), (438, True), (0, True), (176, True), (184, False)])
def test_who_may_ask_a_hung_machine(sysrq: int, told: bool) -> None:
    assert ("readiness-sysrq" in found(Machine(readiness=Readiness(sysrq=sysrq, consoles=("ttyS0",))))) is told


def test_any_way_out_for_the_answer_will_do() -> None:
    for ready in (Readiness(consoles=("ttyS0",)), Readiness(netconsole=True), Readiness(pstore="ramoops")):
        assert "readiness-console" not in found(Machine(readiness=ready))
    assert "readiness-console" in found(Machine(readiness=Readiness(consoles=("tty0",))))


def test_every_rule_speaks_for_some_machine() -> None:
    """So that none is dead: those that no made machine has are changed into above."""
    spoken = {finding.rule for name in NAMES for finding in answer(collected(name)).findings}
    assert len(spoken) >= 25
