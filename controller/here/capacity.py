"""How much junk this machine can send and judge just now: measured, since what else runs here takes its part.

Two processes send datagrams over loopback as fast as they can, as many as the testbed has Locust workers; one reads them
and asks a modelled machine about each, as an initiator does. What a packet costs both sides, and how much processor time
the three were given, bound the rate. Loopback is shorter than the way through bridge and packet queue: DETOUR makes up
for that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from typing import Any

from msgspec import Struct

from nodes.config import MachineConfig, PolicySpec
from nodes.errors import HarnessError
from nodes.floods import Flood
from nodes.machine.machine import Machine
from traffic.profiles import goes

Pipe = Connection  # of messages, both ways
SENDERS = 2
"""Locust workers of compose/compose.yaml."""
SECONDS = 1.0
"""Long enough for the scheduler to share the processors out (own): where sixteen programs wanted two processors, three
measurements of 0.6 s within two minutes gave 0.4 to 0.95 processors."""
BATCH = 64
"""Packets between two looks at the clock (own)."""
SIZE_BYTES = 1400
EMULATED_PPS = 4000
"""Datagrams a second for each processor, where a guest without KVM takes them: two workers beside one on two processors sent
8,000 (own measurement, docs/reference/kernel-runs.md)."""
DEADLINE_S = 30.0
"""A process that has not answered by then will not (own): starting Python on a busy machine takes seconds."""
DETOUR = 6.0
"""What a packet of the testbed costs, beside one over loopback (own). By the containers' own counters of time,
sending one took 14 us and judging one 13 us, against 4.4 and 4.9 us over loopback: thrice as much, for veth, bridge,
iptables and NFQUEUE. Twice that, since where many programs compete, all containers together got half of what the three
processes here get (control groups share first): 0.30 against 0.57 of a processor. So it says 10,000 a second where 13,000
came (load 7), and 6,000 to 10,000 where 8,000 were sent, whether 20,000 or 100,000 were asked (load 17)."""


class Spent(Struct, frozen=True):
    """What one process did: packets, and seconds of its processor and of the clock."""

    packets: int
    cpu_s: float
    wall_s: float


class Capacity(Struct, frozen=True, kw_only=True):
    """What was measured."""

    send_s: float
    """Processor time of sending a packet, seconds."""
    judge_s: float
    """... and of judging it."""
    processors: float
    """How many processors three busy processes had together."""

    @property
    def rate_pps(self) -> int:
        """Packets per second that can be sent to one initiator and judged there: senders and judge share what there is,
        and each process has one processor at most."""
        bounds = (
            self.processors / (self.send_s + self.judge_s), min(SENDERS, self.processors) / self.send_s, 1 / self.judge_s
        )  # fmt: skip
        return round(min(bounds))

    @property
    def emulated_pps(self) -> int:
        """The same for a guest that QEMU emulates beside the senders."""
        return min(self.rate_pps, round(EMULATED_PPS * self.processors))


def measure(seconds: float = SECONDS) -> Capacity:
    """Measures for `seconds`, after about a second to start. Traffic stays on loopback. Raises HarnessError when a process
    does not answer."""
    context = get_context("spawn")
    with ExitStack() as stack:
        judge, *senders = [stack.enter_context(_child(context, work, seconds)) for work in (_judge, *[_send] * SENDERS)]
        port = _answer(judge)
        for sender in senders:
            sender.send(port)
            _answer(sender)
        for child in (judge, *senders):
            child.send("go")
        return capacity_of(_answer(judge), [_answer(sender) for sender in senders])


def asked_pps(floods: Sequence[Flood]) -> int:
    """The most packets per second that `floods` ask for at one time, all initiators together."""
    return max((sum(flood.rate_pps for flood in floods if goes(flood, at.start_ns)) for at in floods), default=0)


def capacity_of(judged: Spent, sent: Sequence[Spent]) -> Capacity:
    """What the three processes' figures come down to."""
    packets, cpu_s = sum(each.packets for each in sent), sum(each.cpu_s for each in sent)
    return Capacity(
        send_s=DETOUR * cpu_s / max(packets, 1),
        judge_s=DETOUR * judged.cpu_s / max(judged.packets, 1),
        processors=(judged.cpu_s + cpu_s) / judged.wall_s,
    )


@contextmanager
def _child(context: SpawnContext, work: Callable[[Pipe, float], None], seconds: float) -> Iterator[Pipe]:
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()
        ours.close()


def _answer(child: Pipe) -> Any:
    if not child.poll(DEADLINE_S):
        raise HarnessError("what this machine can send could not be measured: a process did not answer")
    try:
        return child.recv()
    except EOFError:
        raise HarnessError("what this machine can send could not be measured: a process ended") from None


def _send(parent: Pipe, seconds: float) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", parent.recv()))
        payload = bytes(SIZE_BYTES)
        parent.send("ready")
        parent.recv()
        parent.send(_worked(partial(_send_batch, sock, payload), seconds))


def _send_batch(sock: socket.socket, payload: bytes) -> int:
    for _ in range(BATCH):
        sock.send(payload)
    return BATCH


def _judge(parent: Pipe, seconds: float) -> None:
    machine = Machine(MachineConfig(), PolicySpec(name="memalloc"), 0)
    number = machine.open_socket(1 << 20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(seconds)
        parent.send(sock.getsockname()[1])
        parent.recv()
        parent.send(_worked(partial(_judge_batch, sock, machine, number), seconds))
        parent.poll(None)  # nobody may refuse what the senders still send: the socket stays until this process is ended


def _judge_batch(sock: socket.socket, machine: Machine, number: int) -> int:
    for done in range(BATCH):
        try:
            size_bytes = len(sock.recv(2048))
        except TimeoutError:
            return done
        machine.receive(number, size_bytes, 1, time.monotonic_ns())
    return BATCH


def _worked(batch: Callable[[], int], seconds: float) -> Spent:
    began, cpu = time.monotonic(), time.process_time()
    packets = 0
    while time.monotonic() - began < seconds:
        packets += batch()
    return Spent(packets, time.process_time() - cpu, time.monotonic() - began)
