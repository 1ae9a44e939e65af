"""What was asked and what was read back, as lines for a reader."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from controller.service.settings import settings
from nodes.config import InitiatorSpec, MachineConfig, PolicySpec, Shape
from nodes.messages import Desired, Reported

SPEC = InitiatorSpec(machine=MachineConfig(), policy=PolicySpec(name="none"))


def node(**means: str) -> Any:
    shape = Shape(delay_ns=200_000)
    desired = Desired(seq=1, run="r", spec=SPEC, shape=shape)
    reported = Reported(
        node="n", seq=1, run="r", t_ns=1, spec=SPEC, shape=shape, means=means, measured={"boot_ns": 3e9}
    )
    return SimpleNamespace(name="n", desired=desired, reported=reported)


def test_how_a_link_is_shaped_stands_beside_its_values() -> None:
    found = {setting.name: setting for setting in settings([node(delay="netem")])}
    delay = found["delay_ns"]
    assert (delay.asked, delay.in_force, delay.means) == ("200 us", "200 us", "netem") and "delay" not in found
    assert found["boot_ns"].in_force == "3 s"


def test_what_else_a_node_tells_of_itself_has_a_line_of_its_own() -> None:
    found = {setting.name: setting for setting in settings([node(kernel="6.12.57", accelerator="tcg")])}
    assert (found["kernel"].asked, found["kernel"].in_force, found["accelerator"].in_force) == ("", "6.12.57", "tcg")
