"""What a kernel says beside stacks: every saying is known, and what was taken back does not count."""

from __future__ import annotations

import re

import pytest

from nodes.frozen.events import said
from nodes.frozen.lines import messages
from nodes.frozen.sayings import SAYINGS


def kinds(*lines: str) -> list[tuple[str, str]]:
    return [(one.kind, one.words) for one in said(messages([f"[    1.000000] {line}" for line in lines]))]


@pytest.mark.parametrize(
    ("line", "kind", "whom"),
    [
        ("nfs: server 192.0.2.1 not responding, still trying", "peer", "192.0.2.1"),
        ("nvme nvme1: Reconnecting in 10 seconds...", "peer", "nvme1"),
        ("block nbd0: Connection timed out", "peer", "nbd0"),
        (" connection1:0: detected conn error (1022)", "peer", "connection1:0"),
        ("libceph: osd3 (1)192.0.2.7:6801 socket closed (con state OPEN)", "peer", "osd3"),
        ("block drbd0: conn( Connected -> NetworkFailure )", "peer", "drbd"),
        ("drbd r0: PingAck did not arrive in time.", "peer", "r0"),
        ("CIFS: VFS: \\\\nas.example has not responded in 180 seconds. Reconnecting...", "peer", "nas.example"),
        ("blk_update_request: I/O error, dev sda, sector 1", "disk", "sda"),
        ("ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen", "disk", "ata1.00"),
        ("mmc0: Timeout waiting for hardware interrupt.", "disk", "mmc0"),
        ("nvme nvme0: I/O 12 QID 3 timeout, aborting", "disk", "nvme0"),
        ("sd 2:0:0:0: rejecting I/O to offline device", "disk", ""),
        ("Memory cgroup out of memory: Killed process 7 (java)", "cgroup-oom", ""),
        ("Task in /docker/a killed as a result of limit of /docker/a", "cgroup-oom", "/docker/a"),
        ("Out of Memory: Killed process 7 (java).", "oom", ""),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [kswapd0:87]", "spin", "kswapd0:87"),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", "spin", ""),
        ("BUG: scheduling while atomic: kswapd0/87/0x00000002", "atomic", "kswapd0/87"),
        ("Oops: 0002 [#1] SMP", "bug", ""),
        ("Kernel panic - not syncing: hung_task: blocked tasks", "panic", ""),
    ],
)
def test_a_saying_is_known(line: str, kind: str, whom: str) -> None:
    ((found, words),) = kinds(line)
    assert found == kind and whom in words


def test_a_server_that_is_back_is_not_gone() -> None:
    gone = "nfs: server 192.0.2.{} not responding, still trying"
    assert kinds(gone.format(1), "nfs: server 192.0.2.1 OK") == []
    assert kinds(gone.format(1), gone.format(2), "nfs: server 192.0.2.1 OK") == [
        ("peer", "the NFS server 192.0.2.2 does not answer")
    ]
    assert kinds("nvme nvme1: Reconnecting in 10 seconds...", "nvme nvme1: Successfully reconnected (3 attempt)") == []


def test_network_disks_that_fail_are_not_this_machines() -> None:
    assert kinds("blk_update_request: I/O error, dev nbd0, sector 1") == []


def test_every_saying_is_a_pattern_and_is_counted() -> None:
    assert all(re.compile(one.form) and (not one.over or re.compile(one.over)) for one in SAYINGS)
    line = "[    1.000000] nfs: server a not responding, still trying"
    assert [one.count for one in said(messages([line, line]))] == [2]
