"""The rules, a family a file. A family is a function of the machine that yields findings; it reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.inspect.facts import Machine
from controller.inspect.finding import Finding
from controller.inspect.rules import card, daemons, history, kernels, limits, path, readiness, reserve, sockets

Family = Callable[[Machine], Iterator[Finding]]
FAMILIES: tuple[Family, ...] = (
    path.judge,
    card.judge,
    reserve.judge,
    kernels.judge,
    daemons.judge,
    limits.judge,
    sockets.judge,
    history.judge,
    readiness.judge,
)
"""In the order in which findings of one grade are told."""
