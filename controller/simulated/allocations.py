"""Records every initiator of a simulation, and writes the traces into a run's folder."""

from __future__ import annotations

from pathlib import Path

from controller.simulated.simulate import Simulation
from controller.store.tracefile import FOLDER, SUFFIX, Header, Trace, header_of, write_trace
from nodes.machine.allocators.recording import OPERATIONS_MAX, record


class AllocationWatch:
    """Watches `simulation` from now on, which must not have begun its warmup. Each initiator's recording ends after
    `operations_max` operations; the run goes on."""

    def __init__(self, simulation: Simulation, operations_max: int = OPERATIONS_MAX) -> None:
        self._simulation = simulation
        cluster = simulation.cluster
        self._spec = {name: initiator.spec for name, initiator in cluster.initiators.items()}
        self._recorders = {
            name: record(initiator.machine, cluster.loop, operations_max)
            for name, initiator in cluster.initiators.items()
        }

    def traces(self) -> dict[str, Trace]:
        """What was recorded so far, by initiator. The policy in a header is the one the run began with."""
        return {
            name: Trace(header=self._header(name), operations=recorder.operations)
            for name, recorder in self._recorders.items()
        }

    def write(self, folder: Path) -> list[Path]:
        """Writes `traces/<initiator>.jsonl.gz` into a run's folder. Raises HarnessError."""
        written = []
        for name, trace in self.traces().items():
            path = folder / FOLDER / f"{name}{SUFFIX}"
            write_trace(path, trace.header, trace.operations)
            written.append(path)
        return written

    def _header(self, name: str) -> Header:
        spec, scenario = self._spec[name], self._simulation.work.scenario
        return header_of(
            self._recorders[name],
            end_ns=self._simulation.cluster.loop.now_ns,
            cpus=spec.machine.cpus,
            scenario=scenario.name,
            node=name,
            policy=spec.policy.name,
            allocator=spec.policy.allocator,
            seed=scenario.seed,
        )
