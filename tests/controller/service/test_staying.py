"""A controller that serves is not said to be offline for long."""

from __future__ import annotations

from brokers import Ear, until
from testbeds import Testbed

from controller.api import CONTROLLER_STATUS, ControllerStatus
from nodes.messages import encode


async def test_the_last_will_of_another_controller_is_contradicted(bed: Testbed) -> None:
    async with Ear(bed.broker.client("controller", "ear"), CONTROLLER_STATUS) as ear:
        await until(lambda: ear.of("status"))
        gone = ControllerStatus(state="offline", t_ns=1)
        await ear.client.publish(CONTROLLER_STATUS, encode(gone), qos=1, retain=True)
        await until(lambda: [one["state"] for one in ear.of("status")][-2:] == ["offline", "online"])
    assert await bed.state()
