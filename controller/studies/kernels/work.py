"""One trial carried out: the scenario with its kernel, card and policy put in, run by a child, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs

from controller.experiment.endings import ending
from controller.experiment.record import Result, kernel_of
from controller.experiment.scenario import Scenario
from controller.experiment.scenario.model import seed_after
from controller.experiment.scenario.vary import vary
from controller.store.recorded import read_run
from controller.studies import child
from controller.studies.kernels.model import Key, Trial
from nodes.errors import NetreserveError
from nodes.eventkinds import Autopsy
from nodes.messages import Event, Sample


def scenario_of(scenario: Scenario, key: Key) -> Scenario:
    """`scenario` as the trial `key` runs it. Raises ScenarioErrors for what cannot be, also in its tier."""
    changes: dict[str, object] = {
        "policy": key.place.policy,
        "nodes.initiator.nic": key.place.nic,
        "tier": key.tier,
    }
    if key.place.kernel:
        changes["nodes.initiator.guest.kernel"] = key.place.kernel
    return vary(scenario, changes)


def refused(scenario: Scenario, key: Key) -> Trial | None:
    """The trial that a look at the scenario already tells to be impossible; None where a run must tell."""
    try:
        scenario_of(scenario, key)
    except NetreserveError as error:
        return Trial(key=key, verdict="cannot", sentence=str(error).splitlines()[0], ended_ns=time.time_ns())
    return None


def carry_out(
    file: Path,
    key: Key,
    seed: int,
    runs: Path | None,
    heard: Callable[[child.Message], None],
) -> Trial | child.Ended:
    """Runs `file`, the seed being `seed` and the number of the repetition. Answers how the child ended where there was no
    run: then nothing is known of this trial."""
    words = [
        str(file),
        "--seed",
        str(seed_after(seed, key.repeat)),
        *(["--runs", str(runs)] if runs is not None else []),
    ]
    began = time.monotonic()
    ended = child.run(words, heard)
    if ended.result is None or ended.folder is None:
        return ended
    return structs.replace(trial_of(key, ended.result, ended.folder), took_s=time.monotonic() - began)


def trial_of(key: Key, result: Result, folder: Path) -> Trial:
    """The trial whose run left `result` and `folder`. A node that could not be set up makes it one that cannot be tried,
    where that can never be: any other reason may be gone the next time."""
    samples, events = _record(folder)
    if told := result.refused:
        run, place = result.run, str(folder)
        return Trial(key=key, verdict="cannot", sentence=told.why, setting=told.setting, run=run, folder=place)
    return Trial(
        **structs.asdict(ending(result, samples)),
        key=key,
        verdict=result.verdict,
        sentence=result.sentence,
        data=result.data,
        run=result.run,
        folder=str(folder),
        kernel=kernel_of(result),
        ended_ns=result.ended_ns,
        found=autopsy_of(events),
    )


def autopsy_of(events: Sequence[Event]) -> tuple[str, ...]:
    """What the last autopsy of a run found."""
    told = [event.detail.found for event in events if isinstance(event.detail, Autopsy)]
    return next((found for found in reversed(told) if found), ())


def _record(folder: Path) -> tuple[list[Sample], list[Event]]:
    """Samples and events of a run, as far as they can be read: a result stands without them."""
    try:
        recorded = read_run(folder)
    except NetreserveError:
        return [], []
    return recorded.samples, recorded.events
