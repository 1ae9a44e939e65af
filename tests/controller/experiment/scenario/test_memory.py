"""Goal: what a run would refuse of memory is refused when the scenario is read, with its line, and nothing else is."""

from __future__ import annotations

import pytest

from controller.experiment.scenario import ScenarioErrors, parse
from controller.simulated.simulate import Simulation

TEXT = """\
name: small
nodes:
  initiator: {memory: 8 MiB, min_free: 256 KiB, working_set: 12 MiB}
  target: {size: 16 MiB}
policy: none
expect: [verdict: healthy]
"""
TOGETHER = """\
faults:
  - {kind: min_free, at: 1 s, min_free: 4 MiB}
  - {kind: policy, at: 2 s, policy: memalloc}
"""
MACHINE = "memory: 8 MiB, min_free: 256 KiB, working_set: 12 MiB}\n  target: {size: 16 MiB}\npolicy: none\n"
TINY = "memory: 2 MiB, min_free: 32 KiB, working_set: 12 MiB}\n  target: {size: 16 MiB}\n"
AT = "3: nodes.initiator.memory: "
REFUSED = {
    "ring": (
        "memory: 8 MiB, min_free: 256 KiB",
        "memory: 512 KiB, min_free: 32 KiB",
        f"{AT}memory of 128 pages does not",
    ),
    "a larger ring": (MACHINE, f"nic: vmxnet3, {TINY}policy: none\n", f"{AT}memory of 512 pages does not even"),
    "pools": (MACHINE, f"cpus: 256, {TINY}policy: nta\n", f"{AT}allocator 'nta-v1' sets"),
    "pools of an arm": (
        MACHINE,
        f"cpus: 256, {TINY}policy: none\narms: {{own: {{policy: nta, verdict: healthy}}}}\n",
        f"{AT}allocator 'nta-v1' sets",
    ),
    "a pool larger than memory": (
        "policy: none",
        "policy: {name: nta, pool: 16 MiB}",
        "5: policy.pool: allocator 'nta-v1' sets 4096 pages aside on each of 2 CPUs, 8192 in all",
    ),
    "a pool that does not hold the ring": (
        "policy: none",
        "policy: {name: nta, pool: 256 KiB}",
        "5: policy.pool: a packet pool of 256 KiB does not hold the receive ring (256 slots of 2048 B) and a page to write",
    ),
    "a pool smaller than a node": (
        "policy: none",
        "policy: {name: nta, pool: 8 KiB}",
        "5: policy.pool: a pool of 8192 B does not hold one node of allocator 'nta-v1', 16384 B",
    ),
    "a pool of who has none": (
        "policy: none",
        "policy: {name: memalloc, pool: 1 MiB}",
        "5: policy.pool: policy 'memalloc' sets no pool aside (possible: 'nta', 'pool-cap')",
    ),
    "a boost above the kernel's": (
        "min_free: 256 KiB",
        "min_free: 256 KiB, boost: 2052 KiB",
        "3: nodes.initiator.boost: a boost of 513 pages is more than a kernel makes of a high mark of 96 pages in a"
        " memory of 2048: at most 512 are possible (under policy none of 'policy')",
    ),
    "marks by a fault": (
        "policy: none",
        "policy: none\nfaults: [{kind: min_free, at: 1 s, min_free: 7 MiB}]",
        "6: faults[0].min_free: min 1792 <",
    ),
    "marks by two faults together": (
        "policy: none",
        f"policy: none\n{TOGETHER}",
        "8: faults[1].policy: min 1920 <",
    ),
    "disk": (
        "size: 16 MiB",
        "size: 300000 GiB",
        "4: nodes.target.size: size 300000 GiB is too much: at most 1024 GiB",
    ),
    "working set": (
        "working_set: 12 MiB}\n  target: {size: 16 MiB}",
        "working_set: 200000 GiB}\n  target: {size: 1000 GiB}",
        "3: nodes.initiator.working_set: all initiators together have 200000 GiB: at most 64 GiB can be modelled",
    ),
    "all initiators": (
        "memory: 8 MiB, min_free: 256 KiB, working_set: 12 MiB}\n  target: {size: 16 MiB}",
        "count: 512, memory: 120 MiB, working_set: 130 MiB}\n  target: {size: 100 GiB}",
        "3: nodes.initiator.working_set: all initiators together have 65 GiB",
    ),
}


@pytest.mark.parametrize(("before", "after", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_memory_does_not_hold(before: str, after: str, message: str) -> None:
    assert before in TEXT
    with pytest.raises(ScenarioErrors) as caught:
        parse(TEXT.replace(before, after), "s.yaml")
    assert any(str(error).startswith(f"s.yaml:{message}") for error in caught.value.errors), str(caught.value)


def test_faults_that_are_never_in_force_together_are_not_refused() -> None:
    faults = TOGETHER.replace("at: 1 s", "at: 1 s, duration: 1 s")
    Simulation(parse(TEXT.replace("policy: none", f"policy: none\n{faults}")))


@pytest.mark.parametrize("nic", ["e1000e", "vmxnet3", "rtl8139"])
def test_what_is_read_can_be_built_and_the_next_smaller_cannot(nic: str) -> None:
    def text(pages: int) -> str:
        return TEXT.replace("memory: 8 MiB, min_free: 256 KiB", f"memory: {4 * pages} KiB, min_free: 4 KiB, nic: {nic}")

    def read(pages: int) -> bool:
        try:
            Simulation(parse(text(pages)))
        except ScenarioErrors:
            return False
        return True

    low, high = 3, 2047
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if read(middle) else (middle, high)
    assert not read(low) and read(high)
