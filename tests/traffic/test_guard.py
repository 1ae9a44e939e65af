"""No page of anybody else's starts, stops or reads a flood."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from locusts import get, post, wait_for, web

from traffic.guard import BODY_BYTES_MAX, guarded, known_host, refusal

PAGE = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}


@pytest.mark.parametrize("host", ["", "127.0.0.1:8089", "localhost", "LOCALHOST:1", "[::1]:8089", "locust-master:8089"])
def test_hosts_that_are_ours(host: str) -> None:
    assert known_host(host)
    assert refusal("GET", "/stats/requests", {"host": host}) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8089", "127.0.0.1.evil.example", "x@y", "[::1"]
)
def test_hosts_that_are_not(host: str) -> None:
    assert refusal("GET", "/", {"host": host}) == f"this server is not '{host}'"


@pytest.mark.parametrize(
    ("method", "path", "headers", "told"),
    [
        ("POST", "/swarm", {"origin": "http://evil.example"}, "a page of 'http://evil.example'"),
        ("POST", "/stop", {"origin": "null"}, "a page of 'null'"),
        ("POST", "/swarm", {"origin": "http://127.0.0.1:8090"}, "a page of"),
        ("POST", "/stop", {"sec-fetch-site": "cross-site"}, "another site"),
        ("GET", "/stats/requests", {"sec-fetch-site": "same-site"}, "another site"),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, "another site"),
        ("GET", "/stats/report", PAGE, "another site"),
        ("OPTIONS", "/swarm", {}, "OPTIONS is not a method"),
        ("POST", "/user", {}, "/user is closed"),
        ("POST", "//user/", {}, "//user/ is closed"),
        ("POST", "/swarm", {"content-length": str(BODY_BYTES_MAX + 1)}, "a request of"),
        ("POST", "/swarm", {"content-length": "x"}, "a request of x bytes"),
        ("POST", "/swarm", {"transfer-encoding": "chunked"}, "must say its length"),
    ],
)
def test_what_is_refused(method: str, path: str, headers: dict[str, str], told: str) -> None:
    assert told in refusal(method, path, {"host": "127.0.0.1:8089", **headers})


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/swarm", {"origin": "http://127.0.0.1:8089", "sec-fetch-site": "same-origin"}),
        ("GET", "/", {"sec-fetch-site": "none"}),
        ("GET", "/", PAGE),
        ("POST", "/stop", {}),
    ],
)
def test_our_own_page_a_person_and_a_program_are_answered(method: str, path: str, headers: dict[str, str]) -> None:
    assert refusal(method, path, {"host": "127.0.0.1:8089", **headers}) == ""


def test_answers_let_no_other_origin_read_them() -> None:
    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Type", "text/html")])
        return [b"x"]

    told: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    assert guarded(app)(environ, lambda *said: told.append(said)) == [b"x"]
    names = {name for name, _ in told[0][1]}
    assert names == {"Content-Type", "X-Frame-Options", "X-Content-Type-Options"}


@pytest.fixture(scope="module")
def locust() -> Iterator[str]:
    with web() as url:
        yield url


def asked(
    url: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, body, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_locust_itself_stands_behind_the_guard(locust: str) -> None:
    code, _, body = asked(f"{locust}/stop", "POST", b"", Origin="http://evil.example")
    assert (code, json.loads(body)["success"]) == (403, False)
    assert asked(f"{locust}/stats/requests", Host="evil.example")[0] == 403
    assert asked(f"{locust}/user", "POST", b'{"user_class_name": "HttpUser", "host": "http://192.0.2.1"}')[0] == 403
    code, headers, _ = asked(f"{locust}/stats/requests", Sec_Fetch_Site="same-origin")
    assert code == 200
    assert not [name for name in headers if name.lower().startswith("access-control")]


FLOOD = {"user_count": "2", "spawn_rate": "2"}


@pytest.mark.parametrize("field", ["headless", "share", "master_host", "expect_workers", "users"])
def test_only_known_fields_start_a_flood(locust: str, field: str) -> None:
    answer = post(f"{locust}/swarm", {**FLOOD, "targets": "127.0.0.1", field: "true"})
    assert (answer["success"], str(answer["message"]).startswith(f"{field}: no such field")) == (False, True)
    assert get(f"{locust}/stats/requests")["state"] == "ready"


@pytest.mark.parametrize("target", ["192.0.2.1", "evil.example", "8.8.8.8", "127.0.0.1,10.0.0.1", "::1"])
def test_a_foreign_target_is_refused_in_the_answer(locust: str, target: str) -> None:
    answer = post(f"{locust}/swarm", {**FLOOD, "targets": target})
    assert (answer["success"], "is refused" in str(answer["message"])) == (False, True)
    wait_for(lambda: get(f"{locust}/stats/requests")["state"] == "ready", "nothing begun", 2)
