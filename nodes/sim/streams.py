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


class Streams:
    """The streams of one run, which knows whether chance has had a part in it yet."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: dict[str, Random] = {}

    def of(self, name: str) -> Random:
        """The stream `name`, made when it is first asked for."""
        if name not in self._made:
            self._made[name] = stream(self._seed, name)
        return self._made[name]

    @property
    def drawn(self) -> bool:
        """Whether anything was drawn. While nothing was, a run with any other seed would have gone the same way."""
        return any(random.getstate() != stream(self._seed, name).getstate() for name, random in self._made.items())

    def reseed(self, seed: int) -> None:
        """From now on as in a run with `seed`: of streams that nothing was drawn from."""
        assert not self.drawn, "what was drawn came from another seed"
        self._seed = seed
        for name, random in self._made.items():
            random.setstate(stream(seed, name).getstate())


def spread_ns(mean_ns: int, kind: str, random: Random) -> int:
    """A time whose mean is `mean_ns`, drawn as `kind` says: `fixed`, `exponential` or `lognormal`."""
    if kind == "fixed" or not mean_ns:
        return mean_ns
    if kind == "exponential":
        return round(-log(1.0 - random.random()) * mean_ns)
    normal = sqrt(-2.0 * log(1.0 - random.random())) * cos(2.0 * pi * random.random())
    return round(mean_ns * exp(LOGNORMAL_SIGMA * normal - LOGNORMAL_SIGMA**2 / 2))
