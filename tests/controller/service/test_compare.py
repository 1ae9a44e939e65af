"""What a node says of its memory limit against what Docker was told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from testbeds import SCENARIO

from controller.experiment.plan import plan
from controller.experiment.scenario import parse
from controller.service.compare import limit_note
from controller.service.nodes import Wanted
from controller.service.runner import ScenarioRun
from nodes.errors import InconclusiveError
from nodes.messages import Reported

LIMIT_BYTES = 160 << 20
NAMES = ("initiator-1", "target-1")


def answer(**measured: float) -> Reported:
    return Reported(node="initiator-1", seq=1, run="r", t_ns=0, measured=measured)


@pytest.mark.parametrize("limit_bytes", [LIMIT_BYTES, LIMIT_BYTES + 1])
def test_the_same_limit_down_to_a_page_needs_no_note(limit_bytes: int) -> None:
    assert limit_note(limit_bytes, answer(cgroup_limit_bytes=LIMIT_BYTES)) == ""


def test_a_node_that_reads_no_limit_is_noted() -> None:
    said = "initiator-1 reads no memory limit in its cgroup: 160 MiB is what Docker says"
    assert limit_note(LIMIT_BYTES, answer(cgroup_limit_bytes=0)) == limit_note(LIMIT_BYTES, answer()) == said


def test_another_limit_voids() -> None:
    with pytest.raises(
        InconclusiveError, match=r"^initiator-1: memory limit is 201326592 bytes, 167772160 were asked for$"
    ):
        limit_note(LIMIT_BYTES, answer(cgroup_limit_bytes=192 << 20))


class Answering(dict[str, SimpleNamespace]):
    """Nodes that answer with a limit of `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__({name: SimpleNamespace(name=name, role=name[:-2], address="a") for name in NAMES})
        self.limit_bytes = limit_bytes

    def listen(self, listener: object) -> None:
        pass

    async def apply(self, wanted: dict[str, Wanted], deadline_s: float) -> dict[str, Reported]:
        return {name: answer(cgroup_limit_bytes=self.limit_bytes) for name in wanted}


def prepared(limit_bytes: int, engine: object) -> tuple[ScenarioRun, int]:
    """A run at its set-up, and the limit that its initiator should have."""
    work = plan(parse(SCENARIO, "brief.yaml"), initiators=["initiator-1"], targets=["target-1"])
    asked_bytes = next(node.memory_limit_bytes for node in work.nodes if node.role == "initiator")
    parts: Any = SimpleNamespace(
        nodes=Answering(limit_bytes or asked_bytes), engine=engine, timing=SimpleNamespace(ack_deadline_s=1)
    )
    return ScenarioRun(parts, None, SimpleNamespace(run="r"), work), asked_bytes  # type: ignore[arg-type]


async def test_a_run_with_docker_reads_the_limits_of_its_initiators() -> None:
    run, asked_bytes = prepared(0, engine=object())
    await run._read_limits(1)
    assert run.notes == []
    run, _ = prepared(asked_bytes + (1 << 20), engine=object())
    with pytest.raises(InconclusiveError, match="memory limit is"):
        await run._read_limits(1)


async def test_a_run_without_docker_set_no_limits_and_reads_none() -> None:
    run, _ = prepared(1, engine=None)
    await run._read_limits(1)
    assert run.notes == []
