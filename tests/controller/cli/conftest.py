"""A broker of our own for the verbs that talk to the controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clirunner import operator
from scriptedcontroller import ScriptedController, running_broker


@pytest.fixture(scope="session")
def broker_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_broker(tmp_path_factory.mktemp("broker")) as port:
        yield port


@pytest.fixture
def controller(broker_port: int) -> Iterator[ScriptedController]:
    with ScriptedController(broker_port) as scripted:
        yield scripted


@pytest.fixture
def person(controller: ScriptedController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which that controller is ours, set here too for commands carried out in this process."""
    variables = operator(tmp_path, controller.port)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
