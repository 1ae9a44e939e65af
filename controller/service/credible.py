"""What is asked of all that a node says before anybody regards it: that it speaks for itself, that its numbers can be kept,
that it does not come from the future. What fails is refused by itself: controller/bus/mqtt.py counts it."""

from __future__ import annotations

from typing import cast, get_args

import msgspec

from controller.service.guestlines import LINE_KINDS, log_text
from nodes.messages import Event, Reported, Role, Sample, Status, encode
from nodes.units import SECOND_NS, format_ns

INTEGER_MAX = 2**63 - 1
"""What a database's integer holds."""
FUTURE_NS = 5 * SECOND_NS
"""Containers share their host's clock: what is said to happen so much later than now is not true (own)."""
PAST_NS = 60 * SECOND_NS
"""A sample is sent at once or never (nodes/agent/bus.py): one so old is not of now, even where a machine was held up (own).
Events wait for a connection, for as long as there is none."""
NODE_BYTES_MAX = 1 << 20
"""The largest that a node has reason to send is an autopsy with its stacks, or a burst of console lines (own)."""
SAMPLE_BYTES_MAX = 16 << 10
"""A sample has about 1 KiB (own)."""

Said = Sample | Event | Status | Reported


def speaker_of(where: str) -> tuple[Role, str]:
    """Role and name of the node that the topic `where` belongs to: the broker vouches for them. Raises ValueError for a role
    that no node has."""
    _, role, name, _ = where.split("/")
    if role not in get_args(Role):
        raise ValueError(f"'{role}' is not a node's role")
    return cast(Role, role), name


def require_credible(name: str, message: Said, now_ns: int) -> None:
    """Raises ValueError for a message of another than `name`, which may say so of itself alone, and for one from the future;
    else as `require_storable`."""
    if message.node != name:
        raise ValueError(f"it says that '{message.node}' said it")
    if message.t_ns > now_ns + FUTURE_NS:
        raise ValueError(f"it comes from the future, by {format_ns(message.t_ns - now_ns)}")
    if isinstance(message, Sample) and message.t_ns < now_ns - PAST_NS:
        raise ValueError("it is a sample of long ago")
    require_storable(message)


def require_storable(message: Said) -> None:
    """Raises OverflowError, TypeError or ValueError for what database or folder cannot hold, whoever sent it: a number
    of more than 64 bits, a time before 1970 (what is counted from a run's beginning would not fit either), lines that are
    not lines. Kept, it would cost all that is written together with it."""
    values = msgspec.structs.asdict(message) if isinstance(message, Sample) else {"t_ns": message.t_ns}
    for name, value in values.items():
        if isinstance(value, int) and abs(value) > INTEGER_MAX:
            raise OverflowError(f"{name} has more than 64 bits")
    if message.t_ns < 0:
        raise ValueError("its time is before 1970")
    encode(message)
    if isinstance(message, Event) and isinstance(message.detail, LINE_KINDS):
        log_text(message)
