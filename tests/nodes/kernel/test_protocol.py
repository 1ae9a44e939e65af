"""What host and guest say to each other."""

from __future__ import annotations

import pytest

from nodes.config import Sink
from nodes.kernel.protocol import Settings, Telemetry, command_line, parse_telemetry, sinks_text


def test_only_what_differs_from_the_default_is_on_the_command_line() -> None:
    settings = Settings(address="198.18.1.5/24", target="198.18.1.2:10809", memalloc=True, swap_bytes=4096)
    assert (
        command_line(settings) == "nr.address=198.18.1.5/24 nr.target=198.18.1.2:10809 nr.swap_bytes=4096 nr.memalloc=1"
    )


def test_a_right_that_is_taken_away_is_told() -> None:
    assert command_line(Settings(address="198.18.1.5/24", sender_memalloc=False)).endswith(" nr.sender_memalloc=0")


def test_sinks_are_told_in_one_word() -> None:
    sinks = (Sink(kind="udp", port=9000, sockets=4, reader="stalled", rcvbuf_bytes=4 << 20),)
    assert sinks_text(sinks) == "udp:9000:4:4194304:stalled"


def test_a_line_of_telemetry_becomes_figures_and_unknown_keys_are_left_out() -> None:
    line = "T t=1500 free=812 memalloc=-1 novelty=3"
    assert parse_telemetry(line) == Telemetry(t=1500, free=812, memalloc=-1)


@pytest.mark.parametrize("line", ["", "[  1.2] hello", "T free=1", "T t=15 free=", "T t=15 fr", "T t=x"])
def test_a_torn_line_is_none(line: str) -> None:
    assert parse_telemetry(line) is None
