"""Colours of a difference of two sweeps; those of single verdicts: controller.experiment.verdicts."""

from __future__ import annotations

GAINS: dict[str, tuple[str, str, str]] = {
    "both": ("#a6d8bd", "#0c3d22", "✓"),
    "first": ("#e69f00", "#2b1300", "1"),
    "second": ("#1f66c0", "#ffffff", "2"),
    "neither": ("#6d2a26", "#ffffff", "✕"),
    "unknown": ("#e6e9ee", "#5a6475", "?"),
}
"""Who survives, in a difference of two: colour, ink, sign."""
