"""What a rule says of a machine."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Grade = Literal["grave", "unknown", "caution", "note", "good"]
GRADES: tuple[Grade, ...] = get_args(Grade)
"""The gravest first. `grave`: it can hang; `unknown`: it could be grave, and it cannot be seen; `caution`: it makes a hang
likelier or worse; `note`: worth knowing; `good`: looked at, and in order."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    rule: str
    """Its family and its own name, e.g. `card-hangs`."""
    grade: Grade
    what: str
    why: str
    """One sentence."""
    do: tuple[str, ...] = ()
    """Commands, or what no command does; the first is the best."""
    page: str
    """Where to read more: a page below docs/."""
    source: str
    """A kernel file, a document, or a measurement of ours."""
    tier: Literal["", "kernel", "sim"] = ""
    """Of a measurement: the tier that it was made in."""
