"""How often something happened, and between which bounds the true share lies.

The interval is Wilson's score interval of 95 % (E. B. Wilson, Probable inference, the law of succession, and statistical
inference, 1927). Unlike the share plus and minus its standard error it says something of five of five, too: 57 to 100 %.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from msgspec import Struct

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class Share(Struct, frozen=True, kw_only=True):
    """`hits` of `of` trials; `of` is 1 or more."""

    hits: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Its bounds, 0 to 1."""
        share, z2 = self.hits / self.of, _Z * _Z
        middle = share + z2 / (2 * self.of)
        half = _Z * sqrt(share * (1 - share) / self.of + z2 / (4 * self.of * self.of))
        whole = 1 + z2 / self.of
        return max((middle - half) / whole, 0.0), min((middle + half) / whole, 1.0)

    @property
    def told(self) -> str:
        """`5/5 (57–100 %)`."""
        low, high = self.interval
        return f"{self.hits}/{self.of} ({100 * low:.0f}–{100 * high:.0f} %)"
