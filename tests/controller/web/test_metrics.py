"""What Prometheus is told: its own parser reads it, and the names are as its conventions want them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from storedruns import stored
from syntheticruns import NODE, deadlock, healthy
from webpages import Page, serving

from nodes.messages import COUNTERS


@pytest.fixture
def told(tmp_path: Path) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample by name and labels, of a page with two runs and one machine behind it."""
    stored(tmp_path / "runs", deadlock())
    stored(tmp_path / "runs", healthy(), run="20231114T221399Z-beef")
    machine = SimpleNamespace(sample=deadlock().samples[-1])
    stage = SimpleNamespace(parts=SimpleNamespace(nodes=[machine, SimpleNamespace(sample=None)]))
    with serving(tmp_path / "runs") as page:
        page.house.live = SimpleNamespace(stage=stage)  # type: ignore[assignment]
        answer = page.get("/metrics")
        page.house.live = None
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name
            assert not sample.name.endswith(("_ns", "_ms")), "times are seconds"
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_the_newest_sample_of_each_machine_is_there(told: dict[str, dict[tuple[str, ...], float]]) -> None:
    sample = deadlock().samples[-1]
    assert told["netreserve_node_free_pages"] == {(NODE, sample.policy): sample.free_pages}
    assert told["netreserve_node_progress_age_seconds"][NODE, sample.policy] == sample.progress_age_ns / 1e9
    counters = {
        name.removeprefix("netreserve_node_").removesuffix("_total") for name in told if name.endswith("_total")
    }
    assert counters == {name.replace("_ns", "_seconds") for name in COUNTERS}


def test_runs_are_counted_by_verdict(told: dict[str, dict[tuple[str, ...], float]]) -> None:
    assert told["netreserve_recorded_runs"] == {("container", "deadlocked"): 1, ("container", "healthy"): 1}
    assert told["netreserve_info"]


def test_a_page_without_a_testbed_has_no_machines(page: Page) -> None:
    families = {
        family.name: family.samples for family in text_string_to_metric_families(page.get("/metrics").body.decode())
    }
    assert families["netreserve_node_free_pages"] == []
