"""The daemon's beginning and end: signals at any moment, health, parts that break."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from brokers import Broker, Ear, until
from testbeds import SCENARIO, Testbed, process, serving, whole_bed

from controller.bus.access import health_address
from controller.bus.mqtt import GOODBYE_S
from controller.service.daemon import STOP_GRACE_S, STOPPED
from controller.store.database import Database
from nodes.agent.access import Broker as Address
from nodes.agent.bus import FAREWELL_S
from nodes.agent.health import ask_health
from nodes.errors import HarnessError
from nodes.kernel import qemu
from nodes.messages import topic
from nodes.target import server

COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "compose" / "compose.yaml").read_text())
LONG = SCENARIO.replace("warmup: 1500 ms", "warmup: 30 s")


async def ended(daemon: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(daemon.wait(), STOP_GRACE_S)


async def test_one_that_is_stopped_in_a_run_writes_and_draws_it_and_ends_by_itself(
    broker: Broker, tmp_path: Path
) -> None:
    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed, process(bed.config) as daemon:
        await bed.settled()
        run = await bed.start(LONG)
        await bed.phase("warmup")
        daemon.send_signal(signal.SIGTERM)
        result = await bed.result(run.run)
        assert await ended(daemon) == 0
        assert (result.verdict, STOPPED in result.sentence) == ("inconclusive", True)
        assert (bed.runs / run.folder / "report.html").is_file()
        assert Database.of(bed.runs).unfinished() == []


async def test_one_that_is_stopped_before_it_has_a_broker_ends_by_itself(broker: Broker, tmp_path: Path) -> None:
    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed:
        broker.stop()
        try:
            async with process(bed.config) as daemon:
                await until((bed.runs / "netreserve.sqlite").is_file, 30)  # it has begun, and waits
                daemon.send_signal(signal.SIGTERM)
                assert await ended(daemon) == 0
        finally:
            broker.start()


async def test_a_drawing_that_hangs_keeps_no_daemon(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.store.drawing.DRAWER", (sys.executable, "-c", "import time; time.sleep(600)"))
    monkeypatch.setattr("controller.service.daemon.STOP_GRACE_S", 0.5)
    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed, serving(bed.config) as task:
        await bed.settled()
        run = await bed.start(LONG)
        await bed.phase("warmup")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 10)
        assert (bed.runs / run.folder / "result.json").is_file()
        assert [row.run for row in Database.of(bed.runs).unfinished()] == [run.run], "the next start draws it"


async def test_health_means_that_it_answers(bed: Testbed) -> None:
    address = health_address(bed.config.broker)
    assert await asyncio.to_thread(ask_health, address) == ""
    bed.broker.stop()
    try:
        ailment = re.escape(f"not connected to the broker at {bed.config.broker}")
        async with asyncio.timeout(10):
            while not re.fullmatch(ailment, await asyncio.to_thread(ask_health, address)):
                pass
    finally:
        bed.broker.start()
    assert "does not answer" in ask_health(address, 0.1), "while its loop is kept busy"


async def test_the_containers_check_asks(bed: Testbed) -> None:
    assert COMPOSE["services"]["controller"]["healthcheck"]["test"] == ["CMD", "python", "-m", "controller", "health"]
    async with process(bed.config, "health") as check:
        assert await ended(check) == 0
    nobody = msgspec.structs.replace(bed.config, broker=Address("127.0.0.1", 1))
    async with process(nobody, "health") as check:
        assert await ended(check) == 1


NESTED = b"[" * 20_000 + b"]" * 20_000
SAID = b'"t_ns": 1, "node": "initiator-1", "run": "r"'
ABSURD = (
    ("event", b"{" + SAID + b', "kind": "stall", "detail": {"waits": ' + NESTED + b"}}"),
    ("event", b"{" + SAID + b', "kind": "console", "detail": {"lines": 5}}'),
    ("event", b'{"t_ns": 1' + b"0" * 40 + b', "node": "initiator-1", "run": "r", "kind": "stall"}'),
    ("event", b"{}"),
    ("sample", b"{" + SAID + b', "free_pages": 1180591620717411303424}'),
    ("sample", b"{" + SAID + b', "free_pages": "many"}'),
    ("sample", b"\xff\xfe"),
    ("status", b"7"),
    ("reported", NESTED),
)


async def test_absurd_messages_cost_themselves_alone(bed: Testbed) -> None:
    assert bed.initiator._client is not None
    started = await bed.start()
    for leaf, payload in ABSURD:
        await bed.initiator._client.publish(topic("initiator", "initiator-1", leaf), payload, qos=1)
    result = await bed.result(started.run)
    assert result.exit_code in (0, 1), result.sentence  # it was judged
    assert {node.status.state for node in (await bed.state()).nodes} == {"online"}


async def test_a_broker_lost_in_a_run_is_a_fault_of_ours_that_names_it_and_is_told_all_again(bed: Testbed) -> None:
    started = await bed.start(LONG)
    await bed.phase("warmup")
    bed.broker.stop()
    bed.broker.forget()
    bed.broker.start()
    result = await bed.result(started.run)
    assert (result.verdict, result.exit_code, result.harness_fault) == ("inconclusive", 6, True)
    assert re.match(
        rf"Inconclusive: the broker at {bed.config.broker} was lost \(.*\) in the warmup phase", result.sentence
    )
    async with Ear(bed.broker.client("controller", "ear"), "netreserve/#") as ear:
        await until(lambda: len(ear.of("desired")) >= 2)
        assert {one["spec"]["type"] for one in ear.of("desired")} == {"initiator", "target"}
        assert ear.of("status")[0]["state"] == "online"


async def test_a_part_that_breaks_ends_the_daemon_with_its_reason(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def over(self: Any) -> None:
        raise HarnessError("the connection is over for good")

    monkeypatch.setattr("controller.bus.mqtt.Bus.over", over)
    async with whole_bed(broker, tmp_path / "runs", daemon=False) as bed, serving(bed.config) as task:
        with pytest.raises(HarnessError, match="over for good"):
            await asyncio.wait_for(asyncio.shield(task), 10)


async def test_a_second_controller_at_the_same_broker_is_refused(bed: Testbed) -> None:
    run = await bed.start(LONG)
    async with serving(bed.config) as second:
        with pytest.raises(HarnessError, match="another controller serves"):
            await asyncio.wait_for(asyncio.shield(second), 10)
    assert (await bed.state()).run == run.run
    assert [row.run for row in Database.of(bed.runs).unfinished()] == [run.run], "it left the run of the first alone"


@pytest.mark.parametrize(
    ("service", "takes_s"),
    [
        ("controller", STOP_GRACE_S + GOODBYE_S),
        ("kernel-initiator", qemu.TERM_S + FAREWELL_S),
        ("target", server.STOP_S + FAREWELL_S),
        ("initiator", FAREWELL_S),
    ],
)
def test_a_container_is_given_longer_than_its_program_takes(service: str, takes_s: float) -> None:
    assert int(COMPOSE["services"][service]["stop_grace_period"].removesuffix("s")) > takes_s + 1
