"""Opens a page in headless Chromium as a person's browser would, and tells what happened."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--window-size=900,700",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this machine, whatever is asked for
    "--virtual-time-budget=5000",  # ms for the page's scripts; they pass as fast as the scripts let them
    "--dump-dom",
)
_BROWSER_ITSELF = "not an origin"
"""Chromium's word in its network log for who asked, when no page did (updates, time)."""


@dataclass(frozen=True)
class Seen:
    dom: str
    """The document after its scripts ran."""
    console: list[str]
    requests: list[str]
    """What the page asked of the network."""


def look(page: Path | str, folder: Path) -> Seen:
    """`page` opened from disk, or a URL of 127.0.0.1, with a new profile and the browser's log in `folder`."""
    where = page.as_uri() if isinstance(page, Path) else page
    log = folder / "network.json"
    command = ["chromium", *ARGUMENTS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return Seen(done.stdout, re.findall(r"CONSOLE.*?\] (.*)", done.stderr), _requests(log))


def _requests(log: Path) -> list[str]:
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    told = [event.get("params", {}) for event in events]
    return [params["url"] for params in told if params.get("initiator", _BROWSER_ITSELF) != _BROWSER_ITSELF]
