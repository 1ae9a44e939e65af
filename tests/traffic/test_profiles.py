"""One meaning of a flood: what `form` writes, `parse_form` reads; what cannot be is refused with the field's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import UsageError
from traffic.profiles import DEFAULT_SINKS, SECONDS_MAX, Flood, check_users, form, parse_form, sinks_of

floods = st.builds(
    Flood,
    kind=st.sampled_from(["udp", "tcp", "http"]),
    rate_pps=st.integers(1, 200_000),
    size_bytes=st.integers(1, 65_000),
    sockets=st.integers(1, 512),
)


@given(floods, st.integers(1, SECONDS_MAX), st.integers(0, 65_000))
def test_a_form_reads_back_as_the_flood_it_was_made_of(flood: Flood, seconds: int, port: int) -> None:
    swarm = parse_form(form(flood, ("initiator-data", "127.0.0.1"), seconds, port))
    read, first_port = swarm.flood(flood.kind)
    assert (read.kind, read.rate_pps, read.size_bytes) == (flood.kind, flood.rate_pps, flood.size_bytes)
    assert (read.sockets, swarm.seconds, swarm.targets) == (flood.sockets, seconds, ("initiator-data", "127.0.0.1"))
    assert first_port == port or (port == 0 and first_port in {sink.port for sink in DEFAULT_SINKS})


def test_an_empty_form_is_a_bounded_flood_at_the_default_sinks() -> None:
    swarm = parse_form({})
    flood, port = swarm.flood("udp")
    assert (swarm.kind, flood.rate_pps, flood.sockets, port, swarm.seconds) == ("udp", 1000, 4, 9000, 60)


def test_a_mix_meets_the_default_sink_of_every_kind() -> None:
    swarm = parse_form({"kind": "mix", "rate": "3 kpps"})
    assert [(sink.port, sink.sockets) for sink in DEFAULT_SINKS] == [
        (swarm.flood(kind)[1], swarm.flood(kind)[0].sockets) for kind in ("udp", "tcp", "http")
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "upd"}, "kind: unknown kind 'upd' (did you mean 'udp'?)"),
        ({"rate": "20"}, "rate: '20' is no packet rate: a number and a unit are needed, for example '20 kpps'"),
        ({"rate": "20 kb"}, "rate: '20 kb' is no packet rate: the unit must be one of pps, kpps, Mpps"),
        ({"rate": "2 Mpps"}, "rate_pps is 2000000: 1 to 200000 are possible"),
        ({"size": "70000 B"}, "size_bytes is 70000: 1 to 65000 are possible"),
        ({"sockets": "-1"}, "sockets: '-1' is not a whole number from 0 to 512"),
        ({"port": "65535"}, "port is 65535: with 4 sockets at most 65532"),
        ({"kind": "mix", "port": "9000"}, "port: a mix goes to each kind's own port: leave it 0"),
        ({"seconds": "3601"}, "seconds: '3601' is not a whole number from 1 to 3600"),
        ({"seconds": "²"}, "seconds: '²' is not a whole number from 1 to 3600"),
        ({"targets": " , "}, "targets: nobody is named"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_form(fields)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("kind", "users"), [("udp", 0), ("mix", 2), ("tcp", 65)])
def test_users_are_bounded(kind: str, users: int) -> None:
    with pytest.raises(UsageError, match=f"user_count: {users} users cannot send {kind}"):
        check_users(kind, users)  # type: ignore[arg-type]


def test_sinks_lie_side_by_side() -> None:
    sinks = sinks_of((Flood(kind="udp", sockets=4), Flood(kind="tcp", sockets=2), Flood(kind="http", sockets=1)))
    assert [(sink.kind, sink.port) for sink in sinks] == [("udp", 9000), ("tcp", 9004), ("http", 9006)]
