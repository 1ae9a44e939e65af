"""Both versions of the memory cgroup, as the kernel writes them."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from nodes.cgroup import limit_bytes, oom_kills, rss_bytes

V1_NONE = "9223372036854771712\n"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("134217728\n")
    (tmp_path / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "memory.max").write_text("134217728\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 3\noom_kill 1\noom_group_kill 0\n")
    return tmp_path


def test_version_1(v1: Path) -> None:
    assert (limit_bytes(v1), oom_kills(v1)) == (128 << 20, 2)


def test_version_2(v2: Path) -> None:
    assert (limit_bytes(v2), oom_kills(v2)) == (128 << 20, 1)


def test_no_limit_is_0_in_version_2(v2: Path) -> None:
    (v2 / "memory.max").write_text("max\n")
    assert limit_bytes(v2) == 0


def test_no_limit_is_0_in_version_1(v1: Path) -> None:
    (v1 / "memory" / "memory.limit_in_bytes").write_text(V1_NONE)
    assert limit_bytes(v1) == 0


def test_a_kernel_without_the_files_tells_nothing(tmp_path: Path) -> None:
    assert (limit_bytes(tmp_path), oom_kills(tmp_path)) == (0, 0)


def test_rss_counts_what_this_process_touches() -> None:
    size = 16 << 20
    fresh = mmap.mmap(-1, size)  # from the kernel, not from memory that the process has had and freed
    before = rss_bytes()
    for start in range(0, size, mmap.PAGESIZE):  # not in one piece, which would take memory of its own
        fresh[start] = 1
    assert rss_bytes() - before == pytest.approx(size, rel=0.2)
