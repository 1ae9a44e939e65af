"""Names that are known, and the answer for one that is not."""

from __future__ import annotations

import pytest

from nodes.errors import UsageError
from nodes.registry import Registry, did_you_mean


@pytest.fixture
def policies() -> Registry[int]:
    found: Registry[int] = Registry("policy")
    for number, name in enumerate(("none", "memalloc", "mainline")):
        assert found.register(name, number) == number
    return found


def test_what_was_registered_is_found_in_its_order(policies: Registry[int]) -> None:
    assert list(policies.items()) == [("none", 0), ("memalloc", 1), ("mainline", 2)]
    assert "none" in policies and "local" not in policies and len(policies) == 3


def test_an_unknown_name_is_answered_with_a_close_one_or_with_all(policies: Registry[int]) -> None:
    with pytest.raises(UsageError, match=r"^unknown policy 'memaloc' \(did you mean 'memalloc'\?\)$"):
        policies["memaloc"]
    with pytest.raises(UsageError, match=r"^unknown policy 'x' \(known: mainline, memalloc, none\)$"):
        policies["x"]


def test_a_name_registered_twice_is_our_mistake(policies: Registry[int]) -> None:
    with pytest.raises(AssertionError, match="policy 'none' is registered twice"):
        policies.register("none", 9)


def test_a_list_of_names_does_too() -> None:
    assert did_you_mean("upd", ["udp", "tcp"]) == "did you mean 'udp'?"
    assert did_you_mean("", ["udp", "tcp"]) == "known: tcp, udp"
