"""Who keeps the OOM killer away from a machine whose disk does not answer: those that sleep, and nothing else."""

from __future__ import annotations

import pytest

from nodes.config import MachineConfig
from nodes.eventkinds import OutOfMemory
from nodes.machine.events import MinFreeChanged, Notice, PolicyChanged, WriteOut
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.machine.reclaim import MAX_RECLAIM_RETRIES, WRITEBACK_SLEEP_NS
from nodes.machine.workload import TaskState
from nodes.units import SECOND_NS

PLENTY = 1 << 20


def machine(queue_depth: int = PLENTY, spare_bios: int = PLENTY) -> Machine:
    """Swap on a disk that answers nothing; its writes need a bio and a tag, and no memory to be sent."""
    config = MachineConfig(
        memory_pages=1000,
        min_free_pages=24,
        working_set_pages=1300,
        touch_pages_per_s=0,
        queue_depth=queue_depth,
        tasks=1,
    )
    patient = Machine(config, spec_of("local"), 0)
    patient.block.spare_bios = spare_bios
    return patient


def killed_ns(patient: Machine, until_ns: int) -> int | None:
    """When the OOM killer came, counted from the first round of direct reclaim, if it did."""
    now_ns, began_ns = 0, None
    while now_ns <= until_ns:
        for decision in patient.poll(now_ns):
            if isinstance(decision, Notice) and isinstance(decision.detail, OutOfMemory):
                assert began_ns is not None
                return now_ns - began_ns
        if began_ns is None and patient.workload.waiting(TaskState.NEEDS_FRAME):
            began_ns = now_ns
        deadline_ns = patient.next_deadline_ns()
        now_ns = max(now_ns + 1, until_ns + 1 if deadline_ns is None else deadline_ns)
    return None


def test_nobody_sleeps_all_is_under_writeback_and_the_seventeenth_round_kills() -> None:
    """Known bad: pages under writeback were said to count as reclaimable, so that the killer never came."""
    patient = machine()
    after_ns = killed_ns(patient, 60 * SECOND_NS)
    assert after_ns is not None
    rounds = after_ns // WRITEBACK_SLEEP_NS
    assert MAX_RECLAIM_RETRIES <= rounds <= MAX_RECLAIM_RETRIES + 1, "the first may have been one with progress"
    assert not patient.workload.resident and patient.block.writes > 500


@pytest.mark.parametrize(("lacking", "blocked_on"), [({"spare_bios": 2}, "bio"), ({"queue_depth": 128}, "tag")])
def test_who_sleeps_for_a_bio_or_a_tag_ends_no_round(lacking: dict[str, int], blocked_on: str) -> None:
    patient = machine(**lacking)
    assert killed_ns(patient, 600 * SECOND_NS) is None
    assert patient.block.blocked_on == blocked_on and patient.workload.resident


def test_a_page_that_is_freed_is_progress() -> None:
    """One write answered a second, while the reclaimers need many: they count from the beginning each time."""
    patient, written = machine(), []
    for now_ns in range(0, 30 * SECOND_NS, WRITEBACK_SLEEP_NS):
        written += [decision.request for decision in patient.poll(now_ns) if isinstance(decision, WriteOut)]
        if now_ns % SECOND_NS == 0 and written:
            patient.completed([written.pop(0)], 0, now_ns)
    assert patient.reclaim.oom_kills == 0
    assert patient.workload.swap_out_pages >= 25


def test_writes_that_fail_free_nothing_and_wake_nobody_for_good() -> None:
    """What becomes of swap whose connection is gone: bios come back, pages do not (end_swap_bio_write, mm/page_io.c)."""
    patient = machine(spare_bios=2)
    for now_ns in range(0, 30 * SECOND_NS, WRITEBACK_SLEEP_NS):
        written = [decision.request for decision in patient.poll(now_ns) if isinstance(decision, WriteOut)]
        patient.completed(written, 5, now_ns)
        if patient.reclaim.oom_kills:
            break
    assert patient.reclaim.oom_kills == 1


def short_of_memory(boost_pages: int) -> Machine:
    """A machine whose packets take its last pages above low."""
    config = MachineConfig(
        memory_pages=2304, min_free_pages=128, working_set_pages=1000, touch_pages_per_s=0, boost_pages=boost_pages
    )
    patient = Machine(config, spec_of("none"), 0)
    junk = patient.open_socket(1 << 26)
    while patient.pool.free > patient.pool.marks.low_pages - patient.pool.marks.boost_pages - 8:
        assert patient.receive(junk, 1428, 1, 0)
    return patient


def test_marks_that_are_set_anew_have_no_boost() -> None:
    patient = short_of_memory(512)
    assert patient.stats(1).boost_pages == 512
    patient.handle(PolicyChanged(spec_of("mainline")), 1)
    assert patient.stats(1).boost_pages == 512, "it adds nothing to min, so that nothing is written"
    patient.handle(MinFreeChanged(128), 2)
    assert patient.stats(2).boost_pages == 0, "as it was, but written"
    while not patient.stats(3).boost_pages:
        assert patient.receive(1, 1428, 1, 3)
    patient.handle(PolicyChanged(spec_of("memalloc", "slab")), 4)
    assert patient.stats(4).boost_pages == 0, "it adds its own reserve to min"


@pytest.mark.parametrize(("min_free_pages", "most"), [(512, 1000), (64, 512), (1400, 203)])
def test_the_next_boost_is_what_a_kernel_makes_of_the_marks_of_then(min_free_pages: int, most: int) -> None:
    config = MachineConfig(memory_pages=2304, min_free_pages=512, working_set_pages=1000, boost_pages=1000)
    patient = Machine(config, spec_of("none"), 0)
    patient.handle(MinFreeChanged(min_free_pages), 1)
    junk = patient.open_socket(1 << 26)
    while not patient.stats(2).boost_pages:
        assert patient.receive(junk, 1428, 1, 2)
    assert patient.stats(2).boost_pages == most
    assert patient.pool.marks.high_pages < patient.pool.total


def test_a_boost_holds_tasks_back_where_packets_still_get_memory() -> None:
    """Users, bios and the throttle stop at the raised marks, order-0 GFP_ATOMIC does not; kswapd ends it at its high."""
    plain, boosted = short_of_memory(0), short_of_memory(512)
    for patient in (plain, boosted):
        patient.poll(1)
    assert (plain.stats(2).boost_pages, boosted.stats(2).boost_pages) == (0, 512)
    assert (
        boosted.stats(2).min_pages == plain.stats(2).min_pages
        and boosted.stats(2).low_pages == plain.stats(2).low_pages
    )
    assert plain.workload.frames > 0 and boosted.workload.frames == 0
    assert (
        boosted.workload.waiting(TaskState.NEEDS_FRAME)
        and boosted.reclaim.throttled()
        and not plain.reclaim.throttled()
    )
    assert boosted.block.kernel.head(boosted.pool.marks.kernel_floor) is None, "no bio"
    assert boosted.receive(1, 1428, 1, 2), "a packet"
    assert "a boost of the watermarks" in boosted.waits()[0].why
    boosted.close_socket(1)
    boosted.poll(3)
    assert boosted.pool.free > boosted.pool.marks.high_pages and not boosted.stats(4).boost_pages
    boosted.poll(200 * WRITEBACK_SLEEP_NS)
    assert boosted.workload.frames > 0
