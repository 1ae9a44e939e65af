"""Real kernels in their containers end as the arms of their scenarios say, with a cycle named and everything kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from composed import ROOT, judged
from requirements import require

from controller.scenario import load
from nodes.kernel.protocol import parse_telemetry

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200), pytest.mark.usefixtures("testbed")]
SCENARIO = load(ROOT / "scenarios" / "kernel-tcp.yaml")


@pytest.fixture(autouse=True)
def tap_devices() -> None:
    require(Path("/dev/net/tun").exists(), "needs /dev/net/tun")


def test_a_stock_kernel_without_the_flag_deadlocks_and_names_its_cycle() -> None:
    code, last = judged(SCENARIO.name, SCENARIO.arms["bad"].policy, "kernel")
    result = last["result"]
    assert (result["tier"], result["verdict"], code) == ("kernel", "deadlocked", 1), result["sentence"]
    (node,) = result["nodes"]
    assert node["cycle"] and result["data"] == "intact"
    folder = Path(last["report"]).parent / "nodes"
    assert "netreserve: ready" in (folder / f"{node['node']}.console.log").read_text()
    assert "memalloc=0" in (folder / f"{node['node']}.telemetry.log").read_text().splitlines()[-1]
    assert (folder / f"{node['node']}.autopsy.txt").stat().st_size


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
