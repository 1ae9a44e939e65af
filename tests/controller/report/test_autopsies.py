"""A real kernel's autopsy in the report: what was seen, what was not, and where its own words lie."""

from __future__ import annotations

from pathlib import Path

import syntheticruns
from syntheticruns import NODE, SECOND, START_NS, recorded

from controller.report import write
from controller.report.autopsies import files, last
from nodes.eventkinds import detail_of
from nodes.messages import Event


def event(t_s: float, node: str = NODE, **detail: object) -> Event:
    return Event(t_ns=START_NS + int(t_s * SECOND), node=node, run="r", detail=detail_of("autopsy", detail))


FIRST = event(9, found=["kswapd waits"], missing=["a reply"])
SECOND_ONE = event(
    19.5,
    found=["kswapd waits for <b>", "the ring is empty"],
    missing=[],
    unknown=["kworker: do_thing <- worker_thread"],
)


def page(folder: Path, *events: Event) -> str:
    run = syntheticruns.deadlock()
    run = recorded(run.result, run.samples, [*run.events, *events])
    return write(folder, run).read_text()


def test_the_last_autopsy_of_a_node_is_shown() -> None:
    found = last(NODE, [SECOND_ONE, FIRST, event(30, "initiator-2")], START_NS)
    assert found is not None and (found.second, found.earlier) == (19.5, 1)
    assert found.found[1] == "the ring is empty" and found.unknown and not found.missing
    assert last("initiator-3", [FIRST], START_NS) is None


def test_the_page_has_what_was_seen_and_what_a_cycle_needs(tmp_path: Path) -> None:
    text = page(tmp_path, FIRST)
    assert "The autopsy, at second 9.0</h3>" in text and "<li>kswapd waits.</li>" in text
    assert "Not seen, and needed for a cycle" in text and "<li>a reply.</li>" in text
    later = page(tmp_path, FIRST, SECOND_ONE)
    assert "at second 19.5 (the last of 2)" in later and "kswapd waits for &lt;b&gt;." in later
    assert "1 blocked tasks of no known shape" in later and "Not seen" not in later


def test_a_run_without_a_kernel_has_nothing_of_it(tmp_path: Path) -> None:
    assert "autopsy" not in page(tmp_path).partition("<script>")[0]


def test_the_guests_own_words_are_linked_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / f"{NODE}.console.log").write_text("x")
    assert files(NODE, tmp_path) == [(f"nodes/{NODE}.console.log", "the guest's console")]
    assert f'<a href="nodes/{NODE}.console.log">the guest&#39;s console</a>' in page(tmp_path)
    assert not files("initiator-2", tmp_path)
