"""A signature forgets the clock and the counters, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from virtualdriver import VirtualDriver

from nodes.config import MachineConfig
from nodes.machine.events import MinFreeChanged, PolicyChanged, SocketRead
from nodes.machine.machine import Machine
from nodes.machine.policies import spec_of
from nodes.units import MS_NS, SECOND_NS


def machine() -> Machine:
    """With a little of everything: packets in a socket, a request that was sent."""
    patient = Machine(MachineConfig(memory_pages=2048, working_set_pages=3000), spec_of("none"), 0)
    junk = patient.open_socket(1 << 20)
    for now_ns in range(40):
        patient.receive(junk, 1428, 1, now_ns)
    patient.block.start(0, 0, False, 40, [])
    return patient


def test_equal_machines_have_equal_signatures_at_any_time() -> None:
    early, late = machine(), machine()
    assert hash(early.signature(50)) == hash(late.signature(50))
    late.receiver.rx_packets += 1000
    late.block.timer.retransmissions += 3
    assert early.signature(50) == late.signature(50), "counters"
    assert early.signature(50) != early.signature(60), "the retransmission timer is nearer"


CHANGES: dict[str, Callable[[Machine], object]] = {
    "a free page": lambda it: it.pool.take(0),
    "a packet read": lambda it: it.handle(SocketRead(1, 1), 50),
    "an empty slot": lambda it: it.receiver.pop(1),
    "a debt": lambda it: setattr(it.receiver, "debt", 1),
    "reception off": lambda it: setattr(it.receiver, "napi_off", True),
    "a watchdog": lambda it: it.receiver.arm_watchdog(50),
    "another policy": lambda it: it.handle(PolicyChanged(spec_of("mainline")), 50),
    "another min": lambda it: it.handle(MinFreeChanged(100), 50),
    "kswapd awake": lambda it: setattr(it.reclaim, "awake", True),
    "another request": lambda it: it.block.start(1, 0, False, 50, []),
    "a spare bio": lambda it: setattr(it.block, "spare_bios", 1),
    "an acknowledgement": lambda it: it.block.acked(1 << 20, 50),
    "a dead application": lambda it: it.workload.kill(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_part_of_the_state_shows(change: str) -> None:
    patient, control = machine(), machine()
    CHANGES[change](patient)
    assert patient.signature(50) != control.signature(50)


def test_a_hang_comes_back_to_its_signature_and_a_living_machine_does_not() -> None:
    """Every 2 s, which is a multiple of reclaim's 100 ms and the watchdog's period; the driver has no timers of its own."""
    for policy, repeats in (("none", True), ("memalloc", False)):
        driver = VirtualDriver(MachineConfig(memory_pages=4096, working_set_pages=6144), policy, service_ns=164_000)
        driver.flood(20_000, 1400, 4, 1 << 20, 2500 * MS_NS, 3500 * MS_NS)
        seen = set()
        driver.run(6 * SECOND_NS)
        driver.machine.block.timer.deadline_ns = None  # its timeouts double up to 120 s
        for _ in range(3):
            driver.run(driver.now_ns + 2 * SECOND_NS)
            driver.machine.block.timer.deadline_ns = None
            seen.add(driver.machine.signature(driver.now_ns))
        assert (len(seen) < 3) is repeats
