"""A `netreserve run` that needs no testbed: it answers by a script, leaves a run folder, and keeps a list of its calls.

As a module it makes the starter for `controller.studies.child`; as a program it is that child.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import yaml

EXIT_CODES = {"deadlocked": 1, "inconclusive": 5}
RELEASE = "6.12.1+test"
"""What guests boot."""
WAIT = "wait"
"""Instead of a verdict: goes on until somebody interrupts it."""


def starter(folder: Path, script: dict[str, Any]) -> tuple[str, ...]:
    """What `child.STARTER` is to be. `script`: `<nic>/<policy>` -> a verdict, a list of them (one a repetition),
    `wait`, `exit 3: words on stderr`, `inconclusive: reason`, `inconclusive 5: reason` for one that ends with 5, or
    `refused 3: reason` for one whose node can never be what was asked; `*` for all others."""
    folder.mkdir(exist_ok=True)
    (folder / "script.json").write_text(json.dumps(script))
    return sys.executable, __file__, str(folder)


def calls(folder: Path) -> list[str]:
    """The runs that were asked for, as `<tier>/<nic>/<policy>/<seed>`."""
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def main(folder: Path, words: list[str]) -> int:
    """The child."""
    document = yaml.safe_load(Path(words[1]).read_text())
    options = dict(zip(words[2:-1:2], words[3:-1:2], strict=False))
    policy = options.get("--policy") or document["policy"]
    name = policy if isinstance(policy, str) else policy["name"]
    nic = document["nodes"]["initiator"].get("nic", "e1000e")
    tier = options.get("--tier") or document.get("tier", "sim")
    seed = int(options.get("--seed", 0))
    with (folder / "calls").open("a") as log:
        log.write(f"{tier}/{nic}/{name}/{seed}\n")
    script = json.loads((folder / "script.json").read_text())
    told = script.get(f"{tier}/{nic}/{name}") or script.get(f"{nic}/{name}") or script["*"]
    told = told[seed % len(told)] if isinstance(told, list) else told
    if told == WAIT:
        return _wait(folder)
    if told.startswith("exit "):
        code, _, error = told.removeprefix("exit ").partition(": ")
        print(f"netreserve: {error}", file=sys.stderr)
        return int(code)
    verdict, _, reason = told.partition(": ")
    verdict, _, code = verdict.partition(" ")
    refused = {}
    if verdict == "refused":
        refused = {"refused": {"why": reason, "setting": "kernel" if "there is no kernel" in reason else ""}}
        verdict, reason = "inconclusive", f"Inconclusive: initiator-1 cannot be what was asked: {reason}."
    exit_code = int(code or EXIT_CODES.get(verdict, 0))
    return _answer(folder, document["name"], tier, name, verdict, reason, exit_code, refused)


def _wait(folder: Path) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would we
    try:
        (folder / "waiting").touch()
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / "interrupted").touch()
        return 130
    return 6


def _answer(
    folder: Path, scenario: str, tier: str, policy: str, verdict: str, reason: str, code: int, more: dict[str, Any]
) -> int:
    run = f"run-{len(calls(folder))}"
    hung = verdict == "deadlocked"
    edge = {"waiter": "kswapd", "resource": "a reply", "need": 1, "have": 0, "who_frees": "the card", "why": "w"}
    back = {"waiter": "the card", "resource": "a page", "need": 1, "have": 0, "who_frees": "kswapd", "why": "w"}
    node = {
        "node": "initiator-1", "verdict": verdict, "reason": reason, "warmup_pages_per_s": 100.0,
        "flood_pages_per_s": 1.0 if hung else 90.0, "stalled_since_ns": 12_400_000_000 if hung else None,
        "cycle": [edge, back] if hung else [],
    }  # fmt: skip
    phases = [
        {"name": name, "start_ns": start * 10**9, "end_ns": (start + 10) * 10**9}
        for name, start in (("warmup", 2), ("flood", 12), ("heal", 22))
    ]
    settings = [{"node": "initiator-1", "name": "kernel", "in_force": RELEASE}] if tier == "kernel" else []
    result = {
        "run": run, "scenario": scenario, "tier": tier, "policy": policy, "verdict": verdict,
        "sentence": reason or f"it was {verdict}", "phases": phases, "nodes": [node], "settings": settings,
        "exit_code": code, **more,
    }  # fmt: skip
    place = folder / "runs" / run
    place.mkdir(parents=True)
    (place / "result.json").write_text(json.dumps(result))
    (place / "samples.csv").write_text(_samples(run, hung))
    found = {"found": ["kswapd waits in bio_alloc"], "missing": []}
    event = {"t_ns": 13 * 10**9, "node": "initiator-1", "run": run, "kind": "autopsy", "detail": found}
    (place / "events.jsonl").write_text(json.dumps(event) + "\n" if hung else "")
    print(json.dumps({"kind": "progress", "progress": {"phase": "flood", "elapsed_ns": 12 * 10**9}}), flush=True)
    print(
        json.dumps({"kind": "result", "result": result, "report": str(place / "report.html"), "folder": str(place)}),
        flush=True,
    )
    return int(str(result["exit_code"]))


def _samples(run: str, hung: bool) -> str:
    """Samples of a guest: 60 MiB free at the start, 100 pages/s touched and 1000 swapped, drops that grow."""
    names = "t_ns,node,run,tier,free_pages,min_pages,progress_pages,swap_out_pages,early_drops,no_buffer_drops"
    dropped = "0,300" if hung else "450,0"
    rows = [f"2000000000,initiator-1,{run},kernel,15360,1024,0,0,0,0"]
    rows += [f"{t}000000000,initiator-1,{run},kernel,1000,1024,{n},{10 * n},0,0" for t, n in ((4, 100), (11, 800))]
    rows.append(f"21000000000,initiator-1,{run},kernel,1000,1024,1000,10000,{dropped}")
    return "\n".join([names, *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
