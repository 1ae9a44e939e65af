"""Makes a kernel's folder of the image: `python -m nodes.kernel.image build` from Debian's packages, `add` from your own.

The folder holds vmlinux (for PVH), init, kernel.json and modules/: those that a guest may ask for, unpacked, and
netreserve's own, built against the kernel's headers.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from nodes.errors import LackingError, NetreserveError, UsageError
from nodes.kernel import kernels, packages
from nodes.kernel.modules import collect, read_tree, said
from nodes.kernel.vmlinux import extract, release_of

_NO_BTF = "CONFIG_DEBUG_INFO_BTF_MODULES="
"""BTF would want pahole and the kernel with its debug information."""
SOURCES = Path(__file__).parent / "guest"
WANTED = (
    "virtio_pci", "virtio_blk", "nbd", "nvme_tcp", *kernels.SERVER, kernels.FILE_SYSTEM, *kernels.CHECKSUM,
    *(module for drivers in kernels.DRIVERS.values() for module in drivers),
)  # fmt: skip
"""Modules that some guest may ask for."""
COMPILERS = ("musl-gcc", "gcc")
"""For init, the first that is there: musl makes it small (75 KiB against 800)."""
FOREIGN_HEADERS = ("/usr/include", "/usr/include/x86_64-linux-gnu")
"""The kernel's user-space headers, which musl does not bring; searched last."""


def build_init(into: Path) -> None:
    """Compiles init. LackingError: no compiler, or no static C library."""
    compiler = next(filter(shutil.which, COMPILERS), None)
    if compiler is None:
        raise LackingError("no C compiler for the guest's init: install musl-tools, or gcc and libc6-dev")
    command = [compiler, "-static", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-s", "-o", str(into)]
    for folder in FOREIGN_HEADERS if compiler.startswith("musl") else ():
        command += ["-idirafter", folder]
    _run([*command, *map(str, sorted(SOURCES.glob("*.c")))], "the guest's init does not compile")


def build_module(headers: Path, release: str) -> bytes:
    """The policy module for a kernel. LackingError: it does not build, or is not for `release` (its vermagic)."""
    with tempfile.TemporaryDirectory(prefix="netreserve-") as folder:
        sources = Path(folder) / "guest"
        shutil.copytree(SOURCES, sources)
        command = ["make", "-s", "-C", str(headers), f"M={sources / 'module'}", *_compiler(headers), _NO_BTF, "modules"]
        _run(command, f"the policy module does not build against {headers}")
        built = sources / "module" / f"{kernels.OWN}.ko"
        _strip(built)
        module = built.read_bytes()
    _check_vermagic(module, release, str(headers))
    return module


def _compiler(headers: Path) -> list[str]:
    """Debian's headers name the compiler that made the kernel; a newer one does where that is not there."""
    variables = headers / ".kernelvariables"
    named = re.search(r"gcc-\d+", variables.read_text()) if variables.is_file() else None
    return ["CC=gcc"] if named and shutil.which(named[0]) is None else []


def _strip(module: Path) -> None:
    """A guest checks no signature and reads no BTF: both cost it time and memory."""
    _run(
        ["strip", "--strip-debug", "--remove-section=.BTF", "--remove-section=.BTF.base", str(module)],
        f"cannot strip {module.name}",
    )


def _check_vermagic(module: bytes, release: str, source: str) -> None:
    magic = said(module, "vermagic").partition(" ")[0]
    if magic != release:
        raise LackingError(f"{source}: its modules are for kernel {magic or '(unknown)'}, not for {release}")


def _check_release(bzimage: Path, release: str) -> None:
    """UsageError: `bzimage` is of another release, whose modules it would refuse, at every boot."""
    found = release_of(bzimage)
    if found and found != release:
        raise UsageError(
            f"{bzimage} is kernel {found}, the modules are for {release}: give image and modules of one build"
        )


def make(name: str, into: Path, *, bzimage: Path, modules: Path, headers: Path | None, source: str) -> kernels.Kernel:
    """A kernel's folder at `into`, whole or not at all. `modules` is /lib/modules/<release>.

    Raises UsageError for files that do not belong together, LackingError for what is missing to build with.
    """
    if into.exists():
        raise UsageError(f"{into} is there already: remove it first, or choose another name")
    if headers is None:
        raise LackingError("the policy module must be built against the kernel's headers: name them with --headers")
    if not (headers / "Makefile").is_file():
        raise LackingError(f"{headers} holds no kernel headers: /usr/src/linux-headers-{modules.name} would")
    tree = read_tree(modules)
    found = collect(WANTED, tree)
    for own in list(found)[:1]:
        _check_vermagic(found[own][0], modules.name, str(modules))
    _check_release(bzimage, modules.name)
    kernel = kernels.Kernel(
        name=name,
        release=modules.name,
        source=source,
        needs={module: needs for module, (_, needs) in sorted(found.items())},
        builtin=tuple(sorted(tree.builtin.intersection(WANTED))),
    )
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=into.parent) as folder:
        draft = Path(folder) / "kernel"
        (draft / "modules").mkdir(parents=True)
        (draft / "vmlinux").write_bytes(extract(bzimage))
        build_init(draft / "init")
        for module, (content, _) in found.items():
            path = draft / "modules" / f"{module}.ko"
            path.write_bytes(content)
            _strip(path)
        (draft / "modules" / f"{kernels.OWN}.ko").write_bytes(build_module(headers, kernel.release))
        (draft / "kernel.json").write_bytes(msgspec.json.format(msgspec.json.encode(kernel)))
        draft.rename(into)
    return msgspec.structs.replace(kernel, place=str(into))


def _run(command: list[str], failure: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "CFLAGS", "ARCH")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        raise LackingError(f"{failure}: the program {command[0]} is missing") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("make")] or done.stderr.splitlines()
        words = [line for line in said if "error" in line.lower()] or said or [f"{command[0]} said nothing"]
        raise LackingError(f"{failure}: {'; '.join(words[:3])}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nodes.kernel.image", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--into", type=Path, default=kernels.folder(), help="the folder of kernels (default: %(default)s)"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="from Debian's packages")
    build.add_argument(
        "names", nargs="+", metavar="SUITE-FLAVOUR", help=f"such as trixie-amd64; suites: {packages.SUITES}"
    )
    build.add_argument(
        "--release", default="", help="this release instead of the suite's newest (6.12.117+deb12-amd64)"
    )
    build.add_argument("--debs", type=Path, help="a folder that keeps the packages for the next time")
    add = verbs.add_parser("add", help="from files of your own")
    add.add_argument("name")
    add.add_argument("--bzimage", type=Path, required=True, help="the kernel image, as in /boot")
    add.add_argument("--modules", type=Path, required=True, help="/lib/modules/<release> of that kernel")
    add.add_argument("--headers", type=Path, help="/usr/src/linux-headers-<release>, or the kernel's build folder")
    return parser


def _build(name: str, release: str, debs: Path | None, into: Path) -> kernels.Kernel:
    suite, flavour = packages.named(name)
    with tempfile.TemporaryDirectory(prefix="netreserve-") as folder:
        parts = packages.fetch(suite, flavour, Path(folder), release=release, debs=debs)
        return make(
            name,
            into / name,
            bzimage=parts.bzimage,
            modules=parts.modules,
            headers=parts.headers,
            source=f"Debian {suite}",
        )


def main(words: list[str] | None = None) -> int:
    """The command; its exit code is the error's."""
    asked = _arguments().parse_args(words)
    try:
        if asked.verb == "add":
            made = [
                make(
                    asked.name, asked.into / asked.name, bzimage=asked.bzimage, modules=asked.modules,
                    headers=asked.headers, source="your own",
                )
            ]  # fmt: skip
        else:
            made = [_build(name, asked.release, asked.debs, asked.into) for name in asked.names]
        default = asked.into / kernels.DEFAULT
        if not default.is_symlink():
            default.symlink_to(made[0].name)
    except NetreserveError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"netreserve: {error}", file=sys.stderr)
        return LackingError.exit_code
    for kernel in made:
        print(f"{kernel.folder}: {kernel.release}, NICs {', '.join(kernel.nics())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
