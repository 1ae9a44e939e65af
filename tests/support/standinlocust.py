"""A small real HTTP server that answers as Locust's master does: state, start, stop."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from traffic.profiles import Aimed, parse_form


class StandInLocust:
    """`swarms` are the forms it was started with. `refusal`: what it answers instead of starting; `deaf`: it says yes and
    does nothing; `lost`: workers that send no heartbeats any more. While it goes it counts packets at `rate_pps`: what it
    was asked for, times `strength`."""

    def __init__(self) -> None:
        self.swarms: list[dict[str, str]] = []
        self.state, self.user_count, self.workers = "ready", 0, 2
        self.lost: set[int] = set()
        self.refusal, self.deaf, self.resets = "", False, 0
        self.strength, self.rate_pps, self._sent, self._since_ns = 1.0, 0, 0, 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> StandInLocust:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def begin(self) -> None:
        """Somebody presses start in the web page."""
        self._count()
        self.state, self.user_count = "running", 2
        self.rate_pps = round(self.strength * sum(aimed.flood.rate_pps for aimed in self._floods()))

    def end(self) -> None:
        """Somebody presses stop."""
        self._count()
        self.state, self.user_count, self.rate_pps = "stopped", 0, 0

    def _floods(self) -> tuple[Aimed, ...]:
        return parse_form(self.swarms[-1] if self.swarms else {}).floods

    def _entries(self) -> list[dict[str, object]]:
        """Each flood has its part of what was sent."""
        sent, floods = self._count(), self._floods()
        asked_pps = sum(aimed.flood.rate_pps for aimed in floods)
        parts = [{"name": aimed.label, "num_requests": sent * aimed.flood.rate_pps // asked_pps} for aimed in floods]
        return [*parts, {"name": "Aggregated", "num_requests": sent}]

    def _count(self) -> int:
        now_ns = time.monotonic_ns()
        self._sent += self.rate_pps * (now_ns - self._since_ns) // 1_000_000_000
        self._since_ns = now_ns
        return self._sent

    def answer(self, method: str, path: str, form: dict[str, str]) -> Any:
        match (method, path):
            case ("POST", "/swarm"):
                return self._swarm(form)
            case ("POST", "/stop"):
                self.end()
                return {"success": True, "message": "Test stopped"}
            case ("POST", "/stats/reset"):
                self.resets += 1
                self._count()
                self._sent = 0
                return "ok"
            case ("GET", "/stats/requests"):
                return self._stats()
        return None

    def _swarm(self, form: dict[str, str]) -> Any:
        if self.refusal:
            return {"success": False, "message": self.refusal, "host": None}
        self.swarms.append(form)
        if not self.deaf:
            self.begin()
        return {"success": True, "message": "Swarming started", "host": None}

    def _stats(self) -> Any:
        return {
            "stats": self._entries(),
            "errors": [],
            "total_rps": 10.0 if self.user_count else 0.0,
            "fail_ratio": 0.0,
            "state": self.state,
            "user_count": self.user_count,
            "workers": [
                {"id": str(number), "state": "missing" if number in self.lost else self.state}
                for number in range(self.workers)
            ],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply("GET")

            def do_POST(self) -> None:
                self._reply("POST")

            def _reply(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                answer = stand_in.answer(method, self.path, dict(parse_qsl(body)))
                text = answer if isinstance(answer, str) else json.dumps(answer)
                self.send_response(404 if answer is None else 200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: Any) -> None:
                pass

        return Handler
