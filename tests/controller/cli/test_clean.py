"""`netreserve clean`: what it prints of what it removed."""

from __future__ import annotations

import json

import pytest

from controller.cli import clean

REMOVED = {"containers": ["netreserve-broker-1", "netreserve-target-1"], "networks": [], "volumes": ["netreserve_data"]}


def test_what_was_removed_is_counted_or_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, bool]] = []

    def take_away(project: str, *, volumes: bool) -> dict[str, list[str]]:
        asked.append((project, volumes))
        return REMOVED if len(asked) < 3 else {"containers": [], "networks": []}

    monkeypatch.setattr(clean, "take_away", take_away)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "mine")
    clean.clean(volumes=True)
    assert capsys.readouterr().out == "removed 2 containers, 1 volumes\n"
    clean.clean(json=True)
    assert json.loads(capsys.readouterr().out) == REMOVED
    clean.clean()
    assert capsys.readouterr().out == "nothing was there\n"
    assert asked == [("mine", True), ("mine", False), ("mine", False)]
