"""Who may talk to Locust's web server: this machine's own pages and programs, no page of anybody else. Pure WSGI.

A browser carries any page's requests to 127.0.0.1, and a name that its owner points there makes them look like the page's
own. So each request is looked at before Locust sees it: whom it is addressed to, and where it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

HOSTS = frozenset({"localhost", "locust-master"})
"""Names that our web server goes by (compose/compose.yaml); an address is nobody's to point elsewhere."""
METHODS = frozenset({"GET", "HEAD", "POST"})
CLOSED = ("/user",)
"""Sets attributes of the classes that send: with them junk would go wherever somebody likes."""
BODY_BYTES_MAX = 64 << 10
"""Eight floods at once have 2 KiB (own)."""
OWN_PAGE = frozenset({"", "same-origin", "none"})
"""Values of Sec-Fetch-Site (W3C Fetch Metadata) for what our page asks, what a person typed, and what no browser sent."""

Start = Callable[..., Any]
App = Callable[[dict[str, Any], Start], Iterable[bytes]]


def refusal(method: str, path: str, headers: Mapping[str, str]) -> str:
    """Why a request is refused, one line; empty when it is not. `headers` by their names in lower case."""
    host, origin = headers.get("host", ""), headers.get("origin", "")
    site = headers.get("sec-fetch-site", "")
    if not known_host(host):
        return f"this server is not '{host}'"
    if origin and urlsplit(origin).netloc.lower() != host.lower():
        return f"a page of '{origin}' may ask nothing here"
    if site not in OWN_PAGE and not _opens_the_page(method, path, headers):
        return f"a page of another site may ask nothing here (Sec-Fetch-Site: {site})"
    if method not in METHODS:
        return f"{method} is not a method that is answered here"
    if any(path.rstrip("/").endswith(closed) for closed in CLOSED):
        return f"{path} is closed"
    length = headers.get("content-length") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return f"a request of {length} bytes: at most {BODY_BYTES_MAX} are read"
    if headers.get("transfer-encoding"):
        return "a request must say its length"
    return ""


def known_host(host: str) -> bool:
    """Whether `host`, with or without a port, is ours. A program that sends none (HTTP/1.0) is no browser."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return not host or name in HOSTS or _is_address(name)


def guarded(app: App) -> App:
    """`app` behind the guard; its answers allow no other origin to read them, or to frame its page."""

    def serve(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        why = refusal(str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", "")), _headers(environ))
        if why:
            body = json.dumps({"success": False, "message": why}).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            start("403 Forbidden", headers)
            return [body]

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start(status, [*kept, ("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff")], *more)

        return app(environ, begin)

    return serve


def _opens_the_page(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """A person follows a link from another page to ours."""
    return (method, path, headers.get("sec-fetch-dest", "")) == ("GET", "/", "document")


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    named = {key[5:]: str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    named |= {"CONTENT_LENGTH": str(environ.get("CONTENT_LENGTH") or "")}
    return {name.lower().replace("_", "-"): value for name, value in named.items()}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
