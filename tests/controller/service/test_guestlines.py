"""What a guest printed becomes text on the clock of samples and events."""

from __future__ import annotations

from controller.service.guestlines import autopsies, log_name, log_text
from nodes.eventkinds import detail_of
from nodes.messages import Event

T_NS = 1_700_000_000_000_000_000


def _event(kind: str, **detail: object) -> Event:
    return Event(t_ns=T_NS, node="kernel-initiator-1", run="r", detail=detail_of(kind, detail))


def test_a_guests_lines_have_their_times() -> None:
    event = _event("console", lines=[[T_NS, "netreserve: ready\r\n"], [T_NS + 1_500_000_000, "eth0: up"]])
    assert log_name(event) == "nodes/kernel-initiator-1.console.log"
    assert log_text(event) == ("2023-11-14T22:13:20.000000Z netreserve: ready\n2023-11-14T22:13:21.500000Z eth0: up\n")


def test_autopsies_are_gathered_by_node() -> None:
    events = [
        _event("autopsy", found=["kswapd waits in mempool_alloc"], missing=["no stack of the refill worker"]),
        _event("stall", cycle=[]),
        _event("autopsy"),
        _event("autopsy", found=["kswapd waits in mempool_alloc"]),
    ]
    assert autopsies(events) == {
        "nodes/kernel-initiator-1.autopsy.txt": "2023-11-14T22:13:20.000000Z autopsy\n"
        "  found: kswapd waits in mempool_alloc\n"
        "  missing: no stack of the refill worker\n"
        "2023-11-14T22:13:20.000000Z autopsy\n"
        "  found: kswapd waits in mempool_alloc\n"
    }
