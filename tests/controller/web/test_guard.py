"""What a strange page, or a name made to point at us, could send a person's browser to do: each is tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from webpages import SAME, Page, serving

from controller.web.guard import Door, host_of, is_loopback

RUN = "/api/runs/latest"
NEVER = "no-such-thing"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8090", "127.0.0.1.evil.example", "198.51.100.7", "[::2]:8090", ""]
)
def test_a_name_that_was_rebound_to_us_is_refused(page: Page, host: str) -> None:
    for path in ("/", "/api/runs", "/api/token", "/health", "/metrics"):
        refused = page.get(path, Host=host, **SAME)
        assert refused.status in (400, 403), path
        assert page.door.token not in refused.body.decode()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.8.8:80", "[::1]:8090"])
def test_loopback_by_any_name_is_us(page: Page, host: str) -> None:
    assert page.get("/api/runs", Host=host).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_gets_nothing_but_may_link_to_the_page(page: Page, site: str) -> None:
    assert "only this page itself" in page.get(RUN, Sec_Fetch_Site=site).error
    assert page.get("/api/token", Sec_Fetch_Site=site).status == 403
    assert page.get(RUN, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 403
    assert page.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 200
    assert page.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").status == 403
    refused = page.post(f"/api/runs/{NEVER}", method="DELETE", Sec_Fetch_Site=site)
    assert refused.status == 403, "even with the token"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://localhost:3000"]
)
def test_another_origin_is_refused_even_with_the_token(page: Page, origin: str) -> None:
    assert page.post(f"/api/runs/{NEVER}", method="DELETE", Origin=origin).status == 403
    assert page.get(RUN, Origin=origin).status == 403
    own = f"http://127.0.0.1:{page.port}"
    assert page.get(RUN, Origin=own).status == 200


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "OPTIONS"])
def test_what_changes_something_needs_the_token(page: Page, method: str) -> None:
    for token in ("", "wrong", page.door.token[:-1]):
        refused = page.ask(method, RUN, b"{}", X_Netreserve_Token=token, **SAME)
        assert refused.status == 403 and "needs the token" in refused.error
    assert "access-control-allow-origin" not in refused.headers


def test_the_page_itself_is_given_the_token_and_nobody_else(page: Page) -> None:
    assert page.get("/api/token", **SAME).json == {"token": page.door.token}
    for site in ({}, {"Sec-Fetch-Site": "none"}):
        assert page.get("/api/token", **site).status == 403
    assert Door.at("127.0.0.1").token != page.door.token


def test_nothing_outside_is_reached_by_a_path(page: Page, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "runs" / "secret.txt").write_text("secret")
    up = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "static/../../")
    for step in up:
        for path in (
            f"/{step * 6}etc/passwd",
            f"/{step * 3}guard.py",
            f"/api/runs/{step}secret.txt",
            f"/api/runs/{step * 2}x/report",
        ):
            answer = page.get(path)
            assert answer.status in (400, 404), path
            assert b"secret" not in answer.body.replace(b"secret.txt", b"") and b"root:" not in answer.body
    assert page.get("//etc/passwd").status == 404


def test_every_answer_says_what_a_browser_may_do_with_it(page: Page) -> None:
    for path in ("/", "/api/runs", "/api/runs/nope", "/nope", "/api/token"):
        headers = page.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("no-store" if path.startswith("/api") else "no-cache")
        assert "server" not in headers


def test_a_report_is_shown_in_a_box_of_its_own(page: Page, tmp_path: Path) -> None:
    folder = next((tmp_path / "runs" / "classic").glob("2*"))
    (folder / "report.html").write_text("<script>1</script>")
    policy = page.get(f"{RUN}/report").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts") and "allow-same-origin" not in policy


def test_beyond_loopback_everything_needs_the_token(tmp_path: Path) -> None:
    door = Door(beyond=True, names=frozenset({"lab.example"}))
    with serving(tmp_path / "runs", door) as page:
        for path in ("/", "/health", "/api/runs", "/api/token", "/metrics", "/openapi.json"):
            assert page.get(path, **SAME).status == 401, path
        assert page.get("/?token=wrong").status == 403
        led = page.get(f"/?token={door.token}")
        assert (led.status, led.headers["location"]) == (303, "/")
        kept = led.headers["set-cookie"]
        assert "HttpOnly" in kept and "samesite=strict" in kept.lower()
        cookie = kept.partition(";")[0]
        assert page.get("/api/runs", Cookie=cookie, Host="lab.example:8090").status == 200
        assert page.get("/api/runs", X_Netreserve_Token=door.token, Host="198.51.100.7:8090").status == 200
        assert page.get("/api/runs", Cookie=cookie, Host="evil.example").status == 403
        assert page.get("/api/runs", Cookie=f"{cookie[:-1]}~").status == 401
        assert page.get("/api/runs", Cookie='a b; =;;"').status == 401
        assert page.ask("DELETE", RUN, Cookie=cookie).status == 403, "a cookie alone changes nothing"
        given = page.get("/api/token", Cookie=cookie, Host="lab.example:8090")
        assert given.json == {"token": door.token}, "browsers send no Sec-Fetch-* to plain http beyond loopback"
        for site in ("none", "same-site", "cross-site"):
            assert page.get("/api/token", Cookie=cookie, Sec_Fetch_Site=site).status == 403, site
        changed = page.post(f"/api/runs/{NEVER}", method="DELETE", Cookie=cookie)
        assert changed.status == 404, "as the page does it: the guard lets it by"


def test_where_a_server_listens_decides_who_may_come() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "198.51.100.7", "lab", "")] == [False] * 5
    assert [host_of(text) for text in ("A:1", "[::1]:1", "[::1]", "::1", "x", "")] == ["a", "::1", "::1", "", "x", ""]
