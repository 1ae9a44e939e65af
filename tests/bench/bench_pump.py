"""How many packets one CPU second judges with the machine in the loop, beside the bare verdicts of bench_nfqueue.

    uv run python tests/bench/bench_pump.py

Three rows: the machine drops (a full receive buffer), accepts and queues with the sink read after each burst (`app`), and
accepts for no socket. The judge is the one the initiator uses: classify, demux, Machine.receive. Needs what bench_nfqueue
needs.
"""

from __future__ import annotations

import time

from bench_nfqueue import PORT, Judge, measure, row

from nodes.config import MachineConfig, PolicySpec
from nodes.container.flows import Flows
from nodes.machine.events import SocketRead
from nodes.machine.machine import Machine
from nodes.network.nfqueue import Packet

READ_EVERY = 64


def judge_with(reader: str) -> Judge:
    """A fresh machine's judge; `reader` is `stalled`, `app` or `nobody`."""
    machine = Machine(MachineConfig(), PolicySpec(name="memalloc"), 0)
    flows = Flows(machine)
    socket = flows.open_udp(PORT if reader != "nobody" else PORT + 1, 212_992)
    judge, now_ns, judged = flows.judge, time.monotonic_ns, 0

    def stalled(packet: Packet) -> bool:
        return judge(packet.head, now_ns())

    def app(packet: Packet) -> bool:
        nonlocal judged
        judged += 1
        if judged % READ_EVERY == 0:
            machine.handle(SocketRead(socket), now_ns())
        return judge(packet.head, now_ns())

    return app if reader == "app" else stalled


def main() -> None:
    print(row("bare, batched", measure(batched=True)), flush=True)
    for reader in ("stalled", "app", "nobody"):
        print(row(f"machine, {reader}", measure(judge_with(reader), batched=True)), flush=True)


if __name__ == "__main__":
    main()
