"""What a scenario can do without, and what can be halved in it."""

from __future__ import annotations

import pytest
import yaml
from clirunner import ROOT

from controller.experiment.scenario import load, parse
from controller.experiment.scenario.vary import vary
from controller.studies.shrink.keys import brief, differences, halvable, halve, halved, without

CABLE_PULL = load(ROOT / "scenarios" / "cable-pull.yaml")


def test_differences_are_what_is_not_as_by_default() -> None:
    found = differences(CABLE_PULL)
    assert {"nodes.initiator.min_free", "nodes.target.latency", "links.data.rate", "floods.0", "faults.0"} <= set(found)
    assert "floods.0.rate" in found and "floods.0.kind" not in found and "floods.0.sockets" not in found
    assert not [path for path in found if path.startswith(("phases", "policy", "expect", "seed"))]
    assert "nodes.initiator.nic" not in found, "e1000e is the default"


def test_leaving_all_of_them_out_leaves_none() -> None:
    bare = vary(CABLE_PULL, without(differences(CABLE_PULL)))
    assert differences(bare) == [] and not bare.floods and not bare.faults
    assert bare.phases == CABLE_PULL.phases


def test_keys_of_a_flood_go_with_it() -> None:
    assert without(["floods.0", "floods.0.rate", "links.data.rate"]) == {"floods.0": None, "links.data.rate": None}


@pytest.mark.parametrize(
    ("written", "half"),
    [("20 kpps", "10 kpps"), ("5 s", "2.5 s"), (4, 2), (5, 2), (1, None), ("0 s", None), ("udp", None), (True, None)],
)
def test_halves(written: object, half: object) -> None:
    assert halve(written) == half


def test_halving_begins_with_time_and_memory() -> None:
    first, second, *rest = halvable(CABLE_PULL)
    assert halved(CABLE_PULL, first) == {"phases.warmup": "5 s", "phases.flood": "20 s", "phases.heal": "7.5 s"}
    memory = halved(CABLE_PULL, second)
    assert memory["nodes.initiator.memory"] == "32 MiB" and memory["nodes.initiator.working_set"] == "48 MiB"
    assert ("floods.0.rate",) in rest and ("faults.0.duration",) in rest
    assert not [paths for paths in rest if any("seed" in path or "policy" in path for path in paths)]
    assert halved(CABLE_PULL, ("floods.0.kind", "floods.0.rate")) == {}


def test_the_brief_document_is_read_as_the_same_scenario() -> None:
    written = brief(CABLE_PULL)
    assert parse(yaml.safe_dump(written)) == CABLE_PULL
    assert "kind" in written["floods"][0] and "sockets" not in written["floods"][0]
    assert "queueing" not in written["links"]
