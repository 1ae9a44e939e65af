"""A run folder, read back: the scenario, the result, every sample and event, as records. Changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import structs

from controller.experiment.record import Record, Result
from controller.experiment.scenario import Scenario, load
from controller.experiment.scenario.policies import read_policy
from nodes.errors import HarnessError, InconclusiveError, UsageError
from nodes.messages import Event, Sample, decode

T = TypeVar("T")


class Recorded(Record, frozen=True, kw_only=True):
    """A run read back: from its folder, or from the index."""

    folder: Path

    def scenario(self) -> Scenario:
        """What ran: scenario.yaml with the policy and seed of the run, for the simulator. Raises UsageError for a run by
        hand, which has none, and HarnessError where it is gone."""
        path = self.folder / "scenario.yaml"
        if not path.is_file() and self.result.kind == "scenario":
            raise HarnessError(f"run {self.result.run} has no {path}: was it deleted?")
        if path.is_symlink():  # an error would tell what it leads to
            raise HarnessError(f"run {self.result.run}: scenario.yaml is a link, and no run is recorded so")
        if not path.is_file():
            raise UsageError(f"run {self.result.run} was made by hand: there is no scenario to run again")
        written = structs.replace(load(path), seed=self.result.seed, tier="sim")
        if not self.result.policy:
            return written
        return structs.replace(written, policy=read_policy(self.result.policy, written.policy))


def read_run(folder: Path) -> Recorded:
    """The run in `folder`. Raises HarnessError for a file that cannot be read, InconclusiveError while it goes on."""
    path = folder / "result.json"
    if not path.is_file():
        raise InconclusiveError(f"{folder} has no result.json: the run still goes on, or this is not a run folder")
    return Recorded(
        folder=folder,
        result=_read(path, lambda: msgspec.json.decode(path.read_bytes(), type=Result)),
        samples=_read(folder / "samples.csv", lambda: list(_samples(folder / "samples.csv"))),
        events=_read(folder / "events.jsonl", lambda: list(_events(folder / "events.jsonl"))),
    )


def _samples(path: Path) -> Iterator[Sample]:
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield msgspec.convert(row, Sample, strict=False)


def _events(path: Path) -> Iterator[Event]:
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line, Event)


def _read(path: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except (msgspec.MsgspecError, OSError, ValueError, csv.Error) as error:
        raise HarnessError(f"{path} cannot be read: {error}") from None
