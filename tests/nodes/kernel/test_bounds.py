"""A guest's bounds are those of the C code that would refuse or change what lies beyond them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nodes.errors import UsageError
from nodes.kernel import bounds

GUEST = Path(bounds.__file__).parent / "guest"


def test_bounds_are_those_of_init_and_module() -> None:
    (tasks,) = re.findall(r"#define NR_TASKS_MAX (\d+)", (GUEST / "shared.h").read_text())
    (least,) = re.findall(r"if \(value < (\d+) \|\| value > totalram", (GUEST / "module" / "commands.c").read_text())
    assert (int(tasks), int(least)) == (bounds.TASKS_MAX, bounds.MIN_FREE_KIB_LEAST)


@pytest.mark.parametrize(("min_free_kib", "possible"), [(127, False), (128, True), (40_000, True), (40_001, False)])
def test_min_free_is_at_most_half_of_memory(min_free_kib: int, possible: bool) -> None:
    if possible:
        return bounds.check_min_free(min_free_kib, 80_000)
    with pytest.raises(UsageError, match=r"cannot be set in this guest: 128 KiB to .* are possible"):
        bounds.check_min_free(min_free_kib, 80_000)
    return None
