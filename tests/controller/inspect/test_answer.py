"""Every made machine gives its right answer, and no file of it, missing or mangled, makes a false "nothing grave"."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import MACHINES, NAMES, Edited, Mangled, answer, collected, machine, unpack

from controller.inspect.answer import Answer, inspect, judged
from controller.inspect.collected import SCRIPT, Collected
from controller.inspect.foretold import Printed
from controller.inspect.live import Live
from controller.inspect.look import ESSENTIAL, look
from controller.inspect.rules.reserve import default_kib
from controller.inspect.tree import Folder, Tree

ROOT = Path(__file__).parents[3]
NOBODY = 65534
SCHEMA = ROOT / "docs" / "reference" / "inspect.schema.json"

RIGHT: dict[str, tuple[int, str, set[str]]] = {
    "diskless-nbd-client": (
        1,
        "AT RISK: swap over the network (NBD): /dev/nbd1 -> eth0 (e1000e) -> 192.0.2.2",
        {"path-networked-swap", "card-hangs", "history-reserve-received", "history-throttled", "readiness-console"},
    ),
    "iscsi-root": (
        1,
        "AT RISK: swap over the network (iSCSI): /dev/dm-2 -> lvm -> dm-0 (mpath) -> sda -> eno1 (ixgbe)/eno2 (ixgbe)",
        {"path-networked-swap", "card-not-measured", "card-jumbo", "daemon-no-io-flusher", "daemon-oom"},
    ),
    "nvme-tcp-database": (
        0,
        "NOTHING GRAVE SEEN: swap: /dev/sda2 (local disk)",
        {"path-local", "path-networked-files", "card-not-measured"},
    ),
    "rbd-on-an-osd-host": (
        1,
        "AT RISK: file system /srv/images -> rbd0 -> enp5s0 (i40e) -> this machine itself",
        {"path-same-host", "daemon-swapped", "daemon-no-io-flusher"},
    ),
    "drbd-pair": (
        1,
        "AT RISK: swap over the network (DRBD): /dev/drbd1 -> eth1 (igb) -> 10.9.9.2",
        {"path-networked-swap", "card-hangs"},
    ),
    "nfs-root-pi": (
        1,
        "AT RISK: swap over the network (NFS): /var/swap -> a file -> nfs -> eth0 (smsc95xx) -> 192.0.2.3",
        {"path-networked-swap", "card-not-measured", "reserve-below-default"},
    ),
    "kubernetes-node": (
        0,
        "NOTHING GRAVE SEEN: no swap",
        {"path-networked-files", "path-process", "path-virtio", "limit-daemon-near", "history-oom"},
    ),
    "zvol-swap": (1, "AT RISK: swap on a ZFS volume: /dev/zd0", {"path-zvol"}),
    "zram-only": (0, "NOTHING GRAVE SEEN: swap: /dev/zram0 (zram)", {"path-zram"}),
    "plain-local": (0, "NOTHING GRAVE SEEN: swap: /dev/sda2 (local disk)", {"path-local", "readiness-level"}),
    "container-without-rights": (
        3,
        "NOT KNOWN: could not be read: /proc/zoneinfo, /proc/swaps",
        {"limit-contained", "limit-own"},
    ),
    "ancient-kernel": (
        1,
        "AT RISK: swap over the network (NBD): /dev/nbd1 -> eth0 (e1000) -> 192.0.2.2; kernel 2.6.32-5-686",
        {"kernel-no-memalloc", "card-hangs", "path-networked-swap"},
    ),
    "rhel-multipath-bond-vlan": (
        1,
        "AT RISK: swap over the network (iSCSI): /dev/dm-3 -> lvm -> dm-0 (mpath) -> sda -> eno1 (vmxnet3)/eno2 (vmxnet3)",
        {"path-networked-swap", "card-hangs", "card-lro", "daemon-no-io-flusher"},
    ),
    "proxmox-ceph-zvol": (
        1, "AT RISK: swap on a ZFS volume: /dev/zd0", {"path-zvol", "path-same-host", "daemon-swapped"},
    ),
    "aws-ebs-swap": (0, "NOTHING GRAVE SEEN: swap: /swapfile (hypervisor's disk)", {"path-virtio"}),
    "openwrt-nbd-swap": (
        1,
        "AT RISK: swap over the network (NBD): /dev/nbd0 -> eth0 (mtk_soc_eth) -> 192.168.1.77",
        {"path-networked-swap", "card-not-known"},
    ),
    "ublk-swap": (1, "AT RISK: swap served by a process (ublk): /dev/ublkb0", {"path-process", "daemon-swapped"}),
    "nvme-tcp-tls-swap": (
        1,
        "AT RISK: swap over the network (NVMe/TCP): /dev/nvme1n1 -> ens1 (mlx5_core) -> 2001:db8::9",
        {"path-networked-swap", "card-not-measured", "daemon-oom", "daemon-not-locked"},
    ),
    "nfs-swapfile-64k-pages": (
        1,
        "AT RISK: swap over the network (NFS): /srv/nfs/swapfile -> a file -> nfs4 -> eth0 (hns3) -> 192.0.2.9",
        {"path-networked-swap", "card-not-known", "reserve-default"},
    ),
    "pi5-16k-pages": (0, "NOTHING GRAVE SEEN: swap: /dev/zram0 (zram), /var/swap (local disk)", {"path-zram", "path-local"}),
    "zram-then-nbd": (
        1,
        "AT RISK: swap over the network (NBD): /dev/nbd0 -> enp0s2 (e1000e) -> 192.0.2.2",
        {"path-networked-swap", "card-hangs", "card-no-gro", "path-zram"},
    ),
    "ipv6-only-nbd": (
        1,
        "AT RISK: swap over the network (NBD): /dev/nbd0 -> eth0 (e1000e) -> 2001:db8::2",
        {"path-networked-swap", "card-hangs"},
    ),
    "aoe-root": (
        1,
        "AT RISK: swap over the network (ATA over Ethernet): /dev/etherd/e1.0p2 -> etherd!e1.0p2 -> eth0 (r8169)",
        {"path-networked-swap", "card-not-measured"},
    ),
    "wsl2": (0, "NOTHING GRAVE SEEN: swap: /dev/sdb (hypervisor's disk)", {"path-virtio", "path-process"}),
    "rbd-nbd-swap": (
        1,
        "AT RISK: swap /dev/nbd0 -> this machine itself",
        {"path-same-host", "daemon-swapped", "daemon-no-io-flusher"},
    ),
}  # fmt: skip
"""Machine -> exit code, how the headline begins, and rules that must speak."""


def test_every_machine_has_its_right_answer() -> None:
    assert sorted(RIGHT) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_judged_rightly(name: str) -> None:
    code, headline, rules = RIGHT[name]
    found = answer(collected(name))
    assert (found.exit_code, found.headline[: len(headline)]) == (code, headline)
    assert rules <= {finding.rule for finding in found.findings}


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_says_why_where_from_and_what_to_do(name: str) -> None:
    for finding in answer(collected(name)).findings:
        assert finding.why and finding.source, finding.rule
        assert finding.do or finding.grade in ("note", "good"), finding.rule
        assert (ROOT / "docs" / finding.page).is_file(), finding.page


@pytest.mark.parametrize("name", [name for name in NAMES if name != "container-without-rights"])
def test_a_copied_folder_and_the_collector_s_script_say_the_same(name: str, tmp_path: Path) -> None:
    unpack(name, tmp_path / "root")
    copied = answer(Folder(tmp_path / "root"))
    assert copied == answer(collected(name))
    ran = subprocess.run(["sh", SCRIPT, tmp_path / "root"], capture_output=True, text=True, check=True)
    (tmp_path / "machine.txt").write_text(ran.stdout)
    again = answer(Collected.read(tmp_path / "machine.txt"))
    # rings come from ethtool, which the script asks of the live machine alone
    assert (again.headline, again.exit_code, again.ways, again.unread) == (
        copied.headline, copied.exit_code, copied.ways, copied.unread,
    )  # fmt: skip


def test_a_file_that_the_collector_did_not_finish_is_no_clean_bill(tmp_path: Path) -> None:
    text = (MACHINES / "plain-local" / "machine.txt").read_text()
    (tmp_path / "cut.txt").write_text(text.removesuffix("@end\n"))
    found = answer(Collected.read(tmp_path / "cut.txt"))
    assert found.exit_code == 3
    assert "the collected file" in found.headline


def manglings(content: bytes) -> list[bytes | None]:
    lines = content.splitlines(keepends=True)
    half = b"".join(lines[: len(lines) // 2])
    garbage = b"\x00\xff\xfe 12 \xc2\xb2 " + b"9" * 5000 + b"\n"
    return [
        None,
        b"",
        content[: len(content) // 2],
        half,
        garbage,
        b"\n" * 9,
        content.replace(b" ", b"\t9"),
        content[::-1] + b"\n",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_mangled_file_gives_a_false_all_clear(name: str) -> None:
    source, right = collected(name), answer(collected(name))
    for path in source.paths:
        content = source.content(path)
        for mangled in manglings(content):
            found = answer(Mangled(source, path, mangled))
            assert found.exit_code or not right.exit_code, (path, mangled)
            lost = mangled is None or not mangled.strip()
            if path in ESSENTIAL and lost:
                assert path in {each.path for each in found.unread}, (path, mangled)
                assert found.exit_code, (path, mangled)


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_it_fail(name: str, data: st.DataObject) -> None:
    source = collected(name)
    path = data.draw(st.sampled_from(source.paths))
    content = data.draw(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{text}\n".encode()))
    found = answer(Mangled(source, path, content))
    assert found.exit_code or not answer(source).exit_code


@given(text=st.text(max_size=400))
def test_any_collected_text_is_read(text: str) -> None:
    found = answer(Collected(f"netreserve-machine 1\n{text}"))
    assert found.exit_code == 3


def test_swap_whose_device_cannot_be_followed_is_not_called_safe() -> None:
    source = Edited(
        collected("plain-local"), {"/proc/swaps": "Filename Type Size Used Priority\n/dev/sdz partition 1000444 0 -2"}
    )
    found = answer(source)
    assert (found.exit_code, found.findings[0].rule) == (3, "path-unknown")


def test_a_process_that_ended_meanwhile_is_nothing_unread() -> None:
    class Live(Edited):
        """The third look at /proc no longer shows it."""

        looks = 0

        def names(self, path: str) -> list[str]:
            listed = super().names(path)
            if path == "/proc":
                self.looks += 1
                return [*listed, "4242"] if self.looks == 1 else listed
            return listed

    assert answer(Live(collected("plain-local"), {})).exit_code == 0


def test_the_numbers_are_those_of_the_card_that_leads_to_storage() -> None:
    found = answer(collected("diskless-nbd-client")).numbers
    # 256 slots of 2 KiB; 5788 KiB at a page a frame of 1500 B and 1 Gbit/s, 83 frames a millisecond
    assert (found.reserve_kib, found.ring_kib, found.link_mbit, found.empty_ms) == (5788, 512, 1000, 17)


def test_pages_have_the_size_that_the_machine_says() -> None:
    """65536 MiB of 64 KiB pages: min_free_kbytes of 32768, and the kernel's own choice is the same."""
    memory = machine("nfs-swapfile-64k-pages").memory
    assert (memory.page_bytes, memory.min_kib, memory.min_free_kib, default_kib(memory)) == (65536, 32768, 32768, 32768)
    assert machine("plain-local").memory.page_bytes == 4096


def test_an_ordinary_user_gets_an_answer_and_what_he_cannot_read_is_named() -> None:
    """Of this machine, by a child without any rights: one of the three codes, the same way of pages, nothing raised."""
    if os.geteuid() != 0:
        found = inspect(Tree(Live()))
    else:
        reading, writing = os.pipe()
        if os.fork() == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                os.write(writing, msgspec.json.encode(inspect(Tree(Live()))))
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            found = msgspec.json.decode(pipe.read(), type=Answer)
        assert found.ways == inspect(Tree(Live())).ways
    assert found.exit_code in (0, 1, 3)
    assert found.kernel == os.uname().release
    assert all(each.why == "denied" for each in found.unread if each.path.startswith("/proc/1/"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_files_of_others_are_named_as_denied(tmp_path: Path) -> None:
    """A copy of a machine whose swap table and daemons' files only root may read."""
    unpack("rbd-nbd-swap", tmp_path / "root")
    for folder in (tmp_path, *tmp_path.parents[:-2], tmp_path / "root"):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "root" / "proc" / "swaps").chmod(0o600)
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, msgspec.json.encode(answer(Folder(tmp_path / "root"))))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = msgspec.json.decode(pipe.read(), type=Answer)
    assert ("/proc/swaps", "denied") in {(each.path, each.why) for each in found.unread}
    assert found.exit_code == 3 and "/proc/swaps" in found.headline


def test_what_is_not_essential_leaves_the_answer_as_it_is() -> None:
    source = Mangled(collected("plain-local"), "/proc/consoles", None)
    tree = Tree(source)
    assert judged(look(tree), tree.unread).exit_code == 0


def test_the_json_has_its_published_schema() -> None:
    text = msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Printed)), indent=2).decode() + "\n"
    if os.environ.get("NETRESERVE_UPDATE_GOLDEN"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text


def test_the_live_machine_is_looked_at() -> None:
    """Whatever this machine is: an answer in one of the three codes, and its kernel."""
    found = answer(Folder("/"))
    assert found.exit_code in (0, 1, 3)
    assert found.kernel == os.uname().release
    assert machine("plain-local").release == "6.12.9-amd64"
