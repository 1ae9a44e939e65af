"""Real kernels in their containers end as the arms of their scenarios say, with a cycle named and everything kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from composed import ROOT, compose, judged
from requirements import require

from controller.experiment.scenario import load
from nodes.config import BLOCK_PORT
from nodes.kernel.protocol import parse_telemetry

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200), pytest.mark.usefixtures("testbed")]
SCENARIO = load(ROOT / "scenarios" / "kernel-tcp.yaml")
HANGS = 3
"""So many guests may hang until the flag revives one: it lets the storage socket read what was received, and cannot fill a
ring that stands empty (docs/reference/kernel-runs.md, Rescue)."""


@pytest.fixture(autouse=True)
def tap_devices() -> None:
    require(Path("/dev/net/tun").exists(), "needs /dev/net/tun")


def test_a_stock_kernel_without_the_flag_deadlocks_names_its_cycle_and_is_revived_by_the_flag(tmp_path: Path) -> None:
    scenario = tmp_path / "rescued.yaml"
    plain = (ROOT / "scenarios" / f"{SCENARIO.name}.yaml").read_text()
    scenario.write_text(f"{plain}rescue: [{{policy: memalloc}}]\n")
    assert any(revived(scenario) for _ in range(HANGS))


def revived(scenario: Path) -> bool:
    """Whether the flag revived a guest that was seen to hang."""
    code, last = judged(scenario, SCENARIO.arms["bad"].policy, "kernel")
    result = last["result"]
    assert (result["tier"], result["verdict"], code) == ("kernel", "deadlocked", 1), result["sentence"]
    (node,) = result["nodes"]
    assert node["cycle"] and result["data"] == "intact"
    folder = Path(last["report"]).parent / "nodes"
    assert "netreserve: ready" in (folder / f"{node['node']}.console.log").read_text()
    told = (folder / f"{node['node']}.telemetry.log").read_text().splitlines()
    assert any("memalloc=0" in line for line in told) and "memalloc=1" in told[-1]
    assert (folder / f"{node['node']}.autopsy.txt").stat().st_size
    (rescue,) = node["rescues"]
    assert rescue["remedy"] == "policy memalloc" and not rescue["error"], result["sentence"]
    return bool(rescue["revived"])


def test_the_same_kernel_with_the_flag_lives() -> None:
    code, last = judged(SCENARIO.name, SCENARIO.arms["good"].policy, "kernel")
    result = last["result"]
    assert code == 0, (result["sentence"], result["checks"])
    assert result["data"] == "intact"
    (node,) = result["nodes"]
    lines = (Path(last["report"]).parent / "nodes" / f"{node['node']}.telemetry.log").read_text().splitlines()
    told = [one for line in lines if (one := parse_telemetry(line.partition(" ")[2])) is not None]
    assert told[-1].memalloc == 1
    assert max(told[-1].filter_drop, told[-1].pfmemalloc_drop) > 0, "junk that lay in the reserve was refused"
    assert connections() == 1, "the guest before it, ended without a goodbye, has left none"


def connections() -> int:
    """At the target's block port, established."""
    rows = compose("exec", "-T", "target", "cat", "/proc/net/tcp").splitlines()[1:]
    fields = [row.split() for row in rows]
    return sum(local.endswith(f":{BLOCK_PORT:04X}") and state == "01" for _, local, _, state, *_ in fields)
