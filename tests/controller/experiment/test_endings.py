"""The figures by which runs are laid side by side."""

from __future__ import annotations

from controller.experiment.endings import Ending, drops_text, ending, figures_text
from controller.experiment.record import NodeVerdict, Phase, Result
from nodes.eventkinds import Wait
from nodes.messages import Sample
from nodes.units import SECOND_NS

EDGE = Wait(waiter="kswapd", resource="r", need=1, have=0, who_frees="x", why="")


def sample(t_s: int, node: str = "initiator-2", **counters: int) -> Sample:
    return Sample(t_ns=t_s * SECOND_NS, node=node, run="r", **counters)


def result() -> Result:
    well = NodeVerdict(node="initiator-1", verdict="healthy", reason="")
    hung = NodeVerdict(
        node="initiator-2", verdict="deadlocked", reason="", warmup_pages_per_s=100.0, flood_pages_per_s=20.0,
        stalled_since_ns=12 * SECOND_NS, cycle=(EDGE,),
    )  # fmt: skip
    flood = Phase(name="flood", start_ns=10 * SECOND_NS, end_ns=20 * SECOND_NS)
    return Result(run="r", scenario="s", tier="sim", verdict="deadlocked", nodes=(well, hung), phases=(flood,))


def test_the_figures_are_those_of_the_worst_initiator() -> None:
    samples = [
        sample(1, early_drops=3, block_drops=1),
        sample(2, early_drops=5),
        sample(2, "initiator-1", rcvbuf_drops=9),
    ]
    found = ending(result(), samples)
    assert (found.flood_ratio, found.hang_s, found.edges) == (0.2, 2.0, (EDGE,))
    assert found.drops == {"early_drops": 5, "block_drops": 1}
    assert figures_text(found) == "20 % of its rate, stands since 2.0 s"
    assert drops_text(found.drops) == "5 early drop, 1 swap link"


def test_a_run_that_judged_nobody_has_no_figures() -> None:
    assert ending(Result(run="r", scenario="s")) == Ending()


def test_recovery_is_told_and_nothing_else_where_there_is_nothing() -> None:
    assert figures_text(Ending(recovery_s=2.5)) == "back after 2.5 s"
    assert figures_text(Ending()) == "" == drops_text({})
