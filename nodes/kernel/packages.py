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

SUITES = "bookworm, trixie, forky, sid, or with -backports, such as trixie-backports"
"""Those that Debian has at the time of writing; a name that is not here may be right later: apt tells."""
_NAME = re.compile(r"(?P<suite>[a-z]+(-backports)?)-(?P<flavour>([a-z0-9]+-)?amd64)")
_UNSTABLE = "sid"
_BACKPORTS = "-backports"
"""Security updates of these two come into the suite itself: the security archive has neither (Debian's security FAQ)."""
_PIECES = ("linux-base-", "linux-binary-", "linux-modules-")
"""What the image's package pulls in since it holds nothing itself (Debian's kernels from 7.2)."""
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Parts:
    """Where the unpacked pieces of one kernel are."""

    bzimage: Path
    modules: Path
    headers: Path


def named(name: str) -> tuple[str, str]:
    """Suite and flavour of a kernel's name: `trixie-backports-cloud-amd64` is (`trixie-backports`, `cloud-amd64`).

    Raises UsageError for another form.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(
            f"{name} names no kernel: a suite and a flavour do, such as trixie-cloud-amd64 (suites: {SUITES})"
        )
    return found["suite"], found["flavour"]


def fetch(suite: str, flavour: str, into: Path, *, release: str = "", debs: Path | None = None) -> Parts:
    """Downloads and unpacks a kernel: the suite's newest of this flavour (`amd64`, `cloud-amd64`), or `release`. What lies
    in `debs` already is not downloaded again.

    LackingError: apt cannot give it, with what it could.
    """
    apt = _Apt(suite, into / "apt")
    release = release or apt.newest(flavour)
    debs = debs or into / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    image, headers = f"linux-image-{release}", f"linux-headers-{release}"
    pieces = [name for name in apt.depends(image) if name.startswith(_PIECES)]
    tools = [name for name in apt.depends(headers) if name.startswith(("linux-kbuild-", "linux-headers-"))]
    wanted = [image, *pieces, headers, *tools]
    apt.run("apt-get", "download", *wanted, folder=debs)
    root = into / "root"
    for name in wanted:
        _call("dpkg-deb", "-x", str(max(debs.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)), str(root))
    _point_headers(root, root / "usr/src" / headers)
    modules = next((path.parent for path in root.glob(f"**/lib/modules/{release}/modules.builtin")), root)
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
        if security and self._suite != _UNSTABLE and not self._suite.endswith(_BACKPORTS):
            lines.append(f"deb {signed} {security} {self._suite}-security main")
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.list").write_text("\n".join(lines) + "\n")
        self._options = [
            f"-oDir::Etc::SourceList={folder / 'sources.list'}", "-oDir::Etc::SourceParts=/dev/null",
            "-oDir::Etc::Preferences=/dev/null", "-oDir::Etc::PreferencesParts=/dev/null",
            f"-oDir::State::Lists={folder / 'lists'}", f"-oDir::Cache={folder / 'cache'}", "-oAcquire::Languages=none",
        ]  # fmt: skip
        try:
            self.run("apt-get", "-qq", "update")
        except LackingError as error:
            raise LackingError(f"Debian's suite {self._suite} cannot be had ({error}): there are {SUITES}") from None

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
        known = ", ".join(self.flavours()) or "none; run `apt-get update` first"
        raise LackingError(f"Debian {self._suite} has no kernel linux-image-{flavour}: its flavours are {known}")

    def flavours(self) -> list[str]:
        """Those of the suite's kernels that a guest could boot."""
        names = self.run("apt-cache", "pkgnames", "linux-image-").split()
        found = (re.fullmatch(r"linux-image-(([a-z]+-)?amd64)", name) for name in names)
        return sorted(match[1] for match in found if match)


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
