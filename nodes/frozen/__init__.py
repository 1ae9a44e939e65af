"""Names the cycle that a frozen machine sits in, from its kernel log and, where there is some, its telemetry."""

from nodes.frozen.examine import Autopsy, examine

__all__ = ["Autopsy", "examine"]
