from __future__ import annotations

import pytest
from msgspec.structs import replace

from nodes.config import Caps, GuestSpec, InitiatorSpec, MachineConfig, PolicySpec, Sink
from nodes.errors import UsageError
from nodes.kernel.protocol import Settings
from nodes.kernel.settings import LIFTED_PAGES, settings_of, target_host
from nodes.kernel.wiring import Wired
from nodes.machine.policies.netmem import tcp_mem_pages

WIRED = Wired(address="198.18.1.5/24", mac="02:00:00:00:00:05", peer_address="198.18.1.2", peer_mac="02:00:00:00:00:02")
MACHINE = MachineConfig(memory_pages=32_768, min_free_pages=1024, working_set_pages=40_960, tasks=2)


def told(
    policy: str = "none",
    target: str = "target:10809",
    caps: Caps = "lifted",
    wired: Wired = WIRED,
    guest: GuestSpec | None = None,
) -> Settings:
    spec = InitiatorSpec(
        machine=MACHINE,
        policy=PolicySpec(name=policy),
        target=target,
        swap_offset_bytes=1 << 28,
        guest=replace(guest or GuestSpec(), caps=caps),
        sinks=(Sink(kind="tcp", port=9000, sockets=2, reader="stalled", rcvbuf_bytes=8192),),
    )
    return settings_of(spec, wired)


def test_the_target_is_known_by_address_and_never_asked_for_by_arp() -> None:
    settings = told()
    assert settings.target == "198.18.1.2:10809"
    assert settings.neighbours == "198.18.1.2/02:00:00:00:00:02"
    assert settings.address == "198.18.1.5/24"


def test_units_are_the_kernels() -> None:
    settings = told()
    assert settings.min_free_kb == 4096
    assert (settings.swap_offset, settings.swap_bytes) == (1 << 28, 40_960 * 4096)
    assert settings.sinks == "tcp:9000:2:8192:stalled"


def test_caps_are_lifted_kept_or_the_policy_itself() -> None:
    assert told().udp_mem_pages == told().tcp_mem_pages == LIFTED_PAGES
    kept = told(caps="kernel")
    assert (kept.udp_mem_pages, kept.tcp_mem_pages, kept.rmem_max_bytes) == (0, 0, 0)
    capped = told("netmem", caps="kernel")
    assert capped.udp_mem_pages == capped.tcp_mem_pages == tcp_mem_pages(32_768)[2]
    assert not capped.memalloc


def test_flags_follow_the_policy() -> None:
    assert told("iface").memalloc and told("iface").iface
    assert not told("none").memalloc
    assert told("none").sender_memalloc and not told("unpatched").sender_memalloc


def test_files_leave_room_for_their_file_system() -> None:
    files = told(guest=GuestSpec(pages="files"))
    assert files.files and files.working_set_pages == 40_960 * 15 // 16
    assert files.swap_bytes == 40_960 * 4096, "the disk's part stays the same"
    assert not told().files


def test_what_stands_between_swap_and_network_is_told() -> None:
    relay = told(guest=GuestSpec(relay=True, relay_flusher=True))
    assert (relay.relay, relay.relay_locked, relay.relay_flusher) == (True, False, True)
    assert told(guest=GuestSpec(cgroup_pages=8192)).cgroup_bytes == 32 << 20
    assert told().cgroup_bytes == 0 and not told().relay
    with pytest.raises(ValueError, match="relay_locked is true, but there is no relay"):
        GuestSpec(relay_locked=True)


def test_the_boost_is_the_kernels_own_unless_it_is_named() -> None:
    assert told().boost_factor == -1
    assert told(guest=GuestSpec(boost_factor=0)).boost_factor == 0


def test_a_local_disk_replaces_the_target() -> None:
    local = told("local")
    assert local.disk and not local.target and not local.swap_offset


def test_a_storage_guest_is_the_target_and_has_a_disk_for_this_guest_alone() -> None:
    settings = told(wired=replace(WIRED, storage_mac="0a:00:00:00:00:05"))
    assert settings.target == "198.19.254.2:4420" and settings.storage_address == "198.19.254.1/30"
    assert settings.neighbours == "198.18.1.2/02:00:00:00:00:02,198.19.254.2/0a:00:00:00:00:05"
    assert (settings.swap_offset, settings.swap_bytes) == (0, 40_960 * 4096)


def test_a_target_that_is_not_one_is_refused() -> None:
    assert target_host("target") == "target"
    with pytest.raises(UsageError, match="is not a storage target"):
        told(target="target:port")
