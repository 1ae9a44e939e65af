"""Making a kernel's folder: what is compiled is compiled for real, what is wrong is told before anything is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kernelfiles
import pytest
from requirements import require_programs

from nodes.kernel import image, kernels
from nodes.kernel.modules import said

ROOT = Path(__file__).resolve().parents[3]


def add(tmp_path: Path, *words: str, release: str = kernelfiles.RELEASE, kernel: bytes = b"") -> int:
    bzimage = tmp_path / "vmlinuz"
    bzimage.write_bytes(kernel or kernelfiles.bzimage(kernelfiles.elf()))
    modules = kernelfiles.tree(tmp_path, release)
    return image.main(
        ["--into", str(tmp_path / "vm"), "add", "own", "--bzimage", str(bzimage), "--modules", str(modules), *words]
    )


def headers(tmp_path: Path) -> Path:
    """What looks like kernel headers, until something is built against it."""
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "Makefile").write_text("modules:\n\t@echo nothing to build >&2; exit 1\n")
    return tmp_path / "headers"


def test_init_compiles_without_a_warning_and_stands_alone(tmp_path: Path) -> None:
    require_programs("gcc")
    image.build_init(tmp_path / "init")
    kind = subprocess.run(["readelf", "-l", str(tmp_path / "init")], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in kind
    warned = subprocess.run(
        ["gcc", "-fsyntax-only", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", *map(str, image.SOURCES.glob("*.c"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert warned.returncode == 0, warned.stderr


def test_what_a_module_refers_to_is_left_in_it(tmp_path: Path) -> None:
    """e1000e of 7.3 refers to symbols in .BTF_ids, which goes with .BTF in name only."""
    require_programs("gcc", "strip", "readelf")
    module = tmp_path / "e1000e.ko"
    source = (
        '__attribute__((section(".BTF_ids"), used)) int id; int *at = &id;'
        ' __asm__(".pushsection .BTF; .long 1; .popsection");'
    )
    command = ["gcc", "-c", "-xc", "-o", str(module), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    image._strip(module)
    left = subprocess.run(["readelf", "-SW", str(module)], capture_output=True, text=True, check=True).stdout
    assert " .BTF_ids " in left and " .BTF " not in left


def test_without_headers_it_says_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_programs("gcc", "strip")
    assert add(tmp_path) == 3
    assert "--headers" in capsys.readouterr().err
    assert not (tmp_path / "vm").exists()


def test_folder_that_is_no_headers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_programs("gcc", "strip")
    assert add(tmp_path, "--headers", str(tmp_path)) == 3
    assert "holds no kernel headers" in capsys.readouterr().err


def test_nothing_is_left_of_a_kernel_that_could_not_be_made(tmp_path: Path) -> None:
    require_programs("gcc")
    assert add(tmp_path, "--headers", str(headers(tmp_path)), kernel=b"no kernel") == 2
    assert not list((tmp_path / "vm").iterdir())


def test_modules_of_another_kernel_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    modules = kernelfiles.tree(tmp_path)
    renamed = modules.rename(modules.with_name("5.0"))
    (tmp_path / "vmlinuz").write_bytes(kernelfiles.bzimage(kernelfiles.elf()))
    words = ["add", "own", "--bzimage", str(tmp_path / "vmlinuz"), "--modules", str(renamed)]
    words += ["--headers", str(headers(tmp_path))]
    assert image.main(["--into", str(tmp_path / "vm"), *words]) == 3
    assert f"its modules are for kernel {kernelfiles.RELEASE}, not for 5.0" in capsys.readouterr().err


def test_image_of_another_kernel_than_its_modules_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = kernelfiles.bzimage(kernelfiles.elf(), "6.12.2+test (somebody@somewhere) #1 SMP")
    assert add(tmp_path, "--headers", str(headers(tmp_path)), kernel=other) == 2
    assert f"is kernel 6.12.2+test, the modules are for {kernelfiles.RELEASE}" in capsys.readouterr().err
    assert not (tmp_path / "vm").exists()


def test_kernel_of_your_own_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_programs("gcc", "make", "strip")
    compiled = headers(tmp_path) / "own.ko"
    (tmp_path / "headers" / "Makefile").write_text("modules:\n\tcp own.ko $(M)/netreserve.ko\n")
    said = f'"\\0vermagic={kernelfiles.RELEASE} SMP"'
    source = f'const char info[] __attribute__((section(".modinfo"))) = {said};'
    subprocess.run(["gcc", "-xc", "-c", "-o", str(compiled), "-"], input=source.encode(), check=True)
    modules = kernelfiles.tree(tmp_path)
    for path in modules.rglob("*.ko*"):
        path.write_bytes(compiled.read_bytes())
    kernel = kernelfiles.bzimage(kernelfiles.elf(), f"{kernelfiles.RELEASE} (somebody@somewhere) #1 SMP")
    (tmp_path / "vmlinuz").write_bytes(kernel)
    words = ["add", "own", "--bzimage", str(tmp_path / "vmlinuz"), "--modules", str(modules)]
    assert image.main(["--into", str(tmp_path / "vm"), *words, "--headers", str(tmp_path / "headers")]) == 0
    assert f"{kernelfiles.RELEASE}, NICs e1000e" in capsys.readouterr().out
    made = kernels.find("own", tmp_path / "vm")
    assert (made.release, made.modules("e1000e")) == (kernelfiles.RELEASE, ("e1000e", "nbd", kernels.OWN))
    assert kernels.find("", tmp_path / "vm").name == "own"
    assert made.vmlinux.read_bytes() == kernelfiles.elf()
    present = {path.name for path in (made.folder / "modules").iterdir()}
    assert present == {"e1000e.ko", "nbd.ko", "nvme_tcp.ko", "netreserve.ko"}


def test_kernel_of_that_name_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vm" / "own").mkdir(parents=True)
    assert add(tmp_path) == 2
    assert "is there already" in capsys.readouterr().err


def test_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "add",
        "own",
        "--bzimage",
        str(tmp_path / "none"),
        "--modules",
        str(kernelfiles.tree(tmp_path)),
        "--headers",
        "/",
    ]
    assert image.main(["--into", str(tmp_path / "vm"), *words]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_vermagic_is_read_as_modinfo_reads_it(tmp_path: Path) -> None:
    assert said(kernelfiles.module("a,b"), "depends") == "a,b"
    assert said(b"no module", "vermagic") == ""


def test_the_stage_that_builds_kernels_has_all_that_the_builder_imports(tmp_path: Path) -> None:
    """It holds no more of the project, so that a change elsewhere does not build kernels anew."""
    stage = (ROOT / "compose" / "kernel.Dockerfile").read_text().partition("AS kernels")[2].partition("\nFROM ")[0]
    for line in re.findall(r"^COPY (.*)$", stage.replace("\\\n", ""), re.MULTILINE):
        *sources, into = line.split()
        for source in map(Path, sources):
            place = tmp_path / (into if (ROOT / source).is_dir() else Path(into) / source.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    command = [sys.executable, "-m", "nodes.kernel.image", "--help"]
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "NETRESERVE_COMPILED": "never"}
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
