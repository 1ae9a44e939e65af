"""What stands in the runs folder beside the folders of scenarios, by name: nothing that a person names may be called so."""

from __future__ import annotations

LATEST = "latest"
ADHOC = "adhoc"
RESCUE = "rescue"
COMPARISONS = "comparisons"
KERNELS = "kernels"
AGREEMENT = "agreement"

RESERVED = {
    LATEST: "the newest run",
    ADHOC: "runs by hand",
    RESCUE: "rescues by hand",
    COMPARISONS: "what `netreserve compare` draws",
    KERNELS: "what `netreserve kernels` draws",
    AGREEMENT: "scenarios that `netreserve agree` matched to a kernel",
}
"""Name -> what is kept there."""
