"""What a policy may decide: hooks named after events, with the defaults of a machine that has no policy.

A policy holds no state of the machine's. Hooks that concern a shortage are called only when the normal attempt failed, so
that a policy which is never triggered changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from nodes.config import Era, Sender
from nodes.machine.allocators.base import NO_RESERVE
from nodes.machine.nic import NicModel
from nodes.machine.watermarks import Watermarks


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSwitches:
    """How a stock kernel with the guest's module carries a policy out (nodes/kernel/guest/module/commands.c)."""

    memalloc: bool = False
    """The block socket's SOCK_MEMALLOC."""
    iface: bool = False
    """The hook on the interface that drops strangers' packets."""
    sender_memalloc: bool = True
    """The block driver's sends may go to 0, as they may in every kernel since 3.6."""
    at_boot: bool = False
    """Sysctls or a disk beside them are set up with the guest, and not afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A form of a policy, as the debate tells them apart."""

    settings: Mapping[str, str]
    """Keys of a scenario and their values."""
    follows: str
    """The posting or the kernel it follows: who, what, when, which message; or that it is our own."""


class Policy:
    """No policy: nobody is marked, nobody is dropped early, the receive path stops at 3/8 min.

    Raises nothing; an instance is immutable and may be shared.
    """

    name: ClassVar[str]
    allocators: ClassVar[tuple[str, ...]] = ("slab",)
    """Packet allocators it can be combined with; the first is its default."""
    eras: ClassVar[tuple[Era, ...]] = ()
    """Times in which it was not the same; the first is its default. Empty: it has one form."""
    memalloc_socket: ClassVar[bool] = False
    """The paging socket carries SOCK_MEMALLOC."""
    local_disk: ClassVar[bool] = False
    """Swap goes to a local disk: completion needs no packet."""
    sender: ClassVar[Sender] = "memalloc"
    """How the block driver sends in the policy's time; a machine may have another (`MachineConfig.sender`)."""
    patches_sender: ClassVar[bool] = False
    """The policy's own patches gave the driver these rights: it has them in every machine."""
    own_pools: ClassVar[bool] = False
    """Packets have memory of their own: that pages are free tells nothing of it."""
    heads_mark: ClassVar[bool] = True
    """A head from the reserve marks its packet, as its data does."""
    debt_max_packets: ClassVar[int] = 0
    """A card counts, up to this, the packets that took from the reserve; 0: nobody counts."""
    in_kernel: ClassVar[KernelSwitches | None] = None
    """None: no kernel has it."""
    follows: ClassVar[str] = ""
    """As Variant.follows, of the policy with its own allocator; the debate's page refuses one that says nothing."""
    variants: ClassVar[Mapping[str, Variant]] = {}
    """Its forms by name, where it has more than one. Empty: the policy with its own allocator, by its own name."""
    takes_floor: ClassVar[bool] = False
    """It can have PolicySpec.socket_floor_bytes."""
    oracle: ClassVar[bool] = False
    """Whose packet it is, is known before it costs memory; the paging socket's needs none."""

    def with_allocator(self, allocator: str) -> Policy:
        """This policy where packets come from `allocator`, which may decide how much of the reserve they may hold."""
        return self

    def with_head_reserve(self) -> Policy:
        """This policy with `PolicySpec.head_reserve` (own: no kernel has it): itself, where heads have that right anyway."""
        return self

    def in_era(self, era: Era) -> Policy:
        """This policy as it was then; `era` is one of its `eras`."""
        return self

    def reserve_for(self, allocator: str, cards: int = 1) -> int:
        """Pages added to min while the policy is in force with packets from `allocator`, in a machine with so many network
        cards (physics.md section 12: reserve X always means raise min by X)."""
        return 0

    def on_ring_shortage(self, nic: NicModel) -> int:
        """The ring finds no data page above 3/8 min: how many reserve pages may packets hold in all?"""
        return NO_RESERVE

    def on_copy_shortage(self) -> int:
        """A frame that is copied finds no data page above 3/8 min: as on_ring_shortage."""
        return NO_RESERVE

    def on_head_shortage(self) -> int:
        """No sk_buff head above 3/8 min: as on_ring_shortage."""
        return NO_RESERVE

    def rx_floor(self, marks: Watermarks) -> int:
        """Floor of what reception allocates. GFP_ATOMIC: 3/8 min."""
        return marks.atomic_floor

    def sender_in(self, asked: Sender | Literal[""]) -> Sender:
        """How the block driver sends in a machine that was asked to have it `asked`; empty: as in the policy's time."""
        return self.sender if self.patches_sender or not asked else asked

    def on_demux(self, memalloc_socket: bool) -> bool:
        """A *marked* packet has found its socket: may it be delivered?"""
        return True

    def on_debt(self, memalloc_socket: bool) -> bool:
        """A packet, marked or not, has come through a card in debt and found its socket: may it be delivered? One without a
        socket is not asked for."""
        return True

    def network_cap_pages(self, memory_pages: int, pool_pages: int = 0) -> int:
        """Limit on all that sockets and transmission hold; 0: none. `pool_pages`: what packets have of a pool of their own
        on the CPU that receives, its rings taken off."""
        return 0

    def forces_first(self) -> bool:
        """May a TCP socket go over that limit while its queue is empty?"""
        return False

    def on_icmp(self) -> bool:
        """A *marked* ICMP packet: may it be delivered?"""
        return True
