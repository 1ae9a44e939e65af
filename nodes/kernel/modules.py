"""A kernel's modules: which files there are, what each needs, which are built in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nodes.errors import UsageError
from nodes.kernel.vmlinux import unpack

_SUFFIX = re.compile(r"\.ko(\.(xz|gz|zst))?$")


@dataclass(frozen=True)
class Tree:
    """One kernel's folder of modules (`/lib/modules/<release>`)."""

    files: dict[str, Path]
    builtin: frozenset[str]


def plain(path: str) -> str:
    """A module's name as the kernel spells it: `drivers/block/nbd.ko.xz` is nbd, `nvme-tcp` is nvme_tcp."""
    return _SUFFIX.sub("", path.rpartition("/")[2]).replace("-", "_")


def read_tree(folder: Path) -> Tree:
    """The modules in `folder`. UsageError: it is not a folder of modules."""
    builtin = folder / "modules.builtin"
    if not builtin.is_file():
        raise UsageError(
            f"{folder} is not a folder of kernel modules: /lib/modules/<release> is, with modules.builtin in it"
        )
    files = {plain(path.name): path for path in sorted((folder / "kernel").rglob("*.ko*")) if _SUFFIX.search(path.name)}
    return Tree(files, frozenset(plain(line) for line in builtin.read_text().split()))


def content(path: Path) -> bytes:
    """A module's file, unpacked."""
    return unpack(path.read_bytes(), str(path))


def said(module: bytes, key: str) -> str:
    """What a module says of itself under `key`, such as `depends` or `vermagic` (its section .modinfo)."""
    found = re.search(rb"\0" + key.encode() + rb"=([^\0]*)\0", module)
    return found[1].decode() if found else ""


def collect(names: Iterable[str], tree: Tree) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    """Those of `names` that are files of the tree, and all that they need: content, and what each needs itself."""
    found: dict[str, tuple[bytes, tuple[str, ...]]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in tree.files:
            continue
        module = content(tree.files[name])
        needed = tuple(plain(word) for word in said(module, "depends").split(",") if word)
        found[name] = module, needed
        waiting += needed
    return found


def ordered(names: Iterable[str], needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """`names` with all they need, each once, what is needed first. Names not in `needs` are left out (built in)."""
    found: list[str] = []
    for name in names:
        if name in needs and name not in found:
            found += [each for each in (*ordered(needs[name], needs), name) if each not in found]
    return found
