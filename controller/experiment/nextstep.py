"""What to do about a run that proved nothing: for each way of becoming inconclusive one step, and the command for it.

SCENARIO is the file, or the name, that was run: the record does not know it. Other capitals are a value that the person has
to choose, because the record does not tell how much would do.
"""

from __future__ import annotations

from nodes.units import SECOND_NS, format_ns, format_pps

AGAIN = "then `netreserve run SCENARIO`"


def changed(setting: str) -> str:
    """The command that runs the scenario once more with another setting, KEY=VALUE."""
    return f"`netreserve run SCENARIO --set '{setting}'`"


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
    "leave more of this computer to the run: nothing else that is busy (`netreserve doctor`), fewer nodes, or a lower flood"
    f" rate: {changed('floods.0.rate=RATE')}"
)
"""Where the harness could not keep up."""
MORE_JUNK = f"ask for junk that can come while the flood lasts: a higher `rate` of it, {changed('floods.0.rate=RATE')}"
MORE_MEMORY = f"free some of this computer's memory (`netreserve doctor`), or ask for a smaller machine, {AGAIN}"
MEND_TARGET = f"take the fault that makes the target fail out of the scenario, or read its nodes/*.log, {AGAIN}"
SHORTER_FAULT = (
    "let no fault last for as long as TCP tries (about 15 minutes), or see why nothing was answered:"
    f" {changed('faults.0.duration=TIME')}"
)
READ_LOG = f"read in the run's nodes/*.log what ended the application, {AGAIN}"
LONGER_PHASES = (
    "raise `phases.warmup` and `phases.flood` to a few seconds:"
    f" {changed('phases.warmup=5 s')}, or {changed('phases.flood=5 s')}"
)
MORE_PRESSURE = (
    "raise the working set above the `memory` of the initiator:"
    f" {changed('nodes.initiator.working_set=SIZE')}, or warmup: {changed('phases.warmup=TIME')}"
)
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
    longer = format_ns(2 * warmup_ns)
    return f"raise `phases.warmup` from {format_ns(warmup_ns)} to {longer}: {changed(f'phases.warmup={longer}')}"


def longer_flood(flood_ns: int) -> str:
    """Twice as long, where faults covered all of it."""
    longer = format_ns(2 * flood_ns)
    return (
        f"end the fault before the flood ends, or raise `phases.flood` to {longer}: {changed(f'phases.flood={longer}')}"
    )


def weaker_flood(sent_pps: float, floods: int) -> str:
    """As much junk as was sent, where more was asked for; of how many `floods`."""
    key = "floods.0.rate" if floods == 1 else "floods.N.rate"
    if sent_pps < 1:
        return f"look why nothing was sent (`docker compose logs locust-worker`, `netreserve doctor`), {AGAIN}"
    return f"ask for no more junk than can be sent here: {changed(f'{key}={format_pps(int(sent_pps))}')}"


def longer_heal(needed_ns: int) -> str:
    """As long as a verdict needs, rounded up."""
    rounded_ns = -(-needed_ns // HEAL_STEP_NS) * HEAL_STEP_NS
    longer = format_ns(rounded_ns)
    return f"raise `phases.heal` to {longer}: {changed(f'phases.heal={longer}')}"


def look_at_waits(node: str) -> str:
    """Where a machine stands and nobody knows why."""
    return (
        f"read what it waited for (`stall` events of {node} in events.jsonl; of a guest nodes/{node}.autopsy.txt, or"
        f" `netreserve autopsy nodes/{node}.console.log`), and give it more time: {changed('phases.heal=TIME')}"
    )
