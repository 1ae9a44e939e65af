"""What the kernel asks for, against the numbers that physics.md section 2 states, and those of real machines."""

import pytest

from nodes.machine.minfree import default_kib, huge_pages_kib, x86_zones


@pytest.mark.parametrize(
    ("mib", "kib"), [(128, 1448), (256, 2048), (512, 2896), (1024, 4096), (4096, 8192), (16384, 16384)]
)
def test_the_choice_at_boot(mib: int, kib: int) -> None:
    assert default_kib(mib << 10) == kib


def test_the_choice_has_bounds() -> None:
    assert default_kib(512) == 128
    assert default_kib(64 << 30) == 262_144


@pytest.mark.parametrize(
    ("mib", "zones", "kib"),
    [
        (128, 2, 6553),  # 5 % of it: a guest of 128 MiB
        (4096, 2, 45056),
        (16384, 3, 67584),
        (
            4096,
            1,
            22528,
        ),  # ODROID-N2+, arm64 with one zone (github.com/home-assistant/operating-system, pull request 1525)
    ],
)
def test_huge_pages_raise_it(mib: int, zones: int, kib: int) -> None:
    assert huge_pages_kib(mib << 10, zones) == kib


def test_zones_of_an_x86_machine() -> None:
    assert [x86_zones(mib << 10) for mib in (16, 17, 4096, 8192)] == [1, 2, 2, 3]
