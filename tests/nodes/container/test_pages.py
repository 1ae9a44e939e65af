"""Real memory: what was written comes back, what was discarded is gone, and the kernel sees as much as the model says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.cgroup import rss_bytes
from nodes.container.pages import Pages, pattern
from nodes.units import PAGE_BYTES


@pytest.fixture
def pages() -> Iterator[Pages]:
    pages = Pages(working_set_pages=4096, memory_pages=4096)
    yield pages
    pages.close()


@given(page=st.integers(0, 2**40), generation=st.integers(0, 2**40), other=st.integers(0, 2**40))
def test_a_pattern_fills_a_page_and_tells_pages_and_generations_apart(page: int, generation: int, other: int) -> None:
    assert len(pattern(page, generation)) == PAGE_BYTES
    assert (pattern(page, generation) == pattern(page, other)) == (generation == other)
    assert (pattern(page, generation) == pattern(other, generation)) == (page == other)


def test_a_page_that_went_out_and_came_back_is_verified(pages: Pages) -> None:
    pages.write(7, 3)
    stored = bytes(pages.view(7))
    pages.discard(7)
    assert bytes(pages.view(7)) == bytes(PAGE_BYTES), "a discarded frame is gone"
    pages.view(7)[:] = stored
    assert pages.verify(7, 3)
    assert (pages.verified, pages.corrupt) == (1, 0)


@pytest.mark.parametrize("wrong", ["an older generation", "one bit"])
def test_a_page_that_came_back_wrong_is_counted(pages: Pages, wrong: str) -> None:
    pages.write(7, 3)
    if wrong == "one bit":
        pages.view(7)[4095] ^= 1
    assert not pages.verify(7, 3 if wrong == "one bit" else 4)
    assert (pages.verified, pages.corrupt) == (0, 1)


def test_resident_memory_follows_what_is_in_use(pages: Pages) -> None:
    before = rss_bytes()
    for page in range(2000):
        pages.write(page, 1)
    pages.follow(3000)
    assert pages.resident_pages == 2000
    assert rss_bytes() - before == pytest.approx(3000 * PAGE_BYTES, rel=0.1)
    for page in range(1500):
        pages.discard(page)
    pages.follow(1000)
    assert rss_bytes() - before == pytest.approx(1000 * PAGE_BYTES, rel=0.3)


def test_discarding_twice_counts_once(pages: Pages) -> None:
    pages.write(1, 1)
    pages.discard(1)
    pages.discard(1)
    assert pages.resident_pages == 0
