"""A run as a trace: every sample and event at its time, in the process of its node."""

from __future__ import annotations

from syntheticruns import NODE, deadlock
from webpages import Page


def test_it_holds_the_run(page: Page) -> None:
    made = page.get("/api/runs/latest/perfetto").json
    entries = made["traceEvents"]
    processes = {entry["args"]["name"]: entry["pid"] for entry in entries if entry["ph"] == "M"}
    assert list(processes) == ["run", "controller", NODE] and len(set(processes.values())) == 3
    free = [entry for entry in entries if entry["ph"] == "C" and entry["name"] == "free_pages"]
    samples = deadlock().samples
    assert [entry["args"]["value"] for entry in free] == [sample.free_pages for sample in samples]
    assert [entry["ts"] for entry in free][:2] == [0, 100_000] and {entry["pid"] for entry in free} == {processes[NODE]}
    slices = [(entry["name"], entry["ts"], entry["dur"]) for entry in entries if entry["ph"] == "X"]
    assert slices == [("warmup", 0, 5e6), ("flood", 5e6, 20e6), ("heal", 25e6, 15e6)]
    instants = [entry for entry in entries if entry["ph"] == "i"]
    assert len(instants) == len(deadlock().events) and all(entry["s"] == "p" for entry in instants)
    assert {"flood_start", "stall"} <= {entry["name"] for entry in instants}
