"""How a swept verdict looks in a cell: colour, sign, and the ink of the sign. Told apart by the colour-blind too.

Tones are the report's (controller.report.words.LOOKS): green lives, amber is between, red does not live, grey says
nothing. Within a tone lightness tells them apart, and the sign always does: colour never stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.report.words import LOOKS, Look

INVALID = Look("Invalid", "–", "unknown", "The settings cannot be run together: the reason says which.")


@dataclass(frozen=True)
class Swatch:
    """A verdict as a cell."""

    look: Look
    colour: str
    ink: str
    """Of the sign on it."""
    sign: str
    """Differs for every verdict, also where the report's signs do not."""

    @property
    def label(self) -> str:
        return f"{self.sign} {self.look.word.lower()}"


SWATCHES: dict[str, Swatch] = {
    "healthy": Swatch(LOOKS["healthy"], "#7fc8a0", "#0c3d22", "✓"),
    "slow": Swatch(LOOKS["slow"], "#f2d478", "#4d3500", "≈"),
    "starved": Swatch(LOOKS["starved"], "#e08a3c", "#2b1300", "!"),
    "deadlocked": Swatch(LOOKS["deadlocked"], "#a3201a", "#ffffff", "✕"),
    "oom": Swatch(LOOKS["oom"], "#7a3b8f", "#ffffff", "O"),
    "panicked": Swatch(LOOKS["panicked"], "#2f1c33", "#ffffff", "P"),
    "inconclusive": Swatch(LOOKS["inconclusive"], "#b9c0cc", "#2a3140", "?"),
    "invalid": Swatch(INVALID, "#e6e9ee", "#5a6475", "–"),
}

GAINS: dict[str, tuple[str, str, str]] = {
    "both": ("#a6d8bd", "#0c3d22", "✓"),
    "first": ("#e69f00", "#2b1300", "1"),
    "second": ("#1f66c0", "#ffffff", "2"),
    "neither": ("#6d2a26", "#ffffff", "✕"),
    "unknown": ("#e6e9ee", "#5a6475", "?"),
}
"""Who survives, in a difference of two: colour, ink, sign."""
