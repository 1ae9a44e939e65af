"""A train of equal junk packets, judged one by one for as long as any of them changes something.

Once a packet for every socket in turn has changed nothing but counters, all that follow do what those did: full sockets, an
empty ring, and an oracle's drops cost a packet a socket, however long the train.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodes.machine.receive import Receiver


def receive_train(
    receiver: Receiver, sockets: Sequence[int], size_bytes: int, packets: int, now_ns: int, first: int
) -> int:
    """`packets` packets of one segment for `sockets` in turn, from index `first` on; answers how many were accepted."""
    accepted = still = accepted_before = 0
    count, turn, left, packet = len(sockets), first % len(sockets), packets, receiver.packet
    before = _counters(receiver)
    while left:
        left -= 1
        receiver.still = True
        accepted += packet(sockets[turn], size_bytes, 1, now_ns)
        turn = turn + 1 if turn + 1 < count else 0
        if not receiver.still:
            still = 0
            continue
        still += 1
        if still == 1:
            before, accepted_before = _counters(receiver), accepted
        elif still == count + 1:
            rounds, left = divmod(left, count)
            _count_again(receiver, before, rounds)
            accepted += rounds * (accepted - accepted_before)
    return accepted


def _counters(receiver: Receiver) -> tuple[int, int, int, int]:
    """All that a packet which changes nothing else may count."""
    return receiver.rx_packets, receiver.early_drops, receiver.rcvbuf_drops, receiver.no_buffer_drops


def _count_again(receiver: Receiver, before: tuple[int, int, int, int], times: int) -> None:
    """What was counted since `before`, `times` times more."""
    rx_packets, early, rcvbuf, no_buffer = before
    receiver.rx_packets += times * (receiver.rx_packets - rx_packets)
    receiver.early_drops += times * (receiver.early_drops - early)
    receiver.rcvbuf_drops += times * (receiver.rcvbuf_drops - rcvbuf)
    receiver.no_buffer_drops += times * (receiver.no_buffer_drops - no_buffer)
