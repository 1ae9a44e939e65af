"""Every initiator of a simulation is recorded into the run's folder."""

from __future__ import annotations

from pathlib import Path

from alloctraces import JUNK_MIX

from controller.experiment.scenario import parse
from controller.simulated.allocations import AllocationWatch
from controller.simulated.simulate import Simulation
from controller.store.tracefile import read_trace


def watched(operations_max: int) -> AllocationWatch:
    simulation = Simulation(parse(JUNK_MIX.replace("count: 1, memory: 8 MiB", "count: 2, memory: 8 MiB")))
    watch = AllocationWatch(simulation, operations_max)
    simulation.warm_up()
    return watch


def test_a_file_for_each_initiator_that_can_be_read_again(tmp_path: Path) -> None:
    watch = watched(2_000_000)
    paths = watch.write(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "traces/initiator-1.jsonl.gz",
        "traces/initiator-2.jsonl.gz",
    ]
    traces = [read_trace(path) for path in paths]
    assert traces == list(watch.traces().values())
    header = traces[1].header
    assert (header.scenario, header.node, header.policy, header.allocator) == (
        "junk-mix", "initiator-2", "memalloc", "slab",
    )  # fmt: skip
    assert (header.memory_pages, header.cpus, header.seed, header.end_ns) == (2048, 2, 7, 12 * 10**9)
    assert header.operations > 1000 and header.missed == 0


def test_a_recording_that_reached_its_limit_says_so(tmp_path: Path) -> None:
    trace = watched(600).traces()["initiator-1"]
    assert trace.header.operations == 600 and trace.header.missed > 0


def test_a_machine_so_small_that_it_swaps_at_once_is_recorded_from_the_start() -> None:
    tiny = JUNK_MIX.replace("memory: 8 MiB, min_free: 1 MiB", "memory: 2 MiB, min_free: 512 KiB")
    simulation = Simulation(parse(tiny.replace("policy: memalloc+slab", "policy: none")))
    watch = AllocationWatch(simulation)
    simulation.cluster.loop.run_until(10_000_000)
    assert watch.traces()["initiator-1"].header.operations > 0
