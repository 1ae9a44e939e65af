"""What a life checks before it begins; what it does then is tested with the whole arm."""

from __future__ import annotations

import pytest

from nodes.config import BLOCK_PORT
from nodes.container.life import host_and_port
from nodes.errors import UsageError


def test_a_target_with_and_without_port() -> None:
    assert host_and_port("target-1:1234") == ("target-1", 1234)
    assert host_and_port("target-1") == ("target-1", BLOCK_PORT)


@pytest.mark.parametrize("text", ["", ":10809", "a:", "a:nbd", "a:0", "a:65536", "a:1:2"])
def test_what_is_no_target_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' is not a storage target: 'host:port' is needed"):
        host_and_port(text)
