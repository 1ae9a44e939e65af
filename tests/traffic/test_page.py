"""What somebody sees who opens Locust's page and has read nothing."""

from __future__ import annotations

import html
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import headlessbrowser
import pytest
from locusts import post, web
from requirements import require_programs

from traffic.page import NOTE_ID, dressed
from traffic.profiles import DEFAULT_SINKS, parse_form

BARE = '<html><head></head><body><div id="root"></div></body></html>'
FIELDS = {"kind": "udp", "rate": "20 kpps", "size": "1400 B", "targets": "<b>", "seconds": "60"}


@pytest.fixture(scope="module")
def locust() -> Iterator[str]:
    with web() as url:
        yield url


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_the_note_says_what_start_sends_and_quotes_what_it_is_given() -> None:
    page = dressed(BARE, FIELDS)
    assert "<b>Start</b> sends 20 kpps of udp junk, 1400 B each, to &lt;b&gt; for 60 s." in page
    assert page.index("</section>") < page.index('<div id="root">')


def test_the_page_tells_of_the_flood_that_its_form_sends(locust: str) -> None:
    text = html.unescape(fetched(locust))
    (aimed,) = (swarm := parse_form({})).floods
    assert f"sends {aimed.flood.rate_pps // 1000} kpps of {aimed.flood.kind} junk" in text
    assert f"to {swarm.targets[0]} for {swarm.seconds} s." in text


def test_the_default_flood_fills_the_default_sinks_in_seconds() -> None:
    (aimed,) = parse_form({}).floods
    flood = aimed.flood
    (sink,) = [sink for sink in DEFAULT_SINKS if sink.port == aimed.port]
    room_bytes = 2 * sink.sockets * sink.rcvbuf_bytes
    assert sink.reader == "stalled", "junk that is read at once takes no memory"
    assert room_bytes / (flood.rate_pps * flood.size_bytes) < 2, "seconds until all of it is taken"


def test_nobody_asks_for_a_host_after_a_flood() -> None:
    with web() as locust:
        assert post(f"{locust}/swarm", {"user_count": "1", "spawn_rate": "1", "seconds": "1", "targets": "127.0.0.1"})
        assert '"missing_host_warning": false' in fetched(locust)


@pytest.mark.browser
def test_the_form_stands_below_the_note_and_has_what_the_style_hides(locust: str, tmp_path: Path) -> None:
    require_programs("chromium")
    seen = headlessbrowser.look(locust, tmp_path).dom
    assert seen.index(NOTE_ID) < seen.index('id="root"') < seen.rindex("Custom parameters")
    hidden = re.findall(r'<div class="MuiFormControl-root[^>]*>(?:(?!MuiFormControl).)*?name="host"', seen, re.DOTALL)
    assert len(hidden) == 1, "the host's field is another one than the style hides"
    links = re.findall(r'<a [^>]*href="(https://[^"]+)"', seen)
    assert links and all("aka.ms" in link for link in links), "another advertisement than the style hides"
