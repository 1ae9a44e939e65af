"""Named streams of randomness from one seed: what one part draws does not change what another one sees.

Only `Random.random` is used (it is the same in every Python version), and seeds are texts (hashed with SHA-512, the same
everywhere; random.seed, version 2).
"""

from __future__ import annotations

from math import cos, exp, log, pi, sqrt
from random import Random

LOGNORMAL_SIGMA = 1.0
"""Spread of a lognormal latency: its 99th percentile is 6.2 times its mean, as disks under mixed load show (own)."""


def stream(seed: int, name: str) -> Random:
    """The stream `name` of the run with `seed`."""
    return Random(f"{seed}/{name}")


def spread_ns(mean_ns: int, kind: str, random: Random) -> int:
    """A time whose mean is `mean_ns`, drawn as `kind` says: `fixed`, `exponential` or `lognormal`."""
    if kind == "fixed" or not mean_ns:
        return mean_ns
    if kind == "exponential":
        return round(-log(1.0 - random.random()) * mean_ns)
    normal = sqrt(-2.0 * log(1.0 - random.random())) * cos(2.0 * pi * random.random())
    return round(mean_ns * exp(LOGNORMAL_SIGMA * normal - LOGNORMAL_SIGMA**2 / 2))
