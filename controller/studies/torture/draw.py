"""A random experiment from a seed and a number: a small machine, any card, policy, junk and faults. The same two give the
same one for ever, on every machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from controller.experiment.plan import plan
from controller.experiment.scenario import Scenario, parse
from nodes.errors import HarnessError, UsageError
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES

TRIES_MAX = 200
"""One in three or so that are drawn can be (own): so many that cannot, one after the other, are a fault of ours."""
SEED_MAX = 2**31 - 1

Value = Any


def drawn(seed: int, number: int) -> Scenario:
    """The experiment `number` of `seed`. What cannot be, such as a policy with an allocator that it does not have, is drawn
    anew. Raises HarnessError when nothing that can be is found."""
    rng = Random(f"{seed}-{number}")
    for _ in range(TRIES_MAX):
        document = _document(rng, f"torture-{seed}-{number}")
        try:
            scenario = parse(json.dumps(document), "torture", "sim")  # JSON is YAML
            plan(scenario)
        except UsageError:
            continue
        return scenario
    raise HarnessError(f"no scenario that can be was drawn for {seed}-{number} in {TRIES_MAX} tries")


def _document(rng: Random, name: str) -> dict[str, Value]:
    memory_kib = rng.choice((4, 6, 8, 12, 16)) * 1024
    flood_ms = rng.choice((500, 1000, 2000, 3000))
    return {
        "name": name,
        "nodes": {"initiator": _initiator(rng, memory_kib), "target": _target(rng)},
        "links": {"data": _link(rng)},
        "policy": _policy(rng),
        "floods": [_flood(rng, flood_ms) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))],
        "faults": [_fault(rng, flood_ms, memory_kib) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))],
        "phases": {
            "warmup": f"{rng.choice((1000, 2500, 4000))} ms",
            "flood": f"{flood_ms} ms",
            "heal": f"{rng.choice((500, 1000, 2000))} ms",
        },
        "expect": [{"verdict": "healthy"}],
        "seed": rng.randint(0, SEED_MAX),
    }


def _initiator(rng: Random, memory_kib: int) -> dict[str, Value]:
    found: dict[str, Value] = {
        "count": rng.choice((1, 1, 1, 2, 3)),
        "memory": f"{memory_kib} KiB",
        "min_free": f"{memory_kib // rng.choice((8, 16, 32, 64))} KiB",
        "nic": rng.choice(list(NICS)),
        "working_set": f"{round(memory_kib * rng.choice((1.1, 1.5, 2.0)))} KiB",
        "touch_rate": f"{rng.choice((500, 1000, 4000))} pages/s",
        "tasks": rng.choice((1, 2, 4, 9)),
        "queue_depth": rng.choice((1, 4, 32, 128)),
    }
    _sometimes(rng, found, "sender", lambda: rng.choice(("submitter", "noio", "memalloc")))
    _sometimes(rng, found, "contest", lambda: rng.choice(("lottery", "oldest", "tasks", "sender")))
    _sometimes(rng, found, "boost", lambda: f"{memory_kib // 32} KiB", 0.2)
    _sometimes(rng, found, "storage_nic", lambda: rng.choice(list(NICS)), 0.15)
    return found


def _target(rng: Random) -> dict[str, Value]:
    found: dict[str, Value] = {"count": rng.choice((1, 1, 2)), "size": "128 MiB"}
    _sometimes(rng, found, "latency", lambda: f"{rng.choice((50, 200, 2000, 20000))} us", 0.7)
    _sometimes(rng, found, "rate", lambda: f"{rng.choice((20, 100, 500))} Mbit", 0.6)
    _sometimes(rng, found, "latency_spread", lambda: rng.choice(("exponential", "lognormal")), 0.3)
    return found


def _link(rng: Random) -> dict[str, Value]:
    found: dict[str, Value] = {
        "rate": f"{rng.choice((20, 100, 1000))} Mbit",
        "delay": f"{rng.choice((20, 200, 5000))} us",
    }
    _sometimes(rng, found, "jitter", lambda: f"{rng.choice((10, 500))} us", 0.3)
    _sometimes(rng, found, "loss", lambda: f"{rng.choice((0.1, 1, 3))} %", 0.3)
    _sometimes(rng, found, "reorder", lambda: f"{rng.choice((0.1, 2))} %", 0.15)
    _sometimes(rng, found, "duplicate", lambda: f"{rng.choice((0.1, 2))} %", 0.15)
    return found


def _policy(rng: Random) -> str:
    name = rng.choice(list(POLICIES))
    return f"{name}+{rng.choice(list(ALLOCATORS))}" if rng.random() < 0.4 else name


def _flood(rng: Random, flood_ms: int) -> dict[str, Value]:
    found: dict[str, Value] = {
        "kind": rng.choice(("udp", "udp", "tcp", "http")),
        "rate": f"{rng.choice((100, 1000, 5000, 20000))} pps",
        "size": f"{rng.choice((64, 600, 1400, 9000))} B",
        "sockets": rng.choice((1, 2, 4)),
        "reader": rng.choice(("stalled", "app", "fast")),
        "rcvbuf": f"{rng.choice((16, 208, 1024, 4096))} KiB",
    }
    start_ms = rng.choice((0, 0, flood_ms // 4))
    if start_ms:
        found["start"] = f"{start_ms} ms"
    _sometimes(rng, found, "duration", lambda: f"{flood_ms // 2} ms", 0.3)
    return found


def _fault(rng: Random, flood_ms: int, memory_kib: int) -> dict[str, Value]:
    kind = rng.choice(("cut", "shape", "target", "target", "policy", "min_free"))
    found: dict[str, Value] = {"kind": kind, "at": f"{rng.randrange(flood_ms)} ms"}
    _sometimes(rng, found, "duration", lambda: f"{rng.choice((50, 300, 1000))} ms", 1.0 if kind == "cut" else 0.8)
    if kind in ("cut", "shape"):
        found["node"] = rng.choice(("initiator", "target"))
    if kind == "shape":
        found |= _link(rng)
    if kind == "target":
        key, value = rng.choice((("stalled", True), ("down", True), ("latency", "50 ms"), ("error", "10 %")))
        found[key] = value
    if kind == "policy":
        found["policy"] = _policy(rng)
    if kind == "min_free":
        found["min_free"] = f"{memory_kib // rng.choice((8, 32, 128))} KiB"
    return found


def _sometimes(
    rng: Random, found: dict[str, Value], key: str, value: Callable[[], Value], probability: float = 0.5
) -> None:
    if rng.random() < probability:
        found[key] = value()
