"""Which packages a kernel is made of; apt itself is asked only where it knows kernels without a download."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.errors import LackingError, UsageError
from nodes.kernel import packages


@pytest.mark.parametrize(
    ("suite", "flavour"), [("", "amd64"), ("trixie", "i386"), ("trixie/x", "amd64"), ("trixie", "")]
)
def test_what_names_no_kernel_is_told(suite: str, flavour: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a suite and a flavour"):
        packages.fetch(suite, flavour, tmp_path)


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
