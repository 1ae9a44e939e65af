"""(a) Packets judged per CPU second through NFQUEUE, with the machine in the loop, beside bare verdicts.

UDP datagrams come through a cable between two namespaces, in BURSTS bursts that fill the queue; then the queue is emptied.
CPU time is that of the judging process while it empties it, delivery to the socket and reading it included. The judge is
the initiator's: classify, demux, Machine.receive; verdicts are batched as the pump batches them. Bare and machine take
turns, ROUNDS times. The sizes are those of scenarios/classic.yaml and the smallest Ethernet frame's.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

from figures import Figure
from netspaces import RIGHT, Remote, pair

from nodes.config import MachineConfig, PolicySpec
from nodes.container.flows import Flows
from nodes.container.pump import BATCH_PACKETS
from nodes.machine.events import SocketRead
from nodes.machine.machine import Machine
from nodes.network.nfqueue import Packet, Queue

ROUNDS, BURSTS, BURST = 3, 40, 4000
NUMBER, PORT = 21, 9200
RCVBUF_BYTES = 4 << 20
"""As in scenarios/classic.yaml."""
PAYLOADS = {"1400 B": 1400, "64 B": 64 - 42}
"""UDP payload by size: a datagram's as scenarios name it; a frame's, less Ethernet, IP and UDP headers."""
AIM_PER_S, AIM_RATIO = 100_000, 0.5

Judge = Callable[[Packet], bool]


class Judging(NamedTuple):
    """A judge, and what it does after each batch."""

    judge: Judge
    after_batch: Callable[[], None] = lambda: None


def bare(sink: socket.socket) -> Judging:
    """Accepts everything at once."""
    return Judging(lambda packet: True)


def bare_read(sink: socket.socket) -> Judging:
    """As `bare`, and the socket is emptied after each batch."""
    return Judging(lambda packet: True, partial(_empty_socket, sink, bytearray(2048)))


def full(sink: socket.socket) -> Judging:
    """The machine's receive buffer is full, or soon will be: it drops."""
    flows, _, _ = _machine(PORT)
    return Judging(_through(flows))


def read(sink: socket.socket) -> Judging:
    """The machine accepts and queues; the application reads after each batch, really too."""
    flows, machine, number = _machine(PORT)
    chunk = bytearray(2048)

    def read_all() -> None:
        _empty_socket(sink, chunk)
        machine.handle(SocketRead(number), time.monotonic_ns())

    return Judging(_through(flows), read_all)


def nobody(sink: socket.socket) -> Judging:
    """The machine accepts packets that no socket of its is open for."""
    flows, _, _ = _machine(PORT + 1)
    return Judging(_through(flows))


def short(sink: socket.socket) -> Judging:
    """The machine has no page above min: it receives into the reserve, and drops what is not for the paging socket."""
    flows, machine, _ = _machine(PORT)
    while machine.pool.take(machine.pool.marks.kernel_floor):
        pass
    return Judging(_through(flows))


WAYS = {
    "full buffer": (full, bare),
    "buffer being read": (read, bare_read),
    "no socket": (nobody, bare),
    "no memory": (short, bare),
}
"""The machine's judge and its peer, which does all that is not the machine's."""


def figures() -> Iterator[Figure]:
    """Measures. Needs NET_ADMIN, SYS_ADMIN and NFQUEUE."""
    for size, payload_bytes in PAYLOADS.items():
        for way, (make, make_bare) in WAYS.items():
            pairs = [(_rate(make, payload_bytes), _rate(make_bare, payload_bytes)) for _ in range(ROUNDS)]
            own, peer = map(statistics.median, zip(*pairs, strict=True))
            ratio = statistics.median(own / peer for own, peer in pairs)
            yield Figure(
                part="a",
                name=f"judged, {size}, {way}",
                value=own,
                unit="packets/CPU s",
                aim=f"{AIM_PER_S:,} and {AIM_RATIO} of bare",
                met=own >= AIM_PER_S and ratio >= AIM_RATIO,
                peer=peer,
                peer_name="bare",
                ratio=ratio,
            )


def _machine(port: int) -> tuple[Flows, Machine, int]:
    machine = Machine(MachineConfig(), PolicySpec(name="memalloc"), 0)
    flows = Flows(machine)
    return flows, machine, flows.open_udp(port, RCVBUF_BYTES)


def _through(flows: Flows) -> Judge:
    judge, now_ns = flows.judge, time.monotonic_ns
    return lambda packet: judge(packet[1], now_ns())


def _rate(make: Callable[[socket.socket], Judging], payload_bytes: int) -> float:
    with (
        pair() as (left, right),
        Remote(right, partial(_judge_all, make)) as judging,
        Remote(left, partial(_send, payload_bytes)) as sending,
    ):
        assert judging.answer() == "ready"
        for _ in range(BURSTS):
            sending.ask("burst")
            judging.ask("burst sent")
        judged, cpu_s = judging.ask("end")
        assert judged == BURSTS * BURST, f"{BURSTS * BURST - judged} packets never reached the judge"
        return float(judged / cpu_s)


def _send(payload_bytes: int, connection: Connection) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect((RIGHT, PORT))
        while connection.recv() is not None:
            for _ in range(BURST):
                sock.send(bytes(payload_bytes))
            connection.send("burst sent")


def _judge_all(make: Callable[[socket.socket], Judging], connection: Connection) -> None:
    judged, cpu_s = 0, 0.0
    with Queue(NUMBER) as queue, socket.socket(type=socket.SOCK_DGRAM) as sink:
        sink.setblocking(False)
        sink.bind((RIGHT, PORT))  # where nobody reads it, what its buffer cannot hold is dropped after the verdict
        rule = f"INPUT -p udp -j NFQUEUE --queue-num {NUMBER}"
        subprocess.run(("iptables", "-t", "mangle", "-A", *rule.split()), check=True)
        judging = make(sink)
        connection.send("ready")
        while connection.recv() != "end":
            start_s = time.process_time()
            judged += _empty(queue, judging)
            cpu_s += time.process_time() - start_s
            connection.send("emptied")
        connection.send((judged, cpu_s))
        connection.recv()


def _empty_socket(sink: socket.socket, chunk: bytearray) -> None:
    try:
        while True:
            sink.recv_into(chunk)
    except BlockingIOError:
        pass


def _empty(queue: Queue, judging: Judging) -> int:
    judged, judge = 0, judging.judge
    while packets := queue.receive(BATCH_PACKETS):
        judged += len(packets)
        queue.settle([(packet[0], judge(packet)) for packet in packets])
        judging.after_batch()
    return judged
