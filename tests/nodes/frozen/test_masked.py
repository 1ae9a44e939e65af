"""A report for strangers holds nothing private, and the same word is masked the same way."""

from __future__ import annotations

import pytest

from nodes.frozen.masked import Mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("from 192.0.2.1 to 192.0.2.2 and 192.0.2.1", "from ADDRESS1 to ADDRESS2 and ADDRESS1"),
        ("addr 2001:db8::1 at 52:54:00:12:34:56", "addr ADDRESS1 at MAC1"),
        ("Aug 14 12:00:00 secret.example kernel: x", "Aug 14 12:00:00 HOST1 kernel: x"),
        ("Mon Aug 14 12:00:00 2023 kern.warn kernel: x", "Mon Aug 14 12:00:00 2023 kern.warn kernel: x"),
        ("nfs: server nas.example not responding", "nfs: server HOST1 not responding"),
        ("Lustre: x-OST0004-osc-f: Connection to x-OST0004 (at", "Lustre: HOST1: Connection to HOST2 (at"),
        ("o2net: Connection to node db1 (num 0) at", "o2net: Connection to node HOST1 (num 0) at"),
        ("the cluster's node db1 does not answer", "the cluster's node HOST1 does not answer"),
        (
            "afs: Lost contact with file server s.example in cell c.example (code",
            "afs: Lost contact with file server HOST1 in cell HOST2 (code",
        ),
        ("drbd r0 peer.example: sending time expired", "drbd r0 HOST1: sending time expired"),
        ("drbd r0/0 drbd1 peer.example: x", "drbd r0/0 drbd1 HOST1: x"),
        ("block drbd1: x; drbd r0/0 drbd1: y", "block drbd1: x; drbd r0/0 drbd1: y"),
        ("NQN nqn.2014-08.org.example:disk", "NQN NAME1"),
        ("[   12.345678] schedule+0x1/0x2 [nbd]", "[   12.345678] schedule+0x1/0x2 [nbd]"),
    ],
)
def test_private_words_are_masked(text: str, masked: str) -> None:
    assert Mask().over(text) == masked


def test_commands_are_masked_on_request_and_the_kernels_own_are_not() -> None:
    mask = Mask(commands=True)
    assert mask.over("INFO: task secretd:12 blocked for more than") == "INFO: task COMMAND1:12 blocked for more than"
    assert mask.over("secretd waits, kswapd0 too") == "COMMAND1 waits, kswapd0 too"
    assert mask.over("task:kswapd0 state:D") == "task:kswapd0 state:D"
    assert Mask().over("INFO: task secretd:12 blocked") == "INFO: task secretd:12 blocked"
