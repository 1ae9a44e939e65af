"""A controller that is killed in mid-run, and the next one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from brokers import Broker, until
from testbeds import SCENARIO, serving, whole_bed

from controller.store.database import Database


async def test_a_killed_controllers_run_is_marked_and_keeps_its_samples(broker: Broker, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with whole_bed(broker, runs, daemon=False) as bed:
        config = bed.config
        env = os.environ | {
            "NETRESERVE_BROKER": str(config.broker),
            "NETRESERVE_CREDENTIALS": config.credentials.source if config.credentials else "",
            "NETRESERVE_RUNS": str(runs),
            "NETRESERVE_LOCUST": config.locust_url,
            "DOCKER_HOST": "",
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "controller", env=env)
        await bed.settled()
        started = await bed.start(SCENARIO.replace("warmup: 1500 ms", "warmup: 30 s"))
        database = Database.of(runs)
        await until(lambda: len(database.samples(started.run)) > 40)  # a second process reads while the daemon writes
        process.send_signal(signal.SIGKILL)
        await process.wait()
        kept = len(database.samples(started.run))

        async with serving(config):
            await until(lambda: (runs / started.folder / "report.html").is_file())
            result = database.result(started.run)
            assert result is not None
            assert (result.verdict, result.exit_code) == ("inconclusive", 5)
            assert "controller restarted" in result.sentence
            assert [phase.name for phase in result.phases] == ["warmup"]
            assert len(database.samples(started.run)) == kept
            rows = (runs / started.folder / "samples.csv").read_text().splitlines()
            assert kept <= len(rows) - 1 <= kept + 20  # what was flushed together, half a second at most

            await bed.settled()  # the daemon goes on: nodes get their default settings
            again = await bed.start()
            assert (await bed.result(again.run)).verdict == "healthy"
