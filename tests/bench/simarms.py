"""What the simulator's benchmarks measure, each in a process of its own: the machine is there compiled or plain, not both.

python tests/bench/simarms.py packets simpy|ours read|full
python tests/bench/simarms.py realtime POLICY
python tests/bench/simarms.py scaling INITIATORS
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from controller.experiment.scenario import load  # noqa: E402
from controller.experiment.scenario.vary import vary  # noqa: E402
from controller.simulated.simulate import judged, simulate  # noqa: E402
from nodes.compiled import place  # noqa: E402
from nodes.config import InitiatorSpec, MachineConfig, NodeSetup, Reader, Shape, Sink, TargetSpec  # noqa: E402
from nodes.floods import Flood, PlannedFlood  # noqa: E402
from nodes.machine.allocators.slab import SlabAllocator  # noqa: E402
from nodes.machine.pages import PagePool  # noqa: E402
from nodes.machine.policies import spec_of  # noqa: E402
from nodes.machine.watermarks import Watermarks  # noqa: E402
from nodes.sim.cluster import Cluster  # noqa: E402
from nodes.units import MS_NS, SECOND_NS  # noqa: E402

RATE_PPS = 20_000
SECONDS = 10
SOCKETS = 4
RCVBUF_BYTES = 212_992
RING_SLOTS, REFILL_BATCH, DATA_BYTES, HEAD_BYTES = 256, 16, 2048, 256
INITIATORS_A_TARGET = 8


def child(*arguments: str, compiled: bool = False) -> dict[str, Any]:
    """Runs this program with `arguments`, the machine compiled or plain; what it printed."""
    environment = {**os.environ, "NETRESERVE_COMPILED": "always" if compiled else "never"}
    program = [sys.executable, __file__, *arguments]
    done = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compiled_arms() -> tuple[bool, ...]:
    """Plain Python, and the compiled machine where somebody has compiled it."""
    return (False, True) if place().is_dir() else (False,)


# ---- the same packets through SimPy, as one would write it, and through ours


def simpy_packets(read: bool) -> int:
    """An event a packet; ring, slab allocator and sockets as the machine has them. Answers how many were kept."""
    import simpy

    environment = simpy.Environment()
    pool = PagePool(16_384, Watermarks.of(256, 16_384))
    slab, ring = SlabAllocator(pool), deque[Any]()
    sockets: list[deque[Any]] = [deque() for _ in range(SOCKETS)]
    limit = 2 * RCVBUF_BYTES // (DATA_BYTES + HEAD_BYTES) + 1
    kept = 0

    def refill() -> None:
        while len(ring) < RING_SLOTS:
            data = slab.data(DATA_BYTES, pool.marks.atomic_floor)
            ring.append((slab.head(pool.marks.atomic_floor), data))

    def flood() -> Iterator[Any]:
        nonlocal kept
        for number in range(RATE_PPS * SECONDS):
            yield environment.timeout(SECOND_NS // RATE_PPS)
            queue = sockets[number % SOCKETS]
            if len(queue) >= limit:
                continue
            queue.append(ring.popleft())
            kept += 1
            if RING_SLOTS - len(ring) >= REFILL_BATCH:
                refill()

    def reader() -> Iterator[Any]:
        while True:
            yield environment.timeout(MS_NS)
            for queue in sockets:
                while queue:
                    head, data = queue.popleft()
                    slab.release(data)
                    slab.release(head)

    refill()
    environment.process(flood())
    if read:
        environment.process(reader())
    environment.run(until=SECONDS * SECOND_NS)
    return kept


def our_packets(read: bool) -> int:
    """The same flood at a simulated machine that does nothing else. Answers how many were kept."""
    reader: Reader = "fast" if read else "stalled"
    cluster = _cluster(1, MachineConfig(working_set_pages=64, tasks=1, touch_pages_per_s=10), reader)
    cluster.flood(_junk(RATE_PPS, reader, SECONDS))
    cluster.loop.run_until(SECONDS * SECOND_NS)
    return next(iter(cluster.initiators.values())).machine.receiver.junk_packets


def _cluster(count: int, machine: MachineConfig, reader: Reader) -> Cluster:
    sink = Sink(kind="udp", port=9000, sockets=SOCKETS, reader=reader, rcvbuf_bytes=RCVBUF_BYTES)
    link, size_bytes = Shape(rate_bps=10**9, delay_ns=200_000), machine.working_set_pages * 4096
    disk = TargetSpec(latency_ns=200_000, rate_bps=200_000_000)
    nodes = [
        NodeSetup(name=f"target-{number}", spec=disk, shape=link) for number in range(-(-count // INITIATORS_A_TARGET))
    ]
    for number in range(count):
        target, place_on_disk = divmod(number, INITIATORS_A_TARGET)
        spec = InitiatorSpec(
            machine=machine, policy=spec_of("memalloc"), sinks=(sink,), swap_offset_bytes=place_on_disk * size_bytes
        )
        nodes.append(NodeSetup(name=f"initiator-{number}", spec=spec, shape=link, target=f"target-{target}"))
    return Cluster(nodes, seed=1, run="bench")


def _junk(rate_pps: int, reader: Reader, seconds: int) -> PlannedFlood:
    end_ns = seconds * SECOND_NS
    flood = Flood(kind="udp", rate_pps=rate_pps, size_bytes=1400, sockets=SOCKETS, reader=reader)
    return PlannedFlood(flood=flood, port=9000, start_ns=0, end_ns=end_ns)


# ---- how fast virtual time goes, and how cost grows


def realtime(policy: str) -> dict[str, Any]:
    """classic under `policy`: the best of three runs."""
    scenario = vary(load(ROOT / "scenarios" / "classic.yaml", "sim"), {"policy": policy})
    best_s, outcome = float("inf"), simulate(scenario)
    for _ in range(3):
        began_s = time.process_time()
        outcome = simulate(scenario)
        best_s = min(best_s, time.process_time() - began_s)
    virtual_s = outcome.result.phases[-1].end_ns / SECOND_NS
    return {"cpu_s": best_s, "virtual_s": virtual_s, "verdict": judged(outcome).verdict}


def scaling(count: int) -> dict[str, Any]:
    """`count` swapping initiators under 5 kpps each, for two seconds of virtual time after memory is full."""
    machine = MachineConfig(memory_pages=2048, min_free_pages=64, working_set_pages=3072, touch_pages_per_s=500)
    before_kib = getrusage(RUSAGE_SELF).ru_maxrss
    cluster = _cluster(count, machine, "app")
    flood = cluster.flood(_junk(5000 * count, "app", 4))
    cluster.loop.run_until(SECOND_NS)
    began_s, sent = time.process_time(), flood.sent
    cluster.loop.run_until(3 * SECOND_NS)
    cpu_s = time.process_time() - began_s
    grown_kib = getrusage(RUSAGE_SELF).ru_maxrss - before_kib
    swapped = sum(who.machine.workload.swap_out_pages for who in cluster.initiators.values())
    return {"cpu_s": cpu_s, "packets": flood.sent - sent, "kib": grown_kib / count, "swapped": swapped / count}


def main(arguments: list[str]) -> None:
    match arguments:
        case ["packets", who, how]:
            carry_out = simpy_packets if who == "simpy" else our_packets
            began_s = time.process_time()
            kept = carry_out(how == "read")
            found: dict[str, Any] = {"cpu_s": time.process_time() - began_s, "kept": kept, "sent": RATE_PPS * SECONDS}
        case ["realtime", policy]:
            found = realtime(policy)
        case ["scaling", count]:
            found = scaling(int(count))
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
