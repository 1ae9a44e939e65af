"""init and the module in a real kernel: swap over NBD that comes back intact, commands, sinks, and failures in one line."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from freeports import free_port, free_ports
from guests import Guest, guest, kernels_folder, target

from nodes.kernel import kernels
from nodes.kernel.kernels import Kernel
from nodes.kernel.protocol import FAILED, READY, Settings

pytestmark = pytest.mark.qemu

ADDRESS, HOST = "198.18.44.5/24", "198.18.44.2"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    return kernels.find(where=kernels_folder(tmp_path_factory.mktemp("kernels")))


@pytest.fixture(scope="module")
def swapping(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, int]]:
    """A guest whose swap area is the second half of the target's disk, and the port that is its port 8080."""
    folder, (port, forward) = tmp_path_factory.mktemp("guest"), free_ports(2)
    with target(port):
        settings = Settings(
            address=ADDRESS, target=f"{HOST}:{port}", swap_offset=128 << 20, swap_bytes=100 << 20, min_free_kb=2048,
            working_set_pages=24_000, tasks=2, udp_mem_pages=1000, sinks="http:8080:1:212992:fast,udp:9000:4:65536:stalled",
        )  # fmt: skip
        with guest(folder, kernel, settings, forward=forward) as running:
            assert READY in running.console()
            yield running, forward


def test_pages_come_back_from_the_target_as_they_were(swapping: tuple[Guest, int]) -> None:
    running, _ = swapping
    running.until(lambda: running.telemetry().progress > 1000)
    now = running.telemetry()
    assert now.swap_out > 1000 and now.swap_in > 100 and now.writes > 0
    assert now.verified >= now.progress - 64 and now.corrupt == 0 and now.dead == 0
    assert now.populated == 24_000
    assert now.snd_nxt and now.rcv_nxt
    assert 0 < now.min < now.low < now.high and now.lowest <= now.free + now.pcp
    assert 0 <= now.boost <= 4 * now.high, (
        "at most 150 % of high in each zone (watermark_boost_factor), told in every line"
    )
    assert all(" boost=" in line for line in running.lines() if line.startswith("T "))


def test_what_was_asked_on_the_command_line_is_in_force(swapping: tuple[Guest, int]) -> None:
    now = swapping[0].telemetry()
    assert (now.memalloc, now.min_free_kb, now.head_reserve, now.iface) == (0, 2048, 0, 0)
    assert "swap on /dev/nbd0p1, 102400 KiB" in swapping[0].console()


def test_every_probe_has_its_place_in_this_kernel(swapping: tuple[Guest, int]) -> None:
    running, _ = swapping
    now = running.telemetry()
    assert min(now.fail_head, now.fail_data, now.fail_page) >= 0
    assert "no probe on" not in running.console()


def test_commands_are_carried_out_and_told(swapping: tuple[Guest, int]) -> None:
    running, _ = swapping
    assert running.command("memalloc", 1) and running.telemetry().memalloc == 1
    assert running.command("memalloc", 0) and running.telemetry().memalloc == 0
    assert running.command("head_reserve", 1) and running.telemetry().head_reserve == 1
    assert running.command("iface", 1) and running.telemetry().iface == 1
    assert running.command("min_free_kb", 3072) and running.telemetry().min_free_kb == 3072
    assert running.command("give_heads", 16) and running.command("give_pages", 16)
    assert running.command("period_ms", 100)


@pytest.mark.parametrize(
    ("name", "value"), [("min_free_kb", 1), ("give_pages", 4096), ("period_ms", 0), ("unheard_of", 1)]
)
def test_commands_that_cannot_be_are_refused(swapping: tuple[Guest, int], name: str, value: int) -> None:
    assert not swapping[0].command(name, value)


def test_http_sink_answers_and_keeps_the_connection(swapping: tuple[Guest, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", swapping[1], timeout=30)
    for body in (None, b"x" * 5000, None):
        connection.request("POST" if body else "GET", "/any", body)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok\n")
    connection.close()


def test_http_sink_finds_a_body_whose_length_is_not_the_last_header(swapping: tuple[Guest, int]) -> None:
    with socket.create_connection(("127.0.0.1", swapping[1]), 30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\nHost: any\r\n\r\n\n\n\n\n\n\n\n\n\n")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            assert answers.read().count(b"200 OK") == 2


def test_commands_that_come_while_another_is_carried_out_are_kept(swapping: tuple[Guest, int]) -> None:
    running, _ = swapping
    last = running.commands([("memalloc", n % 2) for n in range(20)])
    running.until(lambda: running.telemetry().ack == last)
    assert running.telemetry().memalloc == 1 and running.telemetry().nak <= last - 20


def test_a_sender_is_stripped_of_its_rights_and_no_task_in_reclaim_sends(kernel: Kernel, tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(
        address=ADDRESS, target=f"{HOST}:{port}", swap_bytes=200 << 20, working_set_pages=40_000, tasks=8,
        sender_memalloc=False, boost_factor=0,
    )  # fmt: skip
    with target(port), guest(tmp_path, kernel, settings) as running:
        assert READY in running.console()
        running.until(lambda: running.telemetry().bare_sends > 0)
        now = running.telemetry()
        assert (now.memalloc, now.sender_memalloc, now.boost_factor, now.boost) == (0, 0, 0, 0)
        assert now.bare_reclaimers == 0 and now.swap_out > 0
        assert running.command("sender_memalloc", 1) and running.telemetry().sender_memalloc == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(address="nonsense"), "'nonsense' is not an address"),
        (Settings(address=ADDRESS, sinks="udp:9000:1:65536"), "sinks udp:9000:1:65536: kind:port"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    kernel: Kernel, tmp_path: Path, settings: Settings, words: str
) -> None:
    with guest(tmp_path, kernel, settings) as running:
        assert FAILED + words in running.console()
        running.process.wait(30)  # it has powered off


def test_target_that_refuses_is_told(kernel: Kernel, tmp_path: Path) -> None:
    settings = Settings(address=ADDRESS, target=f"{HOST}:{free_port()}")
    with guest(tmp_path, kernel, settings, nic="rtl8139") as running:
        assert f"{FAILED}target {settings.target}: Connection refused" in running.console()
