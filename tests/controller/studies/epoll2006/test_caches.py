"""Who holds a line, and what a touch of it therefore is."""

from controller.studies.epoll2006.caches import LINE_BYTES, Caches


def kinds(caches: Caches) -> dict[str, int]:
    counts = caches.counts().get("rest", {})
    caches.cleared()
    return {kind: count for kind, count in counts.items() if count}


def test_a_line_is_fetched_once_and_then_cached() -> None:
    caches = Caches(2, 1 << 20)
    caches.read(0, 100)
    assert kinds(caches) == {"memory": 1}
    caches.write(0, 64, LINE_BYTES)
    assert kinds(caches) == {"cached": 1}
    caches.read(0, 60, 10)
    assert kinds(caches) == {"memory": 1, "cached": 1}, "ten bytes over a line's end are two lines"


def test_readers_share_a_line_and_a_writer_takes_it() -> None:
    caches = Caches(2, 1 << 20)
    caches.write(0, 0)
    caches.read(1, 0)
    caches.cleared()
    caches.read(0, 0)
    caches.read(1, 0)
    assert kinds(caches) == {"cached": 2}
    caches.write(1, 0)
    assert kinds(caches) == {"bounce": 1}, "its own copy does not help: the other's must go"
    caches.write(1, 0)
    assert kinds(caches) == {"cached": 1}
    caches.read(0, 0)
    assert kinds(caches) == {"bounce": 1}


def test_the_line_used_longest_ago_leaves_first() -> None:
    caches = Caches(1, 2 * LINE_BYTES)
    for line in (0, 1, 0, 2):
        caches.read(0, line * LINE_BYTES)
    caches.cleared()
    caches.read(0, 0)
    assert kinds(caches) == {"cached": 1}
    caches.read(0, LINE_BYTES)
    assert kinds(caches) == {"memory": 1}


def test_a_device_takes_lines_from_all() -> None:
    caches = Caches(2, 1 << 20)
    caches.write(0, 0, 3 * LINE_BYTES)
    caches.dma(LINE_BYTES, 1)
    caches.cleared()
    caches.read(1, 0, 3 * LINE_BYTES)
    assert kinds(caches) == {"bounce": 2, "memory": 1}
