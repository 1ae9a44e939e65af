"""The iptables rules a node puts on its own data interface: packets to the queue, and the pulled cable.

All rules stand in the mangle table. The cut comes first on the way in (PREROUTING), so that a cut packet never reaches
the queue (INPUT). Rules name the data interface: traffic of any other, such as the agent's MQTT, is untouched. IPv4 only,
as the data network is.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE

from nodes.errors import HarnessError, LackingError

_TABLE = ("iptables", "-w", "5", "-t", "mangle")
"""-w: wait for the lock, up to 5 s (own): container start-up and this may want it at once."""


def queue_rule(interface: str, number: int) -> str:
    """All that arrives for this node on `interface` waits for a verdict of NFQUEUE `number`; without a judge it is
    dropped (no bypass)."""
    return f"INPUT -i {interface} -j NFQUEUE --queue-num {number}"


def cut_rules(interface: str) -> tuple[str, str]:
    """Nothing passes `interface` in either direction."""
    return f"PREROUTING -i {interface} -j DROP", f"POSTROUTING -o {interface} -j DROP"


async def install(*rules: str) -> None:
    """Makes each of `rules` stand once. Raises LackingError when iptables, the right or the kernel's part is missing,
    HarnessError when the rule does not show afterwards."""
    present = await installed()
    for rule in rules:
        if rule not in present:
            await _iptables("-A", *rule.split())
    missing = set(rules) - set(await installed())
    if missing:
        raise HarnessError(f"iptables accepted but does not list: {'; '.join(sorted(missing))}")


async def remove(*rules: str) -> None:
    """Takes every copy of `rules` away; none being there is no error."""
    for rule in await installed():
        if rule in rules:
            await _iptables("-D", *rule.split())


async def installed() -> list[str]:
    """The rules of the mangle table, in order, as iptables -S writes them."""
    lines = (await _iptables("-S")).splitlines()
    return [line.removeprefix("-A ") for line in lines if line.startswith("-A ")]


async def _iptables(*arguments: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(*_TABLE, *arguments, stdout=PIPE, stderr=PIPE)
    except FileNotFoundError:
        raise LackingError("the program iptables is missing: install the package iptables") from None
    out, err = await process.communicate()
    if process.returncode:
        raise LackingError(_explain(arguments, err.decode(errors="replace")))
    return out.decode()


def _explain(arguments: tuple[str, ...], message: str) -> str:
    if "ermission denied" in message or "must be root" in message:
        return "iptables is not permitted: this process needs root and the capability NET_ADMIN"
    if "NFQUEUE" in arguments and ("No such file" in message or "RULE_APPEND" in message or "No chain" in message):
        return "this kernel has no NFQUEUE target for iptables: it needs CONFIG_NETFILTER_XT_TARGET_NFQUEUE"
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    return f"iptables {' '.join(arguments)} failed: {first}"
