"""The fingerprint covers the code that results depend on, all of it and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from clirunner import environment

from controller.studies.code import DECIDE, ROOT, deciding, fingerprint


def test_it_covers_all_that_is_loaded_to_decide() -> None:
    files = "(module.__file__ or '' for module in list(sys.modules.values()) if hasattr(module, '__file__'))"
    script = f"import sys, {', '.join(DECIDE)}\nprint(*{files}, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(NETRESERVE_COMPILED="never"), cwd=ROOT, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    packages = ("nodes", "controller", "traffic")
    loaded = {
        Path(line) for line in done.stdout.split("\n") if line.startswith(tuple(f"{ROOT / p}/" for p in packages))
    }
    assert ROOT / "nodes" / "machine" / "machine.py" in loaded
    assert loaded <= deciding(), "a change of these would not begin a study anew"


def test_how_it_is_told_and_measured_elsewhere_does_not_count() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in deciding()}
    assert {
        "controller/experiment/verdict.py",
        "controller/simulated/simulate.py",
        "nodes/machine/allocators/slab.py",
    } <= names
    assert {
        "controller/studies/sweep/work.py",
        "controller/experiment/scenario/vary.py",
        "nodes/sim/cluster.py",
    } <= names
    assert not {"controller/here/doctor.py", "controller/cli/sweep.py", "controller/report/page.py"} & names
    assert fingerprint() == fingerprint() and len(fingerprint()) == 16
