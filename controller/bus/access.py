"""Where the controller and its operators find the broker, and each other."""

from __future__ import annotations

from collections.abc import Mapping

from nodes.agent.access import Broker, parse_broker

BROKER_DEFAULT = "127.0.0.1:1883"


def health_address(broker: Broker) -> str:
    """Where the controller at `broker` answers its health check (nodes/agent/health.py): there is one at each broker."""
    return f"\0netreserve-controller/{broker}"


def broker_of(environ: Mapping[str, str]) -> Broker:
    """NETRESERVE_BROKER, else one on this machine. Raises UsageError."""
    return parse_broker(environ.get("NETRESERVE_BROKER", BROKER_DEFAULT))
