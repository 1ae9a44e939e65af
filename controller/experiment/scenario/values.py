"""The kinds of value that a scenario's keys hold: a size, a time, a share, a name, a policy, each within its bounds."""

from __future__ import annotations

import re
from typing import get_args

from controller.experiment import expect
from controller.experiment.folders import RESERVED
from controller.experiment.scenario.fields import Kind
from controller.experiment.scenario.kinds import quantity, share, text, whole, word, words
from controller.experiment.scenario.policies import known_policies, read_policy, unknown
from nodes.config import Era
from nodes.errors import UsageError
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.policies import POLICIES
from nodes.units import (
    BIT_UNITS,
    PACKET_UNITS,
    PAGE_BYTES,
    PAGE_UNITS,
    RATIO_UNITS,
    SIZE_UNITS,
    TIME_UNITS,
    pages_of,
    parse_duration_ns,
    parse_pages_per_s,
    parse_rate_bps,
    parse_rate_pps,
    parse_ratio,
    parse_size_bytes,
)

COUNT_MAX = 512
"""Nodes of one role: as many as the simulator's cost was measured for (own)."""
DURATION_NS_MAX = 3600 * TIME_UNITS["s"]
"""A phase lasts an hour at most, as a flood does (traffic.profiles)."""
NAME_LETTERS_MAX = 64
KERNEL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
"""A folder's name in the image, which may have a release in it (own)."""


def _duration(value: object) -> int:
    time_ns = parse_duration_ns(value)
    if time_ns > DURATION_NS_MAX:
        raise UsageError(f"'{value}' is too long: at most 60 min are possible")
    return time_ns


def _lasting(value: object) -> int:
    if time_ns := _duration(value):
        return time_ns
    raise UsageError(f"'{value}' is too short: more than 0 s is needed")


def _word(value: object) -> str:
    plain = isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum() and value == value.lower()
    if not isinstance(value, str) or not plain or value.startswith("-") or len(value) > NAME_LETTERS_MAX:
        raise UsageError(f"'{value}' is not a name: {NAME_LETTERS_MAX} small letters, digits and '-' at most")
    return value


def _policy_text(value: object) -> str:
    if not isinstance(value, str):
        raise unknown(str(value))
    read_policy(value)
    return value


def _kernel_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(KERNEL_PATTERN, value):
        raise UsageError(
            f"'{value}' is not the name of a kernel: letters, digits, '.', '_', '+' and '-', e.g. trixie-amd64"
        )
    return value


def _name(value: object) -> str:
    name = _word(value)
    if name in RESERVED:
        raise UsageError(f"'{name}' cannot name a scenario: that place in the runs folder is for {RESERVED[name]}")
    return name


def _page_count(value: object) -> int:
    if pages := pages_of(parse_size_bytes(value)):
        return pages
    raise UsageError(f"'{value}' is too little memory: at least 4 KiB is needed")


def _page_count_or_none(value: object) -> int:
    return _page_count(value) if parse_size_bytes(value) else 0


SIZE = quantity(parse_size_bytes, SIZE_UNITS)
PAGES = quantity(_page_count, SIZE_UNITS, scale=PAGE_BYTES)
PAGES_OR_NONE = quantity(_page_count_or_none, SIZE_UNITS, scale=PAGE_BYTES)
TIME = quantity(_duration, TIME_UNITS)
LASTING = quantity(_lasting, TIME_UNITS)
LINK_RATE = quantity(parse_rate_bps, BIT_UNITS)
PACKET_RATE = quantity(parse_rate_pps, PACKET_UNITS)
PAGE_RATE = quantity(parse_pages_per_s, PAGE_UNITS)
SHARE = share(parse_ratio, RATIO_UNITS)
_era = word("era", lambda: get_args(Era))
COUNT = whole(1, COUNT_MAX)
_NAMES = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$", "maxLength": NAME_LETTERS_MAX}
NAME = Kind(_name, lambda: {**_NAMES, "not": {"enum": list(RESERVED)}})
ARM_NAME = Kind(_word, lambda: _NAMES)
POLICY = word("policy", lambda: POLICIES)
POLICY_TEXT = Kind(_policy_text, lambda: {"enum": list(known_policies())})
ALLOCATOR = word("allocator", lambda: ALLOCATORS)
ERA = Kind(lambda value: _era.parse(str(value)), lambda: {"anyOf": [_era.schema(), {"const": 2006}]})
"""YAML takes `2006` for a number."""
KERNEL_NAME = Kind(_kernel_name, lambda: {"type": "string", "pattern": f"^{KERNEL_PATTERN}$"})
VERDICT = words("verdict", lambda: expect.VERDICTS)
CONDITION = Kind(expect.parse_condition, lambda: {"type": "string"}, str)
NODE = text("a node name")
