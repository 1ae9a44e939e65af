"""Which packages a kernel is made of; apt itself is asked only where it knows kernels without a download."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.errors import LackingError, UsageError
from nodes.kernel import packages


@pytest.mark.parametrize(
    "name", ["", "amd64", "-amd64", "trixie-i386", "trixie/x-amd64", "trixie-", "trixie-a-b-amd64"]
)
def test_what_names_no_kernel_is_told(name: str) -> None:
    with pytest.raises(UsageError, match=r"a suite and a flavour do, .*suites: bookworm, trixie"):
        packages.named(name)


@pytest.mark.parametrize(
    ("name", "suite", "flavour"),
    [
        ("trixie-amd64", "trixie", "amd64"),
        ("bookworm-cloud-amd64", "bookworm", "cloud-amd64"),
        ("trixie-backports-amd64", "trixie-backports", "amd64"),
        ("trixie-backports-rt-amd64", "trixie-backports", "rt-amd64"),
    ],
)
def test_a_name_is_a_suite_and_a_flavour(name: str, suite: str, flavour: str) -> None:
    assert packages.named(name) == (suite, flavour)


ARCHIVES = """Debian|Debian|http://a/debian/|main|bookworm
Debian-Security|Debian|http://a/debian-security/|main|bookworm-security
"""


def apt(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str | LackingError]) -> list[tuple[str, ...]]:
    """apt that knows `answers`, by the first word that a call has; the calls that it gets."""
    calls: list[tuple[str, ...]] = []

    def call(*words: str, folder: Path | None = None) -> str:
        calls.append(words)
        answer = next((answers[word] for word in words if word in answers), "")
        if isinstance(answer, LackingError):
            raise answer
        return answer

    monkeypatch.setattr(packages, "_call", call)
    return calls


@pytest.mark.parametrize(
    ("suite", "security"), [("forky", True), ("sid", False), ("trixie-backports", False), ("bookworm-backports", False)]
)
def test_only_releases_and_testing_have_security_updates_of_their_own(
    suite: str, security: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt(monkeypatch, {"indextargets": ARCHIVES})
    packages._Apt(suite, tmp_path)
    lines = (tmp_path / "sources.list").read_text().splitlines()
    assert lines[0].endswith(f" http://a/debian/ {suite} main")
    assert [line.split()[-2] for line in lines[1:]] == ([f"{suite}-security"] if security else [])


def test_a_suite_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(monkeypatch, {"indextargets": ARCHIVES, "update": LackingError("apt-get update: E: no Release file")})
    with pytest.raises(LackingError, match=r"suite woody cannot be had \(.*no Release file\): there are .*, sid"):
        packages._Apt("woody", tmp_path)


def test_a_flavour_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "linux-image-amd64\nlinux-image-7.3.4+deb13-amd64\nlinux-image-rt-amd64\nlinux-image-amd64-dbg\n"
    apt(monkeypatch, {"indextargets": ARCHIVES, "depends": LackingError("apt-cache: no such"), "pkgnames": names})
    with pytest.raises(LackingError, match=r"has no kernel linux-image-huge-amd64: its flavours are amd64, rt-amd64$"):
        packages._Apt("sid", tmp_path).newest("huge-amd64")


def test_a_kernel_in_pieces_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 7.2 Debian's image package holds nothing itself: the kernel lies in linux-binary, its lists in linux-base."""
    release = "7.3.4+deb13-amd64"
    fetched: list[str] = []

    class Apt:
        def __init__(self, suite: str, folder: Path) -> None:
            """Knows one kernel."""

        def newest(self, flavour: str) -> str:
            return release

        def depends(self, package: str) -> list[str]:
            if package.startswith("linux-headers-"):
                return ["linux-base", "linux-kbuild-7.3.4+deb13", "gcc-14"]
            return ["kmod", *(f"linux-{piece}-{release}" for piece in ("base", "binary", "modules"))]

        def run(self, program: str, *words: str, folder: Path) -> str:
            fetched.extend(words[1:])
            for name in words[1:]:
                (folder / f"{name}_1.deb").touch()
            return ""

    def unpack(program: str, option: str, file: str, root: str) -> str:
        modules = Path(root) / "usr/lib/modules" / release
        modules.mkdir(parents=True, exist_ok=True)
        for piece, name in (("linux-binary-", "vmlinuz"), ("linux-base-", "modules.builtin")):
            if Path(file).name.startswith(piece):
                (modules / name).touch()
        (Path(root) / "usr/src" / f"linux-headers-{release}").mkdir(parents=True, exist_ok=True)
        return ""

    monkeypatch.setattr(packages, "_Apt", Apt)
    monkeypatch.setattr(packages, "_call", unpack)
    parts = packages.fetch("trixie-backports", "amd64", tmp_path)
    assert parts.modules == tmp_path / "root/usr/lib/modules" / release and parts.bzimage == parts.modules / "vmlinuz"
    assert {name.removesuffix(f"-{release}") for name in fetched} == {
        "linux-image", "linux-base", "linux-binary", "linux-modules", "linux-headers", "linux-kbuild-7.3.4+deb13"
    }  # fmt: skip


def test_headers_unpacked_elsewhere_find_the_common_ones(tmp_path: Path) -> None:
    headers = tmp_path / "usr" / "src" / "linux-headers-6.12"
    headers.mkdir(parents=True)
    (headers / "Makefile").write_text("include /usr/src/linux-headers-6.12-common/Makefile\n")
    packages._point_headers(tmp_path, headers)
    packages._point_headers(tmp_path, headers)
    assert (headers / "Makefile").read_text() == f"include {tmp_path}/usr/src/linux-headers-6.12-common/Makefile\n"


def test_system_without_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LackingError, match="fetched on a Debian system"):
        packages.fetch("trixie", "amd64", tmp_path)


def test_a_package_without_a_kernel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Apt:
        def __init__(self, suite: str, folder: Path) -> None:
            """Knows everything, and downloads empty packages."""

        def newest(self, flavour: str) -> str:
            return f"6.12.1-{flavour}"

        def depends(self, package: str) -> list[str]:
            return []

        def run(self, program: str, *words: str, folder: Path) -> None:
            for name in words[1:]:
                (folder / f"{name}_1.deb").touch()

    monkeypatch.setattr(packages, "_Apt", Apt)
    monkeypatch.setattr(packages, "_call", lambda *words: "")
    with pytest.raises(LackingError, match=r"linux-image-6\.12\.1-cloud-amd64 holds no kernel: boot/vmlinuz-6"):
        packages.fetch("trixie", "cloud-amd64", tmp_path)
