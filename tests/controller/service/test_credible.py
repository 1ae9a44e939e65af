"""What a node may say, and what nobody should regard."""

from __future__ import annotations

from typing import Any

import pytest

from controller.service.credible import FUTURE_NS, PAST_NS, require_credible, speaker_of
from nodes.eventkinds import FaultSet
from nodes.messages import Event, Reported, Sample, Status, topic

NOW_NS = 1_800_000_000_000_000_000


def sample(**more: Any) -> Sample:
    return Sample(**{"t_ns": NOW_NS, "node": "target-1", "run": "r"} | more)


def test_a_topic_names_its_node() -> None:
    assert speaker_of(topic("initiator", "initiator-7", "sample")) == ("initiator", "initiator-7")
    with pytest.raises(ValueError, match="'operator' is not a node's role"):
        speaker_of(topic("operator", "cli-1", "status"))


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (sample(node="target-2"), "it says that 'target-2' said it"),
        (Status(node="", role="target", state="online"), "it says that '' said it"),
        (sample(t_ns=NOW_NS + FUTURE_NS + 1_000_000), "it comes from the future, by 5"),
        (Status(node="target-1", role="target", state="online", t_ns=2**62), "from the future"),
        (Reported(node="target-1", seq=1, run="", t_ns=2**62), "from the future"),
        (sample(t_ns=NOW_NS - PAST_NS - 1), "a sample of long ago"),
        (sample(t_ns=1), "a sample of long ago"),
        (Event(t_ns=-(2**63 - 1), node="target-1", run="", detail=FaultSet(fault="cut")), "before 1970"),
        (Event(t_ns=-1, node="target-1", run="", detail=FaultSet(fault="cut")), "before 1970"),
        (sample(free_pages=2**70), "free_pages has more than 64 bits"),
        (sample(rx_packets=-(2**64)), "rx_packets has more than 64 bits"),
    ],
)
def test_what_is_refused(message: Any, told: str) -> None:
    with pytest.raises((ValueError, OverflowError), match=told):
        require_credible("target-1", message, NOW_NS)


def test_what_is_taken() -> None:
    require_credible("target-1", sample(t_ns=NOW_NS + FUTURE_NS), NOW_NS)
    late = Event(t_ns=1, node="target-1", run="r", detail=FaultSet(fault="cut"))
    require_credible("target-1", late, NOW_NS)  # it waited for a connection
