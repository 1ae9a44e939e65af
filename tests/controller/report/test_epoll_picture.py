"""The tornado: a bar for every assumption, the claim in red."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.report import epoll_picture as picture
from controller.studies.epoll2006.costs import COSTS, base_prices
from controller.studies.epoll2006.result import examine
from controller.studies.epoll2006.server import Load
from nodes.errors import HarnessError, UsageError

RESULT = examine(Load(in_flight=16, requests=16), base_prices())


def test_every_assumption_is_a_bar_on_the_axis() -> None:
    for panel, finding in zip(picture.spec(RESULT)["vconcat"], RESULT.findings, strict=True):
        claimed, bars, *_ = panel["layer"]
        rows = bars["data"]["values"]
        assert len(rows) == len(finding.sensitivity) == len(COSTS) + 7
        assert all(picture.RATIO_LEAST <= row["low"] <= row["high"] <= picture.RATIO_MOST for row in rows)
        assert claimed["data"]["values"][0]["from"] == finding.claimed_ratio_low
        assert f"{finding.ratio:.3f}" in panel["title"]


def test_it_is_painted(tmp_path: Path) -> None:
    picture.write(tmp_path / "epoll.png", RESULT)
    assert (tmp_path / "epoll.png").read_bytes().startswith(b"\x89PNG")


def test_other_kinds_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.png"):
        picture.write(tmp_path / "epoll.gif", RESULT)
    with pytest.raises(HarnessError, match="cannot be written"):
        picture.write(tmp_path / "nowhere" / "epoll.png", RESULT)
