"""A guest's root: init, the modules that this guest loads, their list, and nothing else; an uncompressed newc archive.

Uncompressed because unpacking costs the guest more time than reading (measured: lab.md section 4); made at run time because
each NIC and transport wants other modules. Format: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodes.errors import LackingError
from nodes.kernel import filesystem
from nodes.kernel.kernels import OPTIONS, OWN, Kernel

_FILE, _PROGRAM, _FOLDER = 0o100644, 0o100755, 0o40755
_BLOCK_BYTES = 512


def compose(
    kernel: Kernel,
    nic: str,
    *,
    transport: str = "nbd",
    disk: bool = False,
    server: bool = False,
    module: bool = True,
    options: dict[str, str] | None = None,
    files: bytes = b"",
) -> bytes:
    """The archive for a guest with this NIC and swap device. `options` are added to those of the named modules; `files`:
    the metadata of the file system that it is to have instead of swap (`filesystem.metadata`).

    Raises UsageError or LackingError, as `Kernel.modules` does, or LackingError when a file of the image is missing.
    """
    names = [
        name
        for name in kernel.modules(nic, transport=transport, disk=disk, server=server, files=bool(files))
        if module or name != OWN
    ]
    told = OPTIONS | (options or {})
    contents = [("dev", _FOLDER, b""), ("proc", _FOLDER, b""), ("sys", _FOLDER, b""), ("m", _FOLDER, b"")]
    try:
        contents.append(("init", _PROGRAM, (kernel.folder / "init").read_bytes()))
        contents += [(f"m/{name}.ko", _FILE, (kernel.folder / "modules" / f"{name}.ko").read_bytes()) for name in names]
    except FileNotFoundError as error:
        raise LackingError(f"kernel {kernel.name}: {error.filename} is missing: make the image again") from None
    if files:
        contents.append((f"m/{filesystem.NAME}", _FILE, files))
    lines = "".join(f"{name} {told.get(name, '')}".strip() + "\n" for name in names)
    return archive([*contents, ("m/list", _FILE, lines.encode())])


def archive(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """A newc archive of (name, mode, content)."""
    parts = [_entry(number, *each) for number, each in enumerate([*files, ("TRAILER!!!", 0, b"")], start=1)]
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % _BLOCK_BYTES)


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
