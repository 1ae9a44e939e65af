"""What a run comes to for the shell (docs/reference/exit-codes.md); other errors have theirs in `nodes.errors`."""

from __future__ import annotations

EXIT_MET, EXIT_NOT_MET, EXIT_INCONCLUSIVE, EXIT_HARNESS = 0, 1, 5, 6
EXIT_INTERRUPTED = 130
"""After Ctrl-C: 128 + SIGINT, as shells have it (design, section 7)."""
