"""How many NFQUEUE verdicts one CPU second gives, one by one and batched.

    uv run python tests/bench/bench_nfqueue.py

64-byte UDP datagrams come through a veth pair between two namespaces of its own, in ROUNDS bursts that fill the queue;
then the queue is emptied. CPU time is that of the judging process while it empties it, delivery to the socket included.
`measure(judge)` takes any callable judge(packet) -> accept, so that a row with a machine in the loop can stand beside the
bare ones. Needs root with NET_ADMIN and SYS_ADMIN.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import netspaces

from nodes.network.nfqueue import Packet, Queue

ROUNDS, BURST = 100, 4000
PAYLOAD = bytes(64 - 28)
NUMBER, PORT, LIMIT = 21, 9200, 64

Judge = Callable[[Packet], bool]


class Rate(NamedTuple):
    """What one row measured. `lost` packets never reached the judge."""

    judged: int
    lost: int
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        return self.judged / self.cpu_s


def accept(packet: Packet) -> bool:
    """The bare verdict."""
    return True


def measure(judge: Judge = accept, batched: bool = False) -> Rate:
    """Judges ROUNDS bursts with `judge`, verdicts one by one or one per run of equal ones."""
    with (
        netspaces.pair() as (left, right),
        netspaces.Remote(right, lambda connection: _judge_all(connection, judge, batched)) as judging,
        netspaces.Remote(left, _send) as sending,
    ):
        assert judging.answer() == "ready"
        for _ in range(ROUNDS):
            sending.ask("burst")
            judging.ask("burst sent")
        rate = judging.ask("end")
        assert isinstance(rate, Rate)
        return rate


def row(name: str, rate: Rate) -> str:
    """A line of the table."""
    return f"{name:<20}{rate.per_cpu_s:>9,.0f} verdicts per CPU second   ({rate.judged:,} judged, {rate.lost:,} lost)"


def main() -> None:
    for name, batched in (("bare, one by one", False), ("bare, batched", True)):
        print(row(name, measure(batched=batched)), flush=True)


def _send(connection: Connection) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect((netspaces.RIGHT, PORT))
        while connection.recv() is not None:
            for _ in range(BURST):
                sock.send(PAYLOAD)
            connection.send("burst sent")


def _judge_all(connection: Connection, judge: Judge, batched: bool) -> None:
    judged, cpu_s = 0, 0.0
    with Queue(NUMBER) as queue, socket.socket(type=socket.SOCK_DGRAM) as sink:
        sink.bind((netspaces.RIGHT, PORT))  # unread: what its buffer cannot hold is dropped after the verdict
        rule = f"INPUT -p udp -j NFQUEUE --queue-num {NUMBER}"
        subprocess.run(("iptables", "-t", "mangle", "-A", *rule.split()), check=True)
        connection.send("ready")
        while connection.recv() != "end":
            start_s = time.process_time()
            judged += _empty(queue, judge, batched)
            cpu_s += time.process_time() - start_s
            connection.send("emptied")
        connection.send(Rate(judged, ROUNDS * BURST - judged, cpu_s))
        connection.recv()


def _empty(queue: Queue, judge: Judge, batched: bool) -> int:
    judged, verdict = 0, queue.verdict
    while packets := queue.receive(LIMIT):
        judged += len(packets)
        if batched:
            queue.settle([(packet.id, judge(packet)) for packet in packets])
        else:
            for packet in packets:
                verdict(packet.id, judge(packet))
    return judged


if __name__ == "__main__":
    main()
