"""A kernel of Debian's as packages: image, headers and what builds modules, fetched by apt and unpacked beside the system.

Another suite's packages come from the same places as this system's own: their URIs are those of its apt sources.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nodes.errors import LackingError, UsageError

_SUITE = re.compile(r"[a-z]+")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Parts:
    """Where the unpacked pieces of one kernel are."""

    bzimage: Path
    modules: Path
    headers: Path


def fetch(suite: str, flavour: str, into: Path, *, release: str = "", debs: Path | None = None) -> Parts:
    """Downloads and unpacks a kernel: the suite's newest of this flavour (`amd64`, `cloud-amd64`), or `release`. What lies
    in `debs` already is not downloaded again.

    UsageError: no such suite or flavour can be. LackingError: apt cannot give it.
    """
    if not _SUITE.fullmatch(suite) or not re.fullmatch(r"[a-z0-9-]*amd64", flavour):
        raise UsageError(f"{suite}-{flavour} names no kernel: a suite and a flavour do, such as trixie-cloud-amd64")
    apt = _Apt(suite, into / "apt")
    release = release or apt.newest(flavour)
    debs = debs or into / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    headers = f"linux-headers-{release}"
    tools = [name for name in apt.depends(headers) if name.startswith(("linux-kbuild-", "linux-headers-"))]
    wanted = [f"linux-image-{release}", headers, *tools]
    apt.run("apt-get", "download", *wanted, folder=debs)
    root = into / "root"
    for name in wanted:
        _call("dpkg-deb", "-x", str(max(debs.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)), str(root))
    _point_headers(root, root / "usr/src" / headers)
    modules = next(root.glob(f"**/lib/modules/{release}"), root)
    images = (root / f"boot/vmlinuz-{release}", modules / "vmlinuz")
    bzimage = next((path for path in images if path.is_file()), None)
    if bzimage is None:
        raise LackingError(f"the package linux-image-{release} holds no kernel: boot/vmlinuz-{release} is not there")
    return Parts(bzimage, modules, root / "usr/src" / headers)


def _point_headers(root: Path, headers: Path) -> None:
    """Debian's headers name the common ones by their place in the system: here that is below `root`."""
    for name in ("Makefile", ".kernelvariables"):
        path = headers / name
        if path.is_file():
            path.write_text(re.sub(r"(?<![\w/])/usr/src/", f"{root}/usr/src/", path.read_text()))


class _Apt:
    """apt for one suite. The system's own lists are used where they have that suite, else lists in `folder`."""

    def __init__(self, suite: str, folder: Path) -> None:
        self._suite = suite
        self._options: list[str] = []
        targets = self.run(
            "apt-get", "indextargets", "--format", "$(LABEL)|$(ORIGIN)|$(REPO_URI)|$(COMPONENT)|$(CODENAME)"
        )
        rows = [line.split("|") for line in targets.splitlines()]
        if not any(row[1] == "Debian" and row[4].partition("-")[0] == suite for row in rows if len(row) == 5):
            self._make_lists(folder, [row for row in rows if len(row) == 5 and row[1] == "Debian" and row[3] == "main"])

    def _make_lists(self, folder: Path, rows: list[list[str]]) -> None:
        archive = next((row[2] for row in rows if row[0] == "Debian"), "")
        security = next((row[2] for row in rows if row[0] == "Debian-Security"), "")
        if not archive:
            raise LackingError(f"this system's apt sources name no Debian archive to take {self._suite} from")
        signed = f"[signed-by={_KEYRING}]"
        lines = [f"deb {signed} {archive} {self._suite} main"]
        lines += [f"deb {signed} {security} {self._suite}-security main"] if security else []
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.list").write_text("\n".join(lines) + "\n")
        self._options = [
            f"-oDir::Etc::SourceList={folder / 'sources.list'}", "-oDir::Etc::SourceParts=/dev/null",
            "-oDir::Etc::Preferences=/dev/null", "-oDir::Etc::PreferencesParts=/dev/null",
            f"-oDir::State::Lists={folder / 'lists'}", f"-oDir::Cache={folder / 'cache'}", "-oAcquire::Languages=none",
        ]  # fmt: skip
        self.run("apt-get", "-qq", "update")

    def run(self, program: str, *words: str, folder: Path | None = None) -> str:
        return _call(program, *self._options, "-oAPT::Sandbox::User=root", *words, folder=folder)

    def depends(self, package: str) -> list[str]:
        """Names of the packages that `package` depends on."""
        text = self.run("apt-cache", "depends", "--no-recommends", "--no-suggests", package)
        return re.findall(r"^\s*Depends: ([a-z0-9][\w.+-]+)$", text, re.MULTILINE)

    def newest(self, flavour: str) -> str:
        """The release that the suite's metapackage stands for now."""
        try:
            found = self.depends(f"linux-image-{flavour}")
        except LackingError:
            found = []
        for name in found:
            if name.startswith("linux-image-"):
                return name.removeprefix("linux-image-")
        raise LackingError(f"Debian {self._suite} has no kernel linux-image-{flavour} (or run `apt-get update` first)")


def _call(program: str, *words: str, folder: Path | None = None) -> str:
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, cwd=folder, env=environment
        )
    except FileNotFoundError:
        raise LackingError(f"the program {program} is missing: kernels are fetched on a Debian system") from None
    if done.returncode:
        raise LackingError(f"{program} {words[-1]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout
