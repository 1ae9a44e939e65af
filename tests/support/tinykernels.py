"""A folder of kernels in which there is one: the tiny guest, with the modules that a guest of an e1000e, and a storage
guest, would load."""

from __future__ import annotations

import json
from pathlib import Path

import tinyguest

NAME = "tiny"
MODULES = (
    "e1000e", "nbd", "netreserve", "virtio_pci", "virtio_blk", "virtio_net", "nvme_tcp", "nvmet_tcp", "null_blk",
)  # fmt: skip


def write(folder: Path) -> Path:
    """Makes it in `folder`; answers `folder`."""
    kernel = folder / NAME
    (kernel / "modules").mkdir(parents=True)
    tinyguest.write(kernel / "vmlinux")
    (kernel / "init").write_bytes(b"")
    for name in MODULES:
        (kernel / "modules" / f"{name}.ko").write_bytes(b"")
    told = {"name": NAME, "release": "0.0.1-tiny", "needs": {name: [] for name in MODULES}}
    (kernel / "kernel.json").write_text(json.dumps(told))
    return folder
