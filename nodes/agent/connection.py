"""A connection to the broker, as both sides make it: the only importer of aiomqtt."""

from __future__ import annotations

import socket

from aiomqtt import Client, Message, MqttError, ProtocolVersion, Wildcard, Will
from msgspec import Struct

from nodes.agent.access import Broker, Credentials
from nodes.messages import encode

__all__ = ["KEEPALIVE_S", "Client", "Message", "MqttError", "Wildcard", "connection"]

KEEPALIVE_S = 5
"""The broker publishes the last will of a peer that was silent for 1.5 times this (MQTT 5, section 3.1.2.10)."""


def connection(
    broker: Broker,
    credentials: Credentials | None,
    identifier: str,
    *,
    will: tuple[str, Struct] | None = None,
    timeout_s: float,
    queued_max: int | None = None,
) -> Client:
    """A client that connects when it is entered. `will`: a topic and what the broker publishes there, retained, when we die;
    `timeout_s` is for connecting and for each acknowledgement; so many as `queued_max` may wait for theirs (None: any
    number)."""
    return Client(
        broker.host,
        broker.port,
        identifier=identifier,
        username=credentials.username if credentials else None,
        password=credentials.password if credentials else None,
        protocol=ProtocolVersion.V5,
        keepalive=KEEPALIVE_S,
        timeout=timeout_s,
        max_queued_outgoing_messages=queued_max,
        will=Will(will[0], encode(will[1]), qos=1, retain=True) if will else None,
        # else a message waits 40 ms for the acknowledgement of the one before (Nagle against delayed ACK)
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
