"""What a test needs of the machine: where it is missing, a user's run skips with the reason, and CI fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_NET_ADMIN, _SYS_ADMIN = 12, 21
"""Numbers of the capabilities (include/uapi/linux/capability.h)."""


def require(condition: object, reason: str) -> None:
    """Skips the test with `reason` unless `condition` holds; with NETRESERVE_CI=1 in the environment it fails instead."""
    if condition:
        return
    if os.environ.get("NETRESERVE_CI") == "1":
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


def require_programs(*names: str) -> None:
    """As `require`, for programs on the PATH."""
    missing = [name for name in names if shutil.which(name) is None]
    require(not missing, f"needs the program {', '.join(missing)}")


def require_net_admin() -> None:
    """As `require`, for making network namespaces and NFQUEUEs."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split()[0], 16)
    require(capabilities >> _NET_ADMIN & capabilities >> _SYS_ADMIN & 1, "needs root with NET_ADMIN and SYS_ADMIN")
    require_programs("ip", "iptables")


def require_docker() -> None:
    """As `require`, for a Docker engine with compose."""
    require_programs("docker")
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        require(done.returncode == 0, f"needs a Docker engine with compose: {done.stderr.strip()}")


def require_qemu() -> None:
    """As `require`, for guests: QEMU, taps, and namespaces to keep them in."""
    require_net_admin()
    require_programs("qemu-system-x86_64")
    require(Path("/dev/net/tun").exists(), "needs /dev/net/tun")
