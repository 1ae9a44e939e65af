"""Names the cycle that a frozen machine sits in, from its kernel log and, where there is some, its telemetry."""

from nodes.eventkinds import Autopsy
from nodes.frozen.examine import examine

__all__ = ["Autopsy", "examine"]
