"""Who may ask what: refuses what a strange page, or a name that was made to point at us, sends a person's browser to do.

The rules, in this order (docs/reference/web-api.md, "Who may ask"):
1. `Host` names loopback, or a name that we were told to answer to: a rebound DNS name is refused.
2. Beyond loopback everything needs the token; a browser has it as a cookie, once it was given it in an address.
3. A browser says where a request comes from (`Sec-Fetch-Site`, `Origin`): only our own page may ask, anybody may link to it.
4. What changes something needs the token as a header besides, which no page but ours can send or read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest, token_urlsafe
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.web.answers import refusal

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD"})
OURS = frozenset({"", "same-origin", "none"})
"""`Sec-Fetch-Site` of what no other site began: our page, a person's own address line, or what is not a browser."""
TOKEN_HEADER = "x-netreserve-token"
TOKEN_PATH = "/api/token"
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}
"""On every answer that does not say otherwise itself."""


@dataclass(frozen=True)
class Door:
    """Where we listen. `beyond`: also for other machines; `names`: what the page is called there, beside its addresses."""

    beyond: bool = False
    names: frozenset[str] = frozenset()
    token: str = field(default_factory=lambda: token_urlsafe(32))

    @classmethod
    def at(cls, host: str, names: Iterable[str] = ()) -> Door:
        """For a server that listens on `host`."""
        return cls(not is_loopback(host), frozenset(name.lower() for name in (host, *names)))

    def answers_to(self, host: str) -> bool:
        """Whether `host`, without its port, is one of ours. An address cannot be rebound: beyond loopback any will do."""
        return is_loopback(host) or host in self.names or (self.beyond and _address(host) is not None)

    def opens(self, token: str) -> bool:
        return compare_digest(token.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` is reached from this machine alone."""
    address = _address(host)
    return host.lower() in LOOPBACK or (address is not None and address.is_loopback)


def host_of(header: str) -> str:
    """The name or address in a `Host` header, in small letters and without brackets and port; empty when it has none."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") < 2 else ""


class Guard:
    """Wraps an application; `door` says who may come in."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store" if scope["path"].startswith("/api/") else "no-cache")
            await send(message)

        answer = self._wrong_host(scope) or self._let_in(scope) or self._wrong_origin(scope) or self._no_token(scope)
        await (answer or self._app)(scope, receive, dressed)

    def _wrong_host(self, scope: Scope) -> ASGIApp | None:
        given = Headers(scope=scope).getlist("host")
        host = host_of(given[0]) if len(given) == 1 else ""
        if host and self._door.answers_to(host):
            return None
        asked = " ".join(given) or "none"
        return refusal(
            403, f"Host is '{asked}': this page is at 127.0.0.1 or localhost, or at the name given with --host"
        )

    def _let_in(self, scope: Scope) -> ASGIApp | None:
        """None for who may go on. An address with the right token gives the cookie, and leads to the page without it."""
        if not self._door.beyond:
            return None
        cookie = f"netreserve-{(scope.get('server') or ('', 0))[1]}"
        headers = Headers(scope=scope)
        if scope["path"] == "/" and (given := parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            if not self._door.opens(given[0]):
                return refusal(403, "that token is not ours: `netreserve ui` prints the whole address when it starts")
            answer = RedirectResponse("/", 303)
            answer.set_cookie(cookie, self._door.token, httponly=True, samesite="strict")
            return answer
        if any(self._door.opens(token) for token in (headers.get(TOKEN_HEADER, ""), _cookie(headers, cookie))):
            return None
        return refusal(401, "this page is open to other machines, so everything needs the token: open the address that"
                       " `netreserve ui` printed, or send the token as X-Netreserve-Token")  # fmt: skip

    def _wrong_origin(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        site, origin = headers.get("sec-fetch-site", ""), headers.get("origin")
        if origin is not None and origin.lower() not in _origins(scope, headers):
            return refusal(403, f"Origin is '{origin}': only this page itself may ask")
        linked = scope["method"] in SAFE and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site in OURS or linked:
            return None
        return refusal(403, f"Sec-Fetch-Site is '{site}': only this page itself may ask")

    def _no_token(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        # beyond loopback the cookie was asked for already, and browsers say where they come from on https and loopback alone
        ours = site == "same-origin" or (site is None and self._door.beyond)
        if scope["path"] == TOKEN_PATH and not ours:
            return refusal(403, "the token is given to the page alone; `netreserve ui` prints it for scripts")
        if scope["method"] in SAFE or self._door.opens(headers.get(TOKEN_HEADER, "")):
            return None
        return refusal(403, f"{scope['method']} needs the token: the page asks for it at {TOKEN_PATH}, a script sends what"
                       " `netreserve ui` printed as X-Netreserve-Token")  # fmt: skip


def _origins(scope: Scope, headers: Headers) -> frozenset[str]:
    """Ours: as the browser wrote our address into its `Host`."""
    return frozenset({f"{scope.get('scheme', 'http')}://{headers.get('host', '').lower()}"})


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
