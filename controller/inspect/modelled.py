"""A scenario modelled on a machine: its reserve, the nearest NIC model, its transport's rights, its limits, its link.

Memory is made smaller than the machine's where that is large: what decides is the reserve, the ring and what sockets may
hold, all of which are kept, and a gigabyte takes minutes to fill in the simulator.
"""

from __future__ import annotations

from typing import Any

from controller.experiment.scenario import Scenario, parse, to_yaml
from controller.inspect.answer import main_card
from controller.inspect.cards import likeness
from controller.inspect.facts import Machine
from controller.inspect.rules.reserve import default_kib
from nodes.errors import LackingError
from nodes.units import PAGE_BYTES, format_bytes

UNKNOWN_NIC = "virtio-net"
"""The card of our matrix that hung in every trial, in place of one that nothing is known of (own)."""
RESERVES_IN_MEMORY = 4
MEMORY_MIB = (72, 512)
"""A modelled memory is so many reserves, within what a guest of tier `kernel` can have (limits.py of the scenario)."""
WARMUP_S = 20
FILL = 1.5
"""Free memory is touched so many times in warmup, so that it is swapping when the flood comes (own)."""
RCVBUF_BYTES = 212_992
"""rmem_max where it could not be read (physics.md section 8)."""
SOCKETS = (4, 512)
RESERVES_HELD = 2
"""So many sockets that together they may hold this many reserves, within these bounds (own)."""
LINK_MBIT = 1000
FRAME_BITS = 1500 * 8
RATE_PPS_MOST = 60_000
"""Junk comes at the link's rate, in whole frames, but no faster than one core of a small machine receives (own)."""
DISK = "200 Mbit"
"""Of the server, as in the gallery's `classic`: a faster one frees pages sooner than junk takes them, and decides for itself
who lives. Nothing on the client tells it."""
FIRST_WITH_MEMALLOC = (3, 6, 0)


def scenario_text(machine: Machine) -> str:
    """The scenario as a file. Raises LackingError when the machine's memory could not be read."""
    return f"{_head(machine)}{to_yaml(_document(machine))}"


def scenario_of(machine: Machine) -> Scenario:
    """The same, read."""
    return parse(scenario_text(machine), "the scenario of this machine")


def reserve_kib(machine: Machine) -> int | None:
    """min_free_kbytes as it stands, else what the marks say, else what the kernel would choose."""
    memory = machine.memory
    return memory.min_free_kib or memory.min_kib or default_kib(memory)


def policy_of(machine: Machine) -> str:
    """Today's SOCK_MEMALLOC where the transport of networked storage has it, `none` where not. A machine without
    networked storage is modelled as if it swapped over NBD."""
    networked = machine.networked
    old = machine.version is not None and machine.version < FIRST_WITH_MEMALLOC
    return "none" if old or (networked and networked[0].through.flag != "yes") else "mainline"


def nic_of(machine: Machine) -> str:
    """The nearest NIC model."""
    card = main_card(machine)
    known = likeness(card.driver) if card else None
    return known.model if known else UNKNOWN_NIC


def _document(machine: Machine) -> dict[str, Any]:
    reserve, total = reserve_kib(machine), machine.memory.total_kib
    if not reserve or not total:
        raise LackingError("no scenario without the size of memory and its reserve: /proc/meminfo, /proc/zoneinfo")
    least, most = MEMORY_MIB
    memory_mib = max(least, min(most, reserve * RESERVES_IN_MEMORY >> 10))
    reserve = min(reserve, (memory_mib << 10) // RESERVES_IN_MEMORY)
    free_pages = ((memory_mib << 10) - reserve << 10) // PAGE_BYTES
    rcvbuf = machine.sockets.rmem_max_bytes or RCVBUF_BYTES
    card = main_card(machine)
    rate = (card.speed_mbit if card else None) or LINK_MBIT
    flood = {
        "rate": f"{min(rate * 10**6 // FRAME_BITS, RATE_PPS_MOST)} pps",
        "sockets": min(max(RESERVES_HELD * (reserve << 10) // rcvbuf + 1, SOCKETS[0]), SOCKETS[1]),
        "reader": "stalled",
        "rcvbuf": f"{rcvbuf} B",
    }
    return {
        "name": "this-machine",
        "about": f"modelled on a machine by netreserve inspect: {_stores(machine)}",
        "nodes": {
            "initiator": {
                "memory": f"{memory_mib} MiB",
                "min_free": f"{reserve // 4 * 4} KiB",
                "nic": nic_of(machine),
                "working_set": f"{memory_mib * 3 // 2} MiB",
                "touch_rate": f"{round(free_pages * FILL / WARMUP_S)} pages/s",
            },
            "target": {"size": f"{memory_mib * 2} MiB", "latency": "200 us", "rate": DISK},
        },
        "links": {"data": {"rate": f"{rate} Mbit", "delay": "100 us"}},
        "policy": policy_of(machine),
        "floods": [{"kind": "udp", "size": "1400 B", **flood}],
        "phases": {"warmup": f"{WARMUP_S} s", "flood": "5 s", "heal": "15 s"},
        "expect": [{"verdict": ["healthy", "slow"]}],
        "seed": 1,
    }


def _stores(machine: Machine) -> str:
    networked = machine.networked
    return networked[0].through.title if networked else "no networked storage was found, so as if it swapped over NBD"


def _head(machine: Machine) -> str:
    """What was taken from the machine, and what was not."""
    card, memory = main_card(machine), machine.memory
    known = likeness(card.driver) if card else None
    like = (
        "its own model"
        if known and known.same
        else "the nearest model"
        if known
        else "no model is known: the worst one"
    )
    lines = [
        f"kernel {machine.release or 'not known'}",
        f"memory {format_bytes((memory.total_kib or 0) << 10)}; modelled smaller where that is much, with the same reserve",
        f"card {card.name} ({card.driver or 'driver not known'}): {like}"
        if card
        else "no card was found: the worst model",
        *(f"{store.use}: {store.way}" for store in machine.stores if store.through.networked),
        "not read from the machine: the server's disk (200 us, 200 Mbit/s), the application, and who sends junk",
    ]
    return "".join(f"# {line}\n" for line in lines)
