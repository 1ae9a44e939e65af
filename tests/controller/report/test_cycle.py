from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syntheticruns import CYCLE

from controller.report.cycle import MARGIN, Box, draw
from nodes.eventkinds import Wait


def ring(size: int) -> tuple[Wait, ...]:
    return tuple(
        Wait(
            waiter=f"actor {n}",
            resource="pages behind packets",
            need=n + 1,
            have=0,
            who_frees=f"actor {(n + 1) % size}",
            why="because",
        )
        for n in range(size)
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def test_no_edges_make_no_picture() -> None:
    assert draw(()) is None


@pytest.mark.parametrize("size", range(1, 11))
def test_each_wait_is_an_arrow_between_boxes_that_do_not_meet(size: int) -> None:
    picture = draw(ring(size))
    assert picture
    assert (len(picture.arrows), len(picture.boxes)) == (size, size)
    assert all(apart(one, other) for one, other in combinations(picture.boxes, 2))
    assert all(box.x >= 0 and box.x + box.width <= picture.width and box.y >= MARGIN / 2 for box in picture.boxes)
    assert max(box.y + box.height for box in picture.boxes) <= picture.height


@pytest.mark.parametrize("size", range(2, 9))
def test_labels_stand_inside_the_picture_and_arrows_have_length(size: int) -> None:
    picture = draw(ring(size))
    assert picture
    for arrow in picture.arrows:
        assert all(
            0 < text.y < picture.height and 0 < text.x < picture.width for text in (*arrow.resource, arrow.counts)
        )
        x1, y1, x2, y2 = map(float, re.findall(r"-?[\d.]+", arrow.path))
        assert abs(x2 - x1) + abs(y2 - y1) > 20


def test_label_says_what_is_missing_and_how_much() -> None:
    picture = draw(CYCLE)
    assert picture
    assert picture.arrows[-1].resource[0].text == "free pages"
    assert picture.arrows[-1].counts.text == "needs 97, has 88"
    assert picture.arrows[-1].hint.endswith("(physics.md section 2)")
    assert "kswapd waits for writes answered from storage reply (needs 1, has 0)" in picture.description


def test_opposite_waits_do_not_cover_each_other() -> None:
    picture = draw(ring(2))
    assert picture
    there, back = picture.arrows
    assert back.counts.y < picture.boxes[0].lines[0].y < there.resource[0].y


name = st.text(min_size=1, max_size=40)


@given(st.lists(st.builds(Wait, waiter=name, resource=name, need=st.integers(), have=st.integers(),
                          who_frees=name, why=name), min_size=1, max_size=12))  # fmt: skip
def test_any_edges_can_be_drawn(edges: list[Wait]) -> None:
    picture = draw(edges)
    assert picture
    assert len(picture.arrows) == len(edges)
