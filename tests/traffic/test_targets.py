"""Junk stays inside the benchmarking range and this machine."""

import pytest

from nodes.errors import UsageError
from traffic.targets import resolve


def test_addresses_of_the_range_and_loopback_pass_each_once() -> None:
    assert resolve(("198.19.255.1", "127.0.0.1", "198.18.1.2", "127.0.0.1")) == (
        "127.0.0.1",
        "198.18.1.2",
        "198.19.255.1",
    )


@pytest.mark.parametrize("address", ["198.17.255.255", "198.20.0.0", "10.0.0.1", "192.0.2.1", "255.255.255.255"])
def test_one_address_outside_refuses_all(address: str) -> None:
    with pytest.raises(UsageError, match=f"targets: {address} is refused"):
        resolve(("127.0.0.1", address))


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 300])
def test_a_name_without_address_is_said(name: str) -> None:
    with pytest.raises(UsageError, match=f"targets: '{name}' has no address here"):
        resolve((name,))
