"""unpatched: the kernel from before the patches is `none`, and its block driver waits for pages like everybody."""

from __future__ import annotations

from controller.studies.debate import VARIANTS
from nodes.config import MachineConfig
from nodes.machine.machine import Machine
from nodes.machine.policies import POLICIES, spec_of


def test_it_is_none_with_another_sender() -> None:
    unpatched, none = (Machine(MachineConfig(), spec_of(name), 0) for name in ("unpatched", "none"))
    assert (unpatched.sender, none.sender) == ("noio", "memalloc")
    assert unpatched.block.tx_floors.write == unpatched.pool.marks.min_pages and none.block.tx_floors.write == 0
    assert unpatched.receiver.floor_pages == none.receiver.floor_pages and not unpatched.receiver.may_use_reserve()
    assert unpatched.reserve_pages == 0 and not unpatched.policy.memalloc_socket


def test_the_debate_has_it_as_it_was_in_2006_and_as_it_was_until_3_6() -> None:
    senders = {name: VARIANTS[name].settings["nodes.initiator.sender"] for name in POLICIES["unpatched"].variants}
    assert senders == {"unpatched": "noio", "unpatched-2006": "submitter"}
