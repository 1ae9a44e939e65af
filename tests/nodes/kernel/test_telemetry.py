from __future__ import annotations

from nodes.kernel.telemetry import SILENT_AFTER_NS, STUCK_AFTER_NS, Feed
from nodes.messages import Sample
from nodes.units import PAGE_BYTES, SECOND_NS


def measured(feed: Feed, now_ns: int) -> Sample:
    return feed.measured(Sample(t_ns=now_ns, node="initiator-1", run="r", tier="kernel", policy="none", cpu_ns=5))


def test_figures_of_the_newest_line_stand_under_the_samples_names() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=500 free=90 min=100 low=120 high=140 in_flight=7 filter_drop=3 iface_drop=2 udp_pages=4\n")
    feed.channel.feed(b"T t=1000 free=80 min=100 low=120 high=140 boost=60")
    feed.channel.feed(b" in_flight=9 fail_head=5 fail_data=6 tcp_pages=1\n")
    sample = measured(feed, feed.heard_ns)
    assert (sample.free_pages, sample.min_pages, sample.low_pages, sample.high_pages) == (80, 100, 120, 140)
    assert sample.boost_pages == 60, "told beside the marks, not within them"
    assert (sample.in_flight, sample.rx_alloc_failures) == (9, 11)
    assert sample.junk_held_bytes == PAGE_BYTES
    assert (sample.node, sample.tier, sample.cpu_ns) == ("initiator-1", "kernel", 5)


def test_pages_of_files_stand_where_swapped_ones_do() -> None:
    line = b"T t=1 swap_in=1 swap_out=2 read_in=30 written=40\n"
    for files, moved in ((False, (1, 2)), (True, (30, 40))):
        feed = Feed(files=files)
        feed.channel.feed(line)
        sample = measured(feed, 0)
        assert (sample.swap_in_pages, sample.swap_out_pages) == moved


def test_failures_that_this_kernel_does_not_count_are_none_of_the_sum() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 fail_data=6\n")
    assert feed.newest.fail_head == feed.newest.fail_page == -1
    assert measured(feed, feed.heard_ns).rx_alloc_failures == 6
    assert measured(Feed(), 0).rx_alloc_failures == 0


def test_what_sockets_hold_is_never_below_nothing() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 tcp_pages=-160\n")
    assert measured(feed, feed.heard_ns).junk_held_bytes == 0


def test_the_deepest_draw_counts_from_sample_to_sample() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 free=120 lowest=60 min=100\nT t=2 free=120 lowest=90 min=100\n")
    assert measured(feed, feed.heard_ns).reserve_used_pages == 40
    assert measured(feed, feed.heard_ns).reserve_used_pages == 0


def test_progress_ages_from_the_last_page_touched_the_first_pass_included() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 populated=5\n")
    assert feed.age_ns(feed.heard_ns + SECOND_NS) == 0, "nothing is expected of a guest that boots"
    feed.begin(feed.heard_ns - SECOND_NS)
    assert feed.age_ns(feed.heard_ns) == SECOND_NS
    assert feed.state(feed.heard_ns) == "running"
    feed.begin(feed.heard_ns - STUCK_AFTER_NS - 1)
    assert feed.state(feed.heard_ns) == "stuck"
    feed.channel.feed(b"T t=3 populated=5 progress=1\n")
    assert feed.age_ns(feed.heard_ns) == 0 and feed.when_moved.progress == 1


def test_a_short_silence_is_the_hosts_and_does_not_age_progress() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 populated=5\n")
    feed.begin(feed.heard_ns)
    assert feed.age_ns(feed.heard_ns + SILENT_AFTER_NS) == 0
    assert feed.age_ns(feed.heard_ns + SILENT_AFTER_NS + 1) > SILENT_AFTER_NS


def test_a_dead_application_is_dead_however_young_its_progress() -> None:
    feed = Feed()
    feed.channel.feed(b"T t=1 progress=5 dead=1\n")
    assert feed.state(feed.heard_ns) == "dead"


def test_an_application_lives_as_long_as_one_of_its_tasks_does() -> None:
    feed = Feed(tasks=2)
    feed.channel.feed(b"T t=1 progress=5 dead=1\n")
    assert feed.state(feed.heard_ns) == "running"
    feed.channel.feed(b"T t=2 progress=5 dead=2\n")
    assert feed.state(feed.heard_ns) == "dead"


def test_torn_lines_are_counted_and_silence_grows() -> None:
    feed = Feed()
    assert feed.silent_ns(SECOND_NS) == 0
    feed.channel.feed(b"T t=1 free=3\nT t=2 fr\n\n")
    assert feed.torn == 1 and feed.newest.free == 3
    assert feed.silent_ns(feed.heard_ns + SILENT_AFTER_NS) == SILENT_AFTER_NS
