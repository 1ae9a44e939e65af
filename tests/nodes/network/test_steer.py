from __future__ import annotations

import asyncio
import os
from pathlib import Path

import netspaces
import pytest

from nodes.errors import LackingError
from nodes.network import steer

RULES = (steer.queue_rule("eth7", 3), *steer.cut_rules("eth7"))


async def twice() -> tuple[list[str], list[str]]:
    await steer.install(*RULES)
    await steer.install(*RULES)
    installed = await steer.installed()
    await steer.remove(*RULES)
    await steer.remove(*RULES)
    return installed, await steer.installed()


@pytest.mark.net_admin
def test_rules_stand_once_however_often_installed_and_all_go() -> None:
    with netspaces.namespace() as space:
        installed, left = netspaces.run_in(space, lambda: asyncio.run(twice()))
    assert sorted(installed) == sorted(RULES)
    assert left == []
    assert "bypass" not in RULES[0]


@pytest.mark.net_admin
def test_missing_rights_are_told_in_one_line() -> None:
    def work() -> str:
        os.setresuid(65534, 65534, 65534)
        with pytest.raises(LackingError, match=r"not permitted.*NET_ADMIN") as refused:
            asyncio.run(steer.install(*RULES))
        return str(refused.value)

    with netspaces.namespace() as space:
        assert "\n" not in netspaces.run_in(space, work)


@pytest.mark.net_admin
def test_a_rule_the_kernel_refuses_is_told_with_its_words() -> None:
    def work() -> None:
        with pytest.raises(LackingError, match="iptables -A NOWHERE -j DROP failed: "):
            asyncio.run(steer.install("NOWHERE -j DROP"))

    with netspaces.namespace() as space:
        netspaces.run_in(space, work)


async def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LackingError, match="the program iptables is missing"):
        await steer.installed()
