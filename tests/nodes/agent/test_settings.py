from __future__ import annotations

from pathlib import Path

import pytest

from nodes.agent.access import Credentials, read_credentials
from nodes.agent.settings import read_settings
from nodes.errors import LackingError, UsageError

GOOD = {"NETRESERVE_ROLE": "target", "NETRESERVE_BROKER": "broker:1884"}


def test_all_is_read() -> None:
    found = read_settings(GOOD | {"NETRESERVE_CREDENTIALS": "/c.json", "NETRESERVE_NODE": "t"})
    assert (found.role, found.broker.host, found.broker.port, found.credentials, found.node) == (
        "target",
        "broker",
        1884,
        Path("/c.json"),
        "t",
    )


def test_what_has_a_default_may_be_missing() -> None:
    found = read_settings({"NETRESERVE_ROLE": "initiator"})
    assert (found.broker.host, found.broker.port, found.credentials, found.node) == ("broker", 1883, None, "")


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"NETRESERVE_ROLE": "targett"}, "did you mean 'target'"),
        ({"NETRESERVE_ROLE": ""}, "initiator, target"),
        ({"NETRESERVE_TIER": "kernal"}, "did you mean 'kernel'"),
        ({"NETRESERVE_BROKER": "broker:"}, "host:port"),
        ({"NETRESERVE_BROKER": ":1883"}, "host:port"),
        ({"NETRESERVE_BROKER": "broker:99999"}, "host:port"),
        ({"NETRESERVE_NODE": "a/b"}, "without / + #"),
    ],
)
def test_a_wrong_variable_is_named(wrong: dict[str, str], part: str) -> None:
    with pytest.raises(UsageError) as error:
        read_settings(GOOD | wrong)
    assert part in str(error.value) and next(iter(wrong)) in str(error.value)


def test_credentials(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    with pytest.raises(LackingError, match="No such file"):
        read_credentials(file)
    file.write_text('{"username": "target"}')
    with pytest.raises(LackingError, match="password"):
        read_credentials(file)
    file.write_text('{"username": "target", "password": "p"}')
    assert read_credentials(file) == Credentials(username="target", password="p", source=str(file))
