"""The broker's accounts and rights, as compose/credentials.sh makes them: a refused message just does not arrive."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiomqtt
import pytest
from brokers import Broker, Ear, make_credentials, until

WRITES = {
    # (role, client id): topics that arrive when it publishes there; all the others do not
    ("initiator", "initiator-1"): {
        "netreserve/initiator/initiator-1/sample",
        "netreserve/initiator/initiator-1/status",
    },
    ("target", "target-1"): {"netreserve/target/target-1/sample"},
    ("operator", "cli-7"): {"netreserve/operator/cli-7/request"},
    ("controller", "controller"): {
        "netreserve/initiator/initiator-1/desired",
        "netreserve/target/target-1/desired",
        "netreserve/controller/reply/cli-7",
    },
}
TOPICS = sorted({topic for topics in WRITES.values() for topic in topics} | {"netreserve/initiator/initiator-2/sample"})


@pytest.mark.parametrize(("role", "name"), WRITES, ids=[role for role, _ in WRITES])
async def test_everybody_writes_only_what_is_its_own(broker: Broker, role: str, name: str) -> None:
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(Ear(broker.client("controller", "ear"), "netreserve/#"))
        writer = await stack.enter_async_context(broker.client(role, name))
        for topic in TOPICS:
            await writer.publish(topic, "1", qos=1)
        await ear.client.publish("netreserve/controller/end", "1", qos=1)
        await until(lambda: ear.of("end"))
        assert {topic for topic, message in ear.heard if message == 1} - {"netreserve/controller/end"} == WRITES[
            role, name
        ]


async def test_a_node_reads_only_what_is_asked_of_it(broker: Broker) -> None:
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(Ear(broker.client("initiator", "initiator-1"), "netreserve/#"))
        controller = await stack.enter_async_context(broker.client("controller", "controller"))
        for topic in (*TOPICS, "netreserve/initiator/initiator-2/desired", "netreserve/initiator/initiator-1/desired"):
            await controller.publish(topic, "2", qos=1)
        await until(lambda: ear.heard)  # the one that it may hear was sent last
        assert {topic for topic, _ in ear.heard} == {"netreserve/initiator/initiator-1/desired"}


LARGE = b"1" * 10_000_000


async def test_the_broker_outlives_messages_that_are_too_large(broker: Broker) -> None:
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(Ear(broker.client("controller", "ear"), "netreserve/#"))
        for number in range(4):
            with suppress(aiomqtt.MqttError):
                async with broker.client("target", "target-1") as writer:
                    await writer.publish("netreserve/target/target-1/event", LARGE, qos=number % 2, timeout=2)
        await ear.client.publish("netreserve/controller/end", "1", qos=1)
        await until(lambda: ear.of("end"))
        assert ear.of("event") == []


async def test_nobody_comes_in_without_an_account(broker: Broker) -> None:
    with pytest.raises(aiomqtt.MqttError, match="ot authori"):
        async with aiomqtt.Client("127.0.0.1", broker.port):
            pass


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[Path]:
        (tmp_path / "runs").mkdir()
        os.chown(tmp_path / "runs", 1234, 1235)
        make_credentials(tmp_path)
        yield tmp_path

    def test_each_has_its_owner_and_mode(self, folder: Path) -> None:
        operator = (folder / "runs/.operator.json").stat()
        assert (operator.st_uid, operator.st_gid, stat.S_IMODE(operator.st_mode)) == (1234, 1235, 0o600)
        for name in ("passwd", "acl"):
            file = folder / "broker" / name
            assert file.owner() == "mosquitto" and stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "broker/secrets").stat().st_mode) == 0o600
        assert sorted(path.name for path in (folder / "initiator").iterdir()) == ["credentials.json"]

    def test_no_password_stands_in_what_the_broker_reads(self, folder: Path) -> None:
        passwords = [line.split(":")[1] for line in (folder / "broker/secrets").read_text().splitlines()]
        assert len(set(passwords)) == 4 and all(len(password) == 48 for password in passwords)
        hashed = (folder / "broker/passwd").read_text()
        assert not [password for password in passwords if password in hashed]
        assert hashed.count("$7$") == 4, "PBKDF2-SHA512"

    def test_a_later_start_keeps_passwords_and_restores_a_lost_file(self, folder: Path) -> None:
        before = (folder / "runs/.operator.json").read_text(), (folder / "target/credentials.json").read_text()
        (folder / "runs/.operator.json").unlink()
        make_credentials(folder)
        assert before == (
            (folder / "runs/.operator.json").read_text(),
            (folder / "target/credentials.json").read_text(),
        )
