from __future__ import annotations

from itertools import pairwise

import pytest
import syntheticruns
from msgspec import structs
from syntheticruns import MIN, NODE, SECOND, START_NS, Moment, at, told, trace

from controller.experiment.record import Record
from controller.experiment.telling import tell
from controller.report.timeline import ROWS_MAX, Timeline, build, rate
from nodes.eventkinds import Stalled
from nodes.messages import Sample


def drawn(run: Record, node: str = NODE) -> Timeline:
    return build(node, run)


def sample(second: float, **fields: int) -> Sample:
    return Sample(t_ns=at(second), node=NODE, run="r", **fields)


def test_rows_are_seconds_since_the_start_with_rates() -> None:
    rows = drawn(syntheticruns.deadlock()).rows
    assert len(rows) == 400
    assert (rows[0]["t"], rows[-1]["t"]) == (0.0, 39.9)
    assert "swap_out" not in rows[0], "nothing came before the first sample"
    assert float(rows[20]["swap_out"] or 0) == pytest.approx(950, rel=0.2)
    assert rows[-1]["progress"] == 0
    assert rows[-1]["refill_floor"] == MIN * 3 / 8


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    assert rate(sample(1, rx_packets=500), sample(2, rx_packets=100), "rx_packets") == 100
    assert rate(sample(1), sample(1, rx_packets=9), "rx_packets") == 0


def test_thinning_keeps_the_worst() -> None:
    samples = trace(NODE, 600, lambda t: Moment(free=7 if 300 <= t < 300.1 else 350, state="stuck"))
    run = syntheticruns.healthy()
    rows = build(NODE, structs.replace(run, samples=samples, events=[])).rows
    assert len(rows) <= ROWS_MAX
    assert min(float(row["free"] or 0) for row in rows) == 7


def test_a_kernel_that_tells_less_often_than_it_is_sampled_has_no_spikes() -> None:
    told = [
        structs.replace(sample(i), t_ns=START_NS + i * SECOND // 10, tier="kernel", swap_out_pages=300 * (i // 3))
        for i in range(60)
    ]
    rates = [
        float(row["swap_out"] or 0)
        for row in build(NODE, structs.replace(syntheticruns.healthy(), samples=told, events=[])).rows
        if "swap_out" in row
    ]
    assert rates and max(rates) <= 1200 and min(rates[1:]) >= 600


def test_silence_is_a_gap() -> None:
    run = syntheticruns.healthy()
    samples = [s for s in run.samples if not 10 <= (s.t_ns - START_NS) / SECOND < 15]
    rows = build(NODE, structs.replace(run, samples=samples, events=[])).rows
    assert [row["t"] for row in rows if "free" not in row] == [9.9]


def test_marks_switches_faults_and_stalls_once() -> None:
    assert [m["label"] for m in drawn(syntheticruns.deadlock()).markers] == ["flood on: udp", "stall", "flood off"]
    adhoc = [m["label"] for m in drawn(syntheticruns.adhoc()).markers]
    cable = [m["label"] for m in drawn(syntheticruns.cable_pull()).markers]
    assert cable == ["cut begins", "stall", "cut ends", "swap link: connected", "recovered"]
    assert adhoc == ["flood on: udp", "stall", "policy: memalloc", "recovered", "flood off"]


def test_a_stall_is_marked_once_whatever_happens_meanwhile() -> None:
    told = [
        syntheticruns.told(s, NODE, kind)
        for s, kind in enumerate(["stall", "flood_start", "stall", "recovered", "stall"])
    ]
    markers = build(NODE, structs.replace(syntheticruns.healthy(), samples=[], events=told)).markers
    assert [m["label"] for m in markers] == ["stall", "flood on", "recovered", "stall"]


def test_details_are_told_with_units_and_without_lists() -> None:
    assert tell(Stalled(stalled_ns=1_500_000_000)) == "stalled 1.5 s"


def test_another_initiators_events_are_not_marked() -> None:
    run = syntheticruns.several(2)
    assert "stall" in [m["label"] for m in drawn(run, "initiator-1").markers]
    assert "stall" not in [m["label"] for m in drawn(run, "initiator-2").markers]


def test_labels_in_one_row_do_not_meet() -> None:
    run = syntheticruns.healthy()
    events = [told(n / 2, "controller", "policy", policy=f"memalloc-{n}") for n in range(20)]
    markers = build(NODE, structs.replace(run, events=events), width_px=740).markers
    spans: dict[object, list[tuple[float, float]]] = {}
    for marker in markers:
        x, width = float(marker["t"] or 0) / 40 * 740, len(str(marker["label"])) * 6.0
        spans.setdefault(marker["row"], []).append((x, x + width) if marker["side"] == "left" else (x - width, x))
    for row in spans.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(row))


def test_nothing_measured_is_an_empty_timeline() -> None:
    empty = drawn(syntheticruns.inconclusive())
    assert empty.rows == []
    assert len(empty.bands) == 3
