"""Real floods on loopback: what Locust reports is what arrived, and what cannot be asked for is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from locusts import UdpSinks, entries, get, headless, post, wait_for, web

from nodes.floods import Flood
from nodes.units import SECOND_NS
from traffic.profiles import Aimed, form


@pytest.fixture(scope="module")
def locust() -> Iterator[str]:
    with web() as url:
        yield url


def aimed(kind: str, port: int, sockets: int = 1, rate: str = "100 pps", seconds: int = 2) -> list[str]:
    fields = {"kind": kind, "port": port, "sockets": sockets, "rate": rate, "seconds": seconds}
    return ["--targets", "127.0.0.1", *(word for name, value in fields.items() for word in (f"--{name}", str(value)))]


def test_datagrams_arrive_as_counted_evenly_and_at_the_rate() -> None:
    with UdpSinks(4) as sinks:
        done = headless(*aimed("udp", sinks.port, sockets=4, rate="2 kpps"), "--size", "600 B", users=2)
        counted = entries(done)[f"datagrams to {sinks.port}-{sinks.port + 3}"]
        wait_for(lambda: sum(sinks.packets) == counted["num_requests"], "as many packets as counted", 5)
    assert done.returncode == 0
    assert 3000 <= sum(sinks.packets) <= 4100
    assert max(sinks.packets) - min(sinks.packets) <= 2
    assert sinks.sizes == {600}
    assert counted["num_failures"] == 0


def test_a_port_nobody_listens_on_is_a_failure_with_the_reason() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    done = headless(*aimed("udp", port, seconds=1))
    assert entries(done)[f"datagrams to {port}"]["num_failures"] > 10
    assert "refused: no sink listens there" in done.stderr


def test_a_stream_that_nobody_reads_shows_as_blocked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        done = headless(*aimed("tcp", server.getsockname()[1], rate="50 kpps", seconds=3))
    assert "blocked: nothing was accepted for 1 s" in done.stderr


def test_a_stream_is_paced() -> None:
    received: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = Thread(target=lambda: received.append(_drain(server.accept()[0])))
        reader.start()
        done = headless(*aimed("tcp", server.getsockname()[1], rate="1 kpps"))
        reader.join(10)
    (counted,) = [entry for name, entry in entries(done).items() if name.startswith("streams to")]
    assert received == [counted["num_requests"] * 1448]
    assert 1500 <= counted["num_requests"] <= 2050


def test_requests_are_posted() -> None:
    bodies: list[int] = []

    class Count(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Count)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        done = headless(*aimed("http", server.server_port, rate="50 pps"), "--size", "300 B")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert 60 <= entries(done)[f"requests to {server.server_port}"]["num_requests"] <= len(bodies) <= 100
    assert set(bodies) == {300}


def test_two_floods_go_at_once_each_at_its_rate_and_time() -> None:
    with UdpSinks(1) as video, UdpSinks(1) as logs:
        asked = [
            Aimed(flood=Flood(kind="udp", rate_pps=1000, size_bytes=1000, sockets=1), port=video.port),
            Aimed(
                flood=Flood(
                    kind="udp", rate_pps=400, size_bytes=200, sockets=1, start_ns=SECOND_NS, duration_ns=SECOND_NS
                ),
                port=logs.port,
            ),
        ]
        fields = form(asked, ("127.0.0.1",), 3)
        done = headless("--targets", "127.0.0.1", "--seconds", "3", "--floods", fields["floods"], users=2)
        counted = entries(done)
        wait_for(lambda: sum(logs.packets) == counted[asked[1].label]["num_requests"], "as many as counted", 5)
        assert 2200 <= sum(video.packets) == counted[asked[0].label]["num_requests"] <= 3100
        assert 250 <= sum(logs.packets) <= 450
        assert video.sizes == {1000} and logs.sizes == {200}


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    paths: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        headless(*aimed("http", server.server_port, rate="20 pps"))
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert set(paths) == {"/"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "20"], "netreserve: rate: '20' is not a packet rate"),
        (["--kind", "mix"], "netreserve: user_count: 1 users cannot send udp, tcp, http: 3 to 64"),
        (["--seconds", "0"], "netreserve: seconds: '0' is not a whole number from 1 to 3600"),
    ],
)
def test_headless_refuses_in_one_line(arguments: list[str], message: str) -> None:
    done = headless(*arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_junk_to_a_strange_address_is_refused_and_nothing_is_sent() -> None:
    done = headless("--targets", "192.0.2.1", "--seconds", "1")
    assert "targets: 192.0.2.1 is refused" in done.stderr
    assert done.returncode != 0 and not done.stdout, "it ends before there is anything to count"


def test_the_form_is_refused_with_the_field(locust: str) -> None:
    answer = post(f"{locust}/swarm", {"user_count": "2", "spawn_rate": "2", "rate": "fast"})
    assert answer["success"] is False
    assert str(answer["message"]).startswith("rate: 'fast' is not a packet rate")


def test_a_flood_from_the_form_ends_by_itself_and_only_one_runs(locust: str) -> None:
    with UdpSinks(1) as sinks:
        fields = {
            "user_count": "2",
            "spawn_rate": "2",
            "rate": "500 pps",
            "seconds": "2",
            "targets": "127.0.0.1",
            "sockets": "1",
            "port": str(sinks.port),
        }
        assert post(f"{locust}/swarm", fields)["success"] is True
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "running", "the flood", 5)
        assert "a flood is going on" in str(post(f"{locust}/swarm", fields)["message"])
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "stopped", "the flood's end", 10)
        assert 700 <= sum(sinks.packets) <= 1100


def test_a_field_that_is_left_out_has_its_default_whatever_flooded_before(locust: str) -> None:
    with UdpSinks(1) as before, UdpSinks(1) as now:
        several = [Aimed(flood=Flood(kind="udp", rate_pps=100, sockets=1, duration_ns=SECOND_NS), port=before.port)]
        assert post(f"{locust}/swarm", form(several, ("127.0.0.1",), 2))["success"] is True
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "running", "the flood before", 20)
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "stopped", "its end", 20)
        came = sum(before.packets)
        one = form([Aimed(flood=Flood(kind="udp", rate_pps=500, sockets=1), port=now.port)], ("127.0.0.1",), 2)
        del one["size"]
        answer = post(f"{locust}/swarm", one)
        assert answer["success"] is True, answer
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "running", "the flood that was asked for", 20)
        wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "stopped", "the flood's end", 10)
    assert 0 < sum(before.packets) == came
    assert now.sizes == {1400}


def _drain(connection: socket.socket) -> int:
    with connection:
        return sum(iter(lambda: len(connection.recv(65_536)), 0))
