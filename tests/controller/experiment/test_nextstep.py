"""The next step is a sentence with figures and a command."""

from __future__ import annotations

import pytest

from controller.experiment import nextstep
from nodes.units import SECOND_NS

STEPS = {
    **{name: text for name, text in vars(nextstep).items() if name.isupper() and isinstance(text, str)},
    "longer_warmup": nextstep.longer_warmup(5 * SECOND_NS),
    "longer_heal": nextstep.longer_heal(31 * SECOND_NS),
    "look_at_waits": nextstep.look_at_waits("initiator-1"),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_names_a_command(name: str) -> None:
    assert "`netreserve " in STEPS[name]


def test_figures_are_those_that_would_do() -> None:
    assert "from 5 s to 10 s" in nextstep.longer_warmup(5 * SECOND_NS)
    assert "`phases.heal` to 35 s" in nextstep.longer_heal(30 * SECOND_NS + 1)
    assert "`phases.heal` to 30 s" in nextstep.longer_heal(30 * SECOND_NS)


@pytest.mark.parametrize(
    ("harness", "exit_code", "command"),
    [(False, 2, "validate"), (False, 3, "doctor"), (True, 3, "doctor"), (True, 0, "doctor"), (False, 0, "ps")],
)
def test_a_void_without_a_step_of_its_own_leads_to_whoever_knows_more(
    harness: bool, exit_code: int, command: str
) -> None:
    assert f"`netreserve {command}" in nextstep.after_void(harness=harness, exit_code=exit_code)
