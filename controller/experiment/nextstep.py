"""What to do about a run that proved nothing: for each way of becoming inconclusive one step, and the command for it."""

from __future__ import annotations

from nodes.units import SECOND_NS, format_ns

AGAIN = "then `netreserve run SCENARIO`"
FINISH = "let it go on to its end: `netreserve run SCENARIO`"
"""Of a run that was ended early."""
LEAVE_ALONE = "leave Locust's page and `netreserve flood` alone while it goes on: `netreserve run SCENARIO`"
"""Of a run in which somebody else's junk flowed."""
FLOOD = "start a flood while the machines are watched: `netreserve flood start`"
"""Of a run by hand without one."""
FLOOD_ANEW = "stop it, `netreserve flood stop`, and start another ten seconds later: `netreserve flood start`"
"""Of a run by hand that began in its flood."""
FLOOD_AGAIN = "flood again when the run has ended, which empties the sockets: `netreserve flood start`"
"""Of a flood by hand that met full sockets."""
REVIVE = "try to revive it, `netreserve rescue`, or begin afresh: `netreserve down`, then `netreserve up`"
"""Of a machine that stood still before a flood by hand."""
RECORDED = "start at least one initiator, with `netreserve up`, and see it online in `netreserve ps`"
"""Of a run in which nobody was there to be judged."""
LESS_LOAD = (
    "leave more of this computer to the run: a lower flood rate or fewer nodes in the scenario, and nothing else that is"
    f" busy (`netreserve doctor`), {AGAIN}"
)
"""Where the harness could not keep up."""
WEAKER = f"ask for no more junk than can be sent here: a lower `rate` of the flood, {AGAIN}"
MORE_JUNK = (
    f"ask for junk that can come while the flood lasts: a higher `rate` of it, or a longer `phases.flood`, {AGAIN}"
)
MORE_MEMORY = f"free some of this computer's memory (`netreserve doctor`), or ask for a smaller machine, {AGAIN}"
MEND_TARGET = f"take the fault that makes the target fail out of the scenario, or read its nodes/*.log, {AGAIN}"
READ_LOG = f"read in the run's nodes/*.log what ended the application, {AGAIN}"
SHORTER_FAULT = f"end the fault before the flood ends, or raise `phases.flood`, {AGAIN}"
MORE_PRESSURE = f"raise `working_set` above the `memory` of the initiator, or `phases.warmup`, {AGAIN}"
OTHER_REMEDY = "wait for longer, or try another remedy: `netreserve rescue --policy memalloc --wait '130 s'`"
"""Of a rescue by hand that brought nobody back."""
WHAT_LED = "see in the record of the run before what led to it: `netreserve runs`"
"""Of a rescue by hand, which judges nobody."""
HEAL_STEP_NS = 5 * SECOND_NS


def after_void(*, harness: bool, exit_code: int = 0) -> str:
    """For a void whose cause names no step of its own; see `nodes.eventkinds.Harness`."""
    if exit_code == 2:
        return f"change in the scenario what the reason names (`netreserve validate SCENARIO` checks it), {AGAIN}"
    if exit_code == 3:
        return f"provide what is lacking (`netreserve doctor` says how), {AGAIN}"
    if harness:
        return "run it once more, `netreserve run SCENARIO`; if it fails again, `netreserve doctor` and nodes/*.log tell why"
    return "run it once more, `netreserve run SCENARIO`; if it comes back, `netreserve ps` shows which node is not as asked"


def longer_warmup(warmup_ns: int) -> str:
    """Twice as long: how long is enough is not known."""
    return f"raise `phases.warmup` from {format_ns(warmup_ns)} to {format_ns(2 * warmup_ns)}, {AGAIN}"


def longer_heal(needed_ns: int) -> str:
    """As long as a verdict needs, rounded up."""
    rounded_ns = -(-needed_ns // HEAL_STEP_NS) * HEAL_STEP_NS
    return f"raise `phases.heal` to {format_ns(rounded_ns)}, {AGAIN}"


def look_at_waits(node: str) -> str:
    """Where a machine stands and nobody knows why."""
    return (
        f"read what it waited for (`stall` events of {node} in events.jsonl; of a guest nodes/{node}.autopsy.txt, or"
        f" `netreserve autopsy nodes/{node}.console.log`), and give it more time: a longer `phases.heal`, {AGAIN}"
    )
