"""One meaning of a flood: what `form` writes, `parse_form` reads; what cannot be is refused with the field's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import UsageError
from nodes.floods import Flood, FloodKind
from traffic.profiles import (
    DEFAULT_SINKS,
    FLOODS_MAX,
    SECONDS_MAX,
    Aimed,
    check_users,
    form,
    parse_form,
    sinks_of,
)

floods = st.builds(
    Flood,
    kind=st.sampled_from(["udp", "tcp", "http"]),
    rate_pps=st.integers(1, 200_000 // 8),
    size_bytes=st.integers(1, 65_000),
    sockets=st.integers(1, 512),
    start_ns=st.integers(0, 10**9),
    duration_ns=st.integers(0, 10**9),
)


several = st.lists(st.builds(Aimed, flood=floods, port=st.integers(1, 65_000)), min_size=1, max_size=FLOODS_MAX)


@given(several, st.integers(1, SECONDS_MAX))
def test_a_form_reads_back_as_the_floods_it_was_made_of(asked: list[Aimed], seconds: int) -> None:
    swarm = parse_form(form(asked, ("initiator-data", "127.0.0.1"), seconds))
    assert swarm.floods == tuple(asked)
    assert (swarm.seconds, swarm.targets) == (seconds, ("initiator-data", "127.0.0.1"))


def test_one_flood_fills_the_fields_that_a_person_sees() -> None:
    aimed = Aimed(flood=Flood(kind="udp", rate_pps=500), port=9000)
    assert form([aimed], ("127.0.0.1",), 5)["rate"] == "500 pps"
    assert "floods" in form([aimed, aimed], ("127.0.0.1",), 5)


def test_an_empty_form_is_a_bounded_flood_at_the_default_sinks() -> None:
    (aimed,) = (swarm := parse_form({})).floods
    assert (swarm.kinds, aimed.flood.rate_pps, aimed.flood.sockets, aimed.port) == (("udp",), 20_000, 4, 9000)
    assert swarm.seconds == 60


def test_a_mix_meets_the_default_sink_of_every_kind_with_its_part_of_the_rate() -> None:
    swarm = parse_form({"kind": "mix", "rate": "3 kpps"})
    assert [(sink.port, sink.sockets) for sink in DEFAULT_SINKS] == [
        (aimed.port, aimed.flood.sockets) for aimed in swarm.floods
    ]
    assert swarm.kinds == ("udp", "tcp", "http") and {aimed.flood.rate_pps for aimed in swarm.floods} == {1000}


def test_a_label_names_kind_and_ports() -> None:
    assert Aimed(flood=Flood(kind="udp"), port=9000).label == "datagrams to 9000-9003"
    assert Aimed(flood=Flood(kind="http", sockets=1), port=9200).label == "requests to 9200"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "upd"}, "kind: unknown kind 'upd' (did you mean 'udp'?)"),
        ({"rate": "20"}, "rate: '20' is not a packet rate: a number and a unit are needed, for example '20 kpps'"),
        ({"rate": "20 kb"}, "rate: '20 kb' is not a packet rate: the unit must be one of pps, kpps, Mpps"),
        ({"rate": "2 Mpps"}, "rate_pps is 2000000: 1 to 200000 are possible"),
        ({"size": "70000 B"}, "size_bytes is 70000: 1 to 65000 are possible"),
        ({"sockets": "-1"}, "sockets: '-1' is not a whole number from 0 to 512"),
        ({"port": "65535"}, "port is 65535: with 4 sockets at most 65532"),
        ({"kind": "mix", "port": "9000"}, "port: a mix goes to each kind's own port: leave it 0"),
        ({"seconds": "3601"}, "seconds: '3601' is not a whole number from 1 to 3600"),
        ({"seconds": "²"}, "seconds: '²' is not a whole number from 1 to 3600"),
        ({"targets": " , "}, "targets: nobody is named"),
        ({"floods": "junk"}, "floods: JSON is malformed"),
        ({"floods": "[]"}, "floods: 0 at the same time: 1 to 8 are possible"),
        ({"floods": "[" * 20_000}, "floods: "),
        ({"floods": '[{"flood": {"kind": "udp", "rate_pps": 0}, "port": 9000}]'}, "floods: rate_pps is 0"),
        (
            {"floods": str([{"flood": {"kind": "udp", "rate_pps": 150_000}, "port": 9000}] * 2).replace("'", '"')},
            "floods: 300000 packets a second together: at most 200000 are possible",
        ),
    ],
)
def test_bad_fields_are_named(fields: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_form(fields)
    assert str(caught.value).startswith(message)


MIX: tuple[FloodKind, ...] = ("udp", "tcp", "http")


@pytest.mark.parametrize(("kinds", "users"), [(("udp",), 0), (MIX, 2), (MIX, 4), (("tcp",), 65)])
def test_users_are_bounded_and_shared_evenly(kinds: tuple[FloodKind, ...], users: int) -> None:
    with pytest.raises(UsageError, match=f"user_count: {users} users cannot send {', '.join(kinds)}"):
        check_users(kinds, users)


def test_sinks_lie_side_by_side() -> None:
    sinks = sinks_of((Flood(kind="udp", sockets=4), Flood(kind="tcp", sockets=2), Flood(kind="http", sockets=1)))
    assert [(sink.kind, sink.port) for sink in sinks] == [("udp", 9000), ("tcp", 9004), ("http", 9006)]
