"""Allocation traces: a short one by hand, and the one in scenarios/traces, which this file makes:

uv run python tests/support/alloctraces.py scenarios/traces/junk-mix.jsonl.gz
"""

from __future__ import annotations

import sys
from pathlib import Path

from controller.experiment.scenario import parse
from controller.simulated.allocations import AllocationWatch
from controller.simulated.simulate import Simulation
from controller.store.tracefile import Header, Trace, write_trace
from nodes.machine.allocators.base import AllocatorStats
from nodes.machine.allocators.recording import DataTaken, HeadTaken, Operation, Released

JUNK_MIX = """\
name: junk-mix
about: junk that nobody reads beside junk that the application reads, at a small machine that swaps over NBD
nodes:
  initiator: {count: 1, memory: 8 MiB, min_free: 1 MiB, nic: e1000e, working_set: 12 MiB, touch_rate: 200 pages/s}
  target: {count: 1, size: 64 MiB, latency: 200 us, rate: 200 Mbit}
policy: memalloc+slab
floods:
  - {kind: udp, rate: 1 kpps, size: 1400 B, sockets: 2, reader: stalled, rcvbuf: 1 MiB}
  - {kind: udp, rate: 1 kpps, size: 1000 B, sockets: 2, reader: app, rcvbuf: 1 MiB}
phases: {warmup: 12 s, flood: 2 s, heal: 1 s}
expect:
  - verdict: [healthy, slow]
seed: 7
"""


def packets(count: int = 3, *, others: int = 10) -> Trace:
    """`count` packets, of which the first lives on and the others are released, the last on CPU 1."""
    operations: list[Operation] = []
    for i in range(count):
        data = 2 * i + 1
        operations += [
            DataTaken(t_ns=i * 1000, id=data, others=others, size_bytes=2048, floor_pages=4),
            HeadTaken(t_ns=i * 1000, id=data + 1, others=others, floor_pages=4, beside=data),
        ]
    for i in range(1, count):
        cpu = int(i == count - 1)
        operations += [
            Released(t_ns=(count + i) * 1000, id=number, others=others, cpu=cpu) for number in (2 * i + 2, 2 * i + 1)
        ]
    header = Header(
        allocator="slab", memory_pages=128, min_pages=8, cpus=2, end_ns=2 * count * 1000, operations=len(operations)
    )
    return Trace(header=header, operations=operations)


def simulated(text: str) -> tuple[Trace, AllocatorStats]:
    """The trace of the only initiator in a simulated run of the scenario `text`, and its allocator's figures at the end."""
    simulation = Simulation(parse(text))
    watch = AllocationWatch(simulation)
    simulation.warm_up()
    simulation.flood()
    simulation.heal()
    ((name, trace),) = watch.traces().items()
    return trace, simulation.cluster.initiators[name].machine.allocator.stats()


if __name__ == "__main__":
    made, _ = simulated(JUNK_MIX)
    write_trace(Path(sys.argv[1]), made.header, made.operations)
