from __future__ import annotations

import socket
from ipaddress import IPv4Network
from pathlib import Path

import netspaces
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import LackingError, UsageError
from nodes.network import interfaces


@pytest.mark.parametrize(
    ("reverse", "name"),
    [
        ("netreserve-initiator-1.netreserve_data", "initiator-1"),
        ("netreserve-initiator-12.netreserve_data.", "initiator-12"),
        ("my-own-project-target-2.my-own-project_control", "target-2"),
        ("a_b-slow-target-1.a_b_data", "slow-target-1"),
        ("lonely.bridge", "lonely"),
        ("", "3f2a9c"),
    ],
)
def test_a_node_is_named_without_its_project(reverse: str, name: str) -> None:
    assert interfaces.node_name(reverse, "3f2a9c") == name


@pytest.mark.net_admin
def test_the_data_interface_is_found_by_its_subnet() -> None:
    def work() -> tuple[interfaces.Interface, str]:
        found = interfaces.interface_in(IPv4Network("198.18.40.0/24"))
        with pytest.raises(LackingError) as lacking:
            interfaces.interface_in(IPv4Network("198.18.41.0/24"))
        return found, str(lacking.value)

    with netspaces.pair() as (left, _):
        found, lacking = netspaces.run_in(left, work)
    assert found == ("left", netspaces.LEFT)
    assert "198.18.41.0/24 (here: lo 127.0.0.1, left 198.18.40.1)" in lacking


def test_the_subnet_comes_from_the_environment() -> None:
    assert interfaces.data_subnet({}) == IPv4Network("198.18.1.0/24")
    assert interfaces.data_subnet({"NETRESERVE_DATA_SUBNET": "198.18.9.0/24"}) == IPv4Network("198.18.9.0/24")
    with pytest.raises(UsageError, match=r"NETRESERVE_DATA_SUBNET is not a subnet: .*198.18.9.1"):
        interfaces.data_subnet({"NETRESERVE_DATA_SUBNET": "198.18.9.1/24"})


def test_a_resolver_that_is_not_there_leaves_the_name_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(interfaces, "RESOLVER", tmp_path / "resolv.conf")
    assert interfaces.reverse_name("198.18.1.2") == ""
    assert interfaces.own_name("198.18.1.2") == socket.gethostname()


QUESTION = b"\x012\x0277\x0218\x03198\x07in-addr\x04arpa\0"


@pytest.mark.parametrize("owner", [QUESTION, b"\xc0\x0c"], ids=["as recorded from Docker", "as others compress it"])
def test_an_answer_names_the_asked_address(owner: bytes) -> None:
    query = interfaces._reverse_query("198.18.77.2", 7)
    name = b"\x13netpart-initiator-1\x0cnetpart_data\0"
    record = owner + b"\0\x0c\0\x01\0\0\x02X\0\x22" + name
    answer = b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0" + QUESTION + b"\0\x0c\0\x01" + record
    assert interfaces._first_name(answer, query) == "netpart-initiator-1.netpart_data"
    assert interfaces._first_name(b"\0\x08" + answer[2:], query) == ""
    for cut in range(len(answer) - len(name)):
        assert interfaces._first_name(answer[:cut], query) == ""


@given(st.binary(max_size=200))
def test_any_bytes_from_a_resolver_are_survived(rubbish: bytes) -> None:
    query = interfaces._reverse_query("198.18.1.2", 77)
    assert isinstance(interfaces._first_name(query + rubbish, query), str)
    assert isinstance(interfaces._first_name(query[:6] + b"\0\1" + query[8:] + rubbish, query), str)
