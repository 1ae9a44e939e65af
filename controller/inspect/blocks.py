"""Where pages go: from swap areas and file systems down through dm, md, loop, zram and partitions to who stores them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.inspect.tree import Tree, is_number

BLOCK = "/sys/class/block"
SWAPS, MOUNTINFO, MOUNTS, MEMINFO = "/proc/swaps", "/proc/self/mountinfo", "/proc/mounts", "/proc/meminfo"
DEPTH_MAX = 16
"""Layers under a file system; only a loop of links has more (own)."""
BY_NAME = (
    ("nbd", "nbd"), ("rbd", "rbd"), ("drbd", "drbd"), ("etherd", "aoe"), ("zd", "zvol"), ("ublkb", "ublk"),
    ("mmcblk", "local"), ("mtdblock", "local"), ("pmem", "local"),
)  # fmt: skip
HYPERVISOR = (
    "Amazon Elastic Block Store", "nvme_card-pd", "MSFT NVMe Accelerator", "Virtual Disk", "Virtual disk", "QEMU ", "VBOX ",
    "ORCL-VBOX", "VMware ",
)  # fmt: skip
"""How the model of a disk begins that a hypervisor made: what is below it the host decides, as with virtio."""
BY_TYPE = {
    "nfs": "nfs", "nfs4": "nfs", "cifs": "cifs", "smb3": "cifs", "ceph": "ceph", "9p": "9p", "zfs": "zfs",
    "fuse.glusterfs": "gluster", "fuse.ceph-fuse": "ceph", "fuse.sshfs": "fuse", "virtiofs": "fuse",
}  # fmt: skip
"""File systems without a block device."""
NO_PAGES = frozenset((
    "proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "ramfs", "rootfs", "cgroup", "cgroup2", "securityfs", "debugfs",
    "tracefs", "configfs", "pstore", "bpf", "mqueue", "hugetlbfs", "autofs", "fusectl", "binfmt_misc", "efivarfs",
    "selinuxfs", "rpc_pipefs", "nfsd", "nsfs", "squashfs", "iso9660", "overlay", "erofs", "cramfs", "fuse.lxcfs",
    "fuse.gvfsd-fuse", "fuse.portal", "fuse.snapfuse",
))  # fmt: skip
"""File systems that hold no dirty page on a device of their own."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A line of mountinfo."""

    point: str
    device: str
    """`major:minor`."""
    type: str
    source: str
    options: str
    read_only: bool


@dataclass
class End:
    """Where a way down ends. `device`: the block device there."""

    transport: str
    device: str = ""
    hops: list[str] = field(default_factory=list)
    address: str = ""
    """As a mount's options have it."""


def read_mounts(tree: Tree) -> list[Mount]:
    """All mounts, checked against /proc/mounts."""
    mounts = []
    for line in tree.text(MOUNTINFO, needed=True).splitlines():
        front, dash, back = line.partition(" - ")
        first, last = front.split(), back.split(" ")
        if not dash or len(first) < 6 or len(last) < 3:
            tree.blame(MOUNTINFO, "garbled")
            continue
        mounts.append(
            Mount(
                point=plain(first[4]), device=first[2], type=last[0], source=plain(last[1]), options=last[2],
                read_only="ro" in first[5].split(",") or "ro" in last[2].split(","),
            )
        )  # fmt: skip
    known = {mount.point for mount in mounts}
    other = [row for row in tree.rows(MOUNTS, needed=True) if len(row) >= 3]
    if {plain(row[1]) for row in other} - known or not mounts:
        tree.blame(MOUNTINFO, "torn")
    if known - {plain(row[1]) for row in other}:
        tree.blame(MOUNTS, "torn")
    return mounts + [_older(row) for row in other if plain(row[1]) not in known]


def _older(row: list[str]) -> Mount:
    """What /proc/mounts alone has is followed as far as it can be."""
    options = row[3] if len(row) > 3 else ""
    return Mount(
        point=plain(row[1]),
        device="",
        type=row[2],
        source=plain(row[0]),
        options=options,
        read_only="ro" in options.split(","),
    )


def read_swaps(tree: Tree, swap_total_kib: int | None) -> list[tuple[str, str]]:
    """Swap areas: their path, and `file` or `partition`. Checked against SwapTotal."""
    rows = tree.rows(SWAPS, needed=True)
    if rows[:1] != [["Filename", "Type", "Size", "Used", "Priority"]]:
        tree.blame(SWAPS, "garbled" if rows else "torn")
    areas = [row for row in rows[1:] if len(row) == 5 and row[1] in ("file", "partition") and is_number(row[2])]
    if len(areas) < len(rows) - 1:
        tree.blame(SWAPS, "garbled")
    if swap_total_kib is not None and sum(int(row[2]) for row in areas) != swap_total_kib:
        tree.blame(SWAPS, "torn")
    return [(plain(row[0]), row[1]) for row in areas]


def plain(text: str) -> str:
    """Without the escapes of spaces that mounts and swaps have."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


class Blocks:
    """The block devices of a machine."""

    def __init__(self, tree: Tree, mounts: list[Mount]) -> None:
        self._tree, self._mounts = tree, mounts
        self._names = tree.names(BLOCK)
        self._by_number = {tree.word(f"{BLOCK}/{name}/dev"): name for name in self._names}

    def of_swap(self, path: str, kind: str) -> End:
        """Where the swap area at `path` leads."""
        if kind == "file":
            return self.of_file(path, 0)
        return self._down(self._named(path), 0)

    def of_mount(self, mount: Mount, depth: int = 0) -> End:
        """Where the dirty pages of a file system go."""
        name = self._by_number.get(mount.device, "") if mount.device and not mount.device.startswith("0:") else ""
        if not name and mount.source.startswith("/dev/"):
            name = self._named(mount.source)
        if name:
            return self._down(name, depth)
        transport = BY_TYPE.get(mount.type, "fuse" if mount.type.startswith("fuse") else "unknown")
        return End(transport, hops=[mount.type], address=_address(mount))

    def of_file(self, path: str, depth: int) -> End:
        """Where a file's pages go: those of the file system that it is on."""
        holders = [mount for mount in self._mounts if path.startswith(mount.point.rstrip("/") + "/")]
        if not holders:
            return End("unknown")
        end = self.of_mount(max(holders, key=lambda mount: len(mount.point)), depth)
        end.hops.insert(0, "a file")
        return end

    def _named(self, path: str) -> str:
        """The kernel's name of a device that has several."""
        name = path.rpartition("/")[2]
        slashed = path.removeprefix("/dev/").replace("/", "!")  # etherd!e0.0, cciss!c0d0p2
        if slashed in self._names or name in self._names:
            return slashed if slashed in self._names else name
        mapped = {
            self._tree.word(f"{BLOCK}/{other}/dm/name"): other for other in self._names if other.startswith("dm-")
        }
        if name in mapped:
            return mapped[name]
        real = self._tree.real(path).rpartition("/")[2]
        return real if real in self._names else name

    def _down(self, name: str, depth: int) -> End:
        tree, place = self._tree, f"{BLOCK}/{name}"
        if depth > DEPTH_MAX or not name:
            return End("unknown", name)
        lower = tree.names(f"{place}/slaves")
        if name.startswith("loop"):
            backing = tree.word(f"{place}/loop/backing_file")
            end = self.of_file(backing, depth + 1) if backing else End("unknown", name)
        elif name.startswith("zram"):
            end = self._zram(name, depth)
        elif lower:
            ends = [self._down(other, depth + 1) for other in lower]
            end = next(
                (each for each in ends if each.transport not in ("local", "fc", "virtio", "hypervisor")), ends[0]
            )
        else:
            end = End(self._transport(name), name)
        return End(end.transport, end.device, [self._hop(name), *end.hops], end.address)

    def _zram(self, name: str, depth: int) -> End:
        """Memory itself, and where it writes back to."""
        path = f"{BLOCK}/{name}/backing_dev"
        backing = self._tree.word(path)
        if backing.startswith("/"):
            return self._down(self._named(backing), depth + 1)
        if backing not in ("", "none"):
            self._tree.blame(path, "garbled")
        return End("zram", name)

    def _hop(self, name: str) -> str:
        kind = self._tree.word(f"{BLOCK}/{name}/dm/uuid").partition("-")[0].lower()
        return f"{name} ({kind})" if kind and name.startswith("dm-") else name

    def _transport(self, name: str) -> str:
        for start, transport in BY_NAME:
            if name.startswith(start):
                return transport
        way = self._tree.real(f"{BLOCK}/{name}")
        if name.startswith("nvme"):
            found = self._nvme(name, way)
            return "hypervisor" if found == "local" and self._made_by_hypervisor(name, way) else found
        if "/session" in way:
            return "iscsi"
        if "/rport-" in way:
            return "fc"
        if "/virtio" in way or name.startswith(("vd", "xvd")):
            return "virtio"
        if name.startswith(("dm-", "md")) or "/devices/" not in way:
            return "unknown"
        return "hypervisor" if self._made_by_hypervisor(name, way) else "local"

    def _made_by_hypervisor(self, name: str, way: str) -> bool:
        """By the model of the disk, which a partition has from what it is a part of."""
        whole = way.split("/")[-2:-1]
        return any(
            self._tree.word(f"{BLOCK}/{each}/device/model").startswith(HYPERVISOR)
            for each in (name, *whole)
            if each in self._names
        )

    def _nvme(self, name: str, way: str) -> str:
        controller = controller_of(name, way)
        kinds = {
            self._tree.word(f"{BLOCK}/{name}/device/transport"),
            *(
                self._tree.word(f"/sys/class/nvme/{each}/transport")
                for each in controllers(self._tree, controller, name)
            ),
        } - {""}
        if "tcp" in kinds:
            return "nvme-tcp"
        if "rdma" in kinds:
            return "nvme-rdma"
        if "fc" in kinds:
            return "fc"
        return "local" if kinds == {"pcie"} or ("/pci" in way and not kinds) else "unknown"


def controller_of(name: str, way: str) -> str:
    """The controller in a namespace's path; empty where paths share a subsystem."""
    found = re.search(r"/(nvme\d+)(?:/|$)", way)
    return found[1] if found else ""


def controllers(tree: Tree, controller: str, name: str) -> Iterator[str]:
    """Those that lead to the namespace `name`: its own, else all of the machine that are not on PCI."""
    if controller:
        yield controller
        return
    everyone = tree.names("/sys/class/nvme")
    own = [each for each in everyone if name.startswith(f"{each}n")]
    fabric = [each for each in everyone if tree.word(f"/sys/class/nvme/{each}/transport") != "pcie"]
    yield from fabric or own


def _address(mount: Mount) -> str:
    for option in mount.options.split(","):
        key, _, value = option.partition("=")
        if key == "addr":
            return value
    remote = mount.type.startswith(("nfs", "fuse.glusterfs", "fuse.sshfs"))
    server = mount.source.partition(":")[0].rpartition("@")[2] if remote else ""
    return server if re.fullmatch(r"[\w.-]+", server) else ""
