"""Quantities: what a person writes, what we keep, what a person reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes import units
from nodes.errors import UsageError

WHOLE = {
    "size": (units.parse_size_bytes, units.SIZE_UNITS, "64 MiB"),
    "time": (units.parse_duration_ns, units.TIME_UNITS, "200 us"),
    "link rate": (units.parse_rate_bps, units.BIT_UNITS, "1 Gbit"),
    "packet rate": (units.parse_rate_pps, units.PACKET_UNITS, "20 kpps"),
    "page rate": (units.parse_pages_per_s, units.PAGE_UNITS, "2000 pages/s"),
}
FORMATS = [
    (units.format_bytes, units.parse_size_bytes),
    (units.format_ns, units.parse_duration_ns),
    (units.format_bps, units.parse_rate_bps),
]


@pytest.mark.parametrize(("parse", "known", "_example"), WHOLE.values(), ids=WHOLE)
@given(number=st.integers(0, 1 << 17), blanks=st.sampled_from(["", " ", "  "]), data=st.data())
def test_a_whole_number_with_any_unit_is_exact(
    parse: Callable[[object], int],
    known: Mapping[str, int],
    _example: str,
    number: int,
    blanks: str,
    data: st.DataObject,
) -> None:
    unit = data.draw(st.sampled_from(sorted(known)))
    assert parse(f"{blanks}{number}{blanks}{unit}{blanks}") == number * known[unit]


@pytest.mark.parametrize(("show", "parse"), FORMATS, ids=["bytes", "ns", "bps"])
@given(value=st.integers(0, 1 << 50))
def test_what_is_shown_reads_back_to_three_digits(
    show: Callable[[int], str], parse: Callable[[object], int], value: int
) -> None:
    assert math.isclose(parse(show(value)), value, rel_tol=0.005)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_wrong_unit_is_told_with_the_right_ones(kind: str) -> None:
    parse, known, example = WHOLE[kind]
    with pytest.raises(UsageError) as caught:
        parse("7 parsec")
    right = f"the unit must be one of {', '.join(known)}, for example '{example}'"
    assert str(caught.value) == f"'7 parsec' is not a {kind}: {right}"


@pytest.mark.parametrize("text", ["64", "", "MiB", "-1 MiB", "1e3 MiB", "1 MiB 2", 64, None, True, ["64 MiB"]])
def test_a_number_and_a_unit_are_needed(text: object) -> None:
    with pytest.raises(UsageError, match=r"is not a size: a number and a unit are needed, for example '64 MiB'$"):
        units.parse_size_bytes(text)


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_not_0_never_becomes_0(kind: str) -> None:
    """0 often means something else than very little: `rate: 0 bit` is a link without a limit."""
    parse, known, _ = WHOLE[kind]
    smallest = next(iter(known))
    assert (parse(f"0 {smallest}"), parse(f"0.6 {smallest}")) == (0, 1)
    with pytest.raises(UsageError) as caught:
        parse(f"0.4 {smallest}")
    right = f"0 or at least 1 {smallest} is possible"
    assert str(caught.value) == f"'0.4 {smallest}' is too little for a {kind}: {right}"


def test_shares_end_at_all() -> None:
    assert (units.parse_ratio("0.5 %"), units.parse_ratio("100 %")) == (0.005, 1.0)
    with pytest.raises(UsageError, match=r"'100\.1 %' is more than 100 %"):
        units.parse_ratio("100.1 %")


@given(st.integers(1, 1 << 40))
def test_whole_pages_hold_a_size_and_no_page_too_many(size_bytes: int) -> None:
    pages = units.pages_of(size_bytes)
    assert (pages - 1) * units.PAGE_BYTES < size_bytes <= pages * units.PAGE_BYTES
