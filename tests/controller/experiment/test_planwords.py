"""Goal: whoever validates a scenario reads what will happen, and every setting that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.experiment.plan import plan
from controller.experiment.planwords import described
from controller.experiment.scenario import Scenario, load, parse
from controller.experiment.scenario.fields import Form, Kind, Many, Named, OneOf, Table
from controller.experiment.scenario.form import SCENARIO, PolicyForm
from controller.experiment.scenario.vary import changed
from nodes.errors import UsageError

CLASSIC = Path(__file__).parents[3] / "scenarios" / "classic.yaml"
FULL = """\
name: full
nodes:
  initiator: {storage_nic: e1000, relay: target}
  target: {}
links: {data: {delay: 1 ms}, storage: {delay: 1 ms}, queueing: {queue: 9}}
policy: {name: netmem, era: 2006}
floods: [{kind: udp}]
faults:
  - {kind: cut, at: 1 s, duration: 2 s, node: initiator-1}
  - {kind: shape, at: 4 s, duration: 1 s, node: initiator-1, rate: 1 Mbit, delay: 2 ms, jitter: 1 us, loss: 1 %,
     reorder: 1 %, duplicate: 1 %}
  - {kind: target, at: 6 s, duration: 1 s, node: target-1, latency: 1 ms, rate: 1 Mbit, error: 1 %, stalled: true,
     down: true}
  - {kind: policy, at: 8 s, duration: 1 s, node: initiator-1, policy: {name: netmem, era: today}}
  - {kind: min_free, at: 10 s, duration: 1 s, node: initiator-1, min_free: 2 MiB}
rescue: [{policy: {name: netmem, era: 2006}}, {min_free: 3 MiB}]
expect:
  - {verdict: healthy, node: initiator-1}
  - {metric: recovery_s, below: 17, above: 1, node: initiator-1}
  - {sometimes: early_drops > 0, node: initiator-1}
  - {always: early_drops > 0, node: initiator-1}
  - {data: intact}
arms: {bad: {policy: none, verdict: deadlocked}}
"""
TRIED = (
    *(1, 2, 7, True, False, "2 MiB", "64 MiB", "900 B", "950 B", "20 ms", "500 ms", "3 s", "7 s", "3 Mbit", "5 Mbit"),
    *(
        "3 kpps",
        "5 kpps",
        "3 kpages/s",
        "5 kpages/s",
        "0.0001 %",
        "0.0002 %",
        "early_drops > 1",
        "early_drops > 2",
        "slow",
    ),
    *("healthy", "2006", "today", "initiator-1", "trixie-amd64"),
)
"""Values, of which every kind that has no list of its own takes two."""
NO_MATTER = {"name", "about", "tier", "expect.4.data"}
"""Keys that decide nothing in a run, or have one value."""
ELSEWHERE = {"policy.pool": "nta", "faults.3.policy.pool": "nta", "rescue.0.policy.pool": "nta"}
"""Keys of policies that the full scenario's has not."""
ELSEWHERE |= {
    f"{at}policy.{key}": "memalloc" for at in ("", "faults.3.", "rescue.0.") for key in ("head_reserve", "allocator")
}


def keys(form: Form, at: str = "", value: Any = None) -> Iterator[tuple[str, Kind]]:
    """Every single value that a scenario has a place for, where FULL has it."""
    below = f"{at}." if at else ""
    if isinstance(form, Kind):
        yield at, form
    elif isinstance(form, PolicyForm):
        yield from keys(form.table, at)
    elif isinstance(form, Table):
        for key in form.keys:
            yield from keys(key.form, f"{below}{key.name}")
    elif isinstance(form, Many):
        count = {"floods": 1, "faults": 5, "rescue": 2, "expect": 5}[at]
        for index in range(count):
            yield from keys(form.item, f"{below}{index}", index)
    elif isinstance(form, Named):
        yield from keys(form.item, f"{below}bad")
    else:
        assert isinstance(form, OneOf)
        yield from keys(list(form.tables.values())[value][1], at)


PLACES = dict(keys(SCENARIO))


def words(scenario: Scenario) -> list[str]:
    return list(described(plan(scenario)))


def variants(key: str, kind: Kind) -> list[Scenario]:
    """FULL with different values at `key`."""
    stem = key.rpartition(".")[0]
    base = changed(
        parse(FULL), {"nodes.initiator.guest.relay": "true", **({stem: ELSEWHERE[key]} if key in ELSEWHERE else {})}
    )
    role = "target" if key == "faults.2.node" else "initiator"
    tried = (f"{role}-1", f"{role}-2") if key.endswith(".node") else (*kind.describe().get("enum", ()), *TRIED)
    found: list[Scenario] = []
    for value in tried:
        try:
            scenario = changed(base, {key: value})
            words(scenario)
        except (UsageError, ValueError):  # no value of its kind, or out of its bounds
            continue
        if scenario not in found:
            found.append(scenario)
    return found


def test_the_walk_sees_every_kind_of_key() -> None:
    assert {"nodes.initiator.guest.relay_flusher", "links.storage.loss", "policy.socket_floor", "phases.rescue"} <= set(
        PLACES
    )
    assert len(PLACES) > 100


@pytest.mark.parametrize("key", sorted(set(PLACES) - NO_MATTER))
def test_every_key_that_decides_something_is_in_the_plan(key: str) -> None:
    found = variants(key, PLACES[key])
    assert len(found) > 1, "no two values were found: add some to TRIED"
    told = ["\n".join(words(scenario)) for scenario in found]
    assert len(set(told)) == len(told)


def test_the_plan_in_words() -> None:
    lines = list(described(plan(load(CLASSIC))))
    assert lines[0].startswith(
        "initiator-1: policy memalloc, 64 MiB memory, 1024 pages min, e1000e, working set 96 MiB on"
    )
    assert (
        "10 s to 30 s: udp flood, 20000 pps x 1400 B to 4 sockets from port 9000, reader stalled, rcvbuf 4 MiB" in lines
    )
    assert "arm bad: policy none must give deadlocked or starved" in lines
    assert lines[-2:] == ["seed: 7", "planned time: 45 s"]


@pytest.mark.parametrize(
    ("policy", "machine", "told"),
    [
        ("memalloc", "sender: noio", "; sender is no matter: policy memalloc sends as 'memalloc'"),
        ("local", "sender: noio", "; sender is no matter: under policy local swap is on a disk of the machine's own"),
        ("none", "sender: noio", "sender noio"),
        ("local", "relay: initiator", "; relay is no matter: under policy local"),
        ("none", "relay: initiator, contest: tasks", "; contest is no matter: a process sends, with no rights"),
        ("none", "contest: tasks", "; contest is no matter: under policy none the sender may go to 0"),
        ("unpatched", "contest: tasks", "contest tasks"),
        ("none", "guest: {caps: kernel}", "; guest: caps kernel (no matter in tier sim)"),
    ],
)
def test_a_key_that_decides_nothing_is_told(policy: str, machine: str, told: str) -> None:
    text = f"name: x\nnodes: {{initiator: {{{machine}}}}}\npolicy: {policy}\nexpect: [{{verdict: healthy}}]\n"
    line = words(parse(text))[0]
    assert told in line
    assert ("no matter" in line) == ("no matter" in told)


def test_a_wait_for_no_remedy_is_told() -> None:
    lines = words(changed(load(CLASSIC), {"phases.rescue": "7 s"}))
    assert "no rescue: no remedy is named, and phases.rescue, 7 s, is no matter" in lines
