from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import altair
import jsonschema
import msgspec
import pytest
import syntheticruns
from headlessbrowser import look
from msgspec import structs
from requirements import require_programs
from syntheticruns import CYCLE, recorded

from controller.experiment.record import Record, Result
from controller.report import charts, picture, timeline, write
from controller.report.page import locust_rows
from controller.report.words import look_of
from nodes.errors import UsageError
from nodes.eventkinds import Rescue

SIZE_MAX = 2_000_000
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
_VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(HTMLParser):
    """Tags in order, what they load, and whether every one that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.data: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def page(run: Record, folder: Path) -> str:
    return write(folder, run).read_text(encoding="utf-8")


def shown(text: str) -> str:
    """The page without scripts and styles, tags removed."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.S))


@pytest.mark.parametrize("name", syntheticruns.ALL)
def test_page_is_whole_small_and_self_contained(name: str, tmp_path: Path) -> None:
    run = syntheticruns.ALL[name]()
    text = page(run, tmp_path)
    outline = Outline(text)
    assert outline.open == []
    assert outline.loads == []
    assert len(text.encode()) < SIZE_MAX
    assert "default-src 'none'" in text
    assert "@import" not in text and "url(http" not in text
    assert run.result.tier in shown(text)


def test_the_timeline_is_what_vega_lite_takes() -> None:
    run = syntheticruns.cable_pull()
    made = charts.spec(timeline.build("initiator-1", run), "sim")
    altair.VConcatChart.from_dict(made, validate=True)
    with pytest.raises(jsonschema.ValidationError):
        altair.VConcatChart.from_dict(made | {"vconcat": "nothing"}, validate=True)


def test_first_comes_the_verdict_in_words(tmp_path: Path) -> None:
    text = page(syntheticruns.deadlock(), tmp_path)
    header = text[text.index("<header") : text.index("</header>")]
    for said in ("Deadlocked", "64 writes wait", "container", "none", "intact", 'class="verdict bad"'):
        assert said in header


@pytest.mark.parametrize(("revived", "word"), [(True, "Revived"), (False, "Not revived")])
def test_a_rescue_by_hand_is_headed_by_what_became_of_it(revived: bool, word: str) -> None:
    run = syntheticruns.adhoc()
    tried = (Rescue(remedy="policy memalloc", revived=revived, after_ns=2_450_000_000),)
    nodes = tuple(structs.replace(node, rescues=tried) for node in run.result.nodes)
    code = 0 if revived else 1
    result = structs.replace(run.result, scenario="rescue", kind="adhoc", nodes=nodes, exit_code=code)
    assert look_of(result).word == word
    assert look_of(structs.replace(result, scenario="adhoc")).word != word


def test_a_policy_switched_by_hand_stands_beside_the_first(tmp_path: Path) -> None:
    text = page(syntheticruns.adhoc(), tmp_path)
    assert "none → memalloc" in text[: text.index("</header>")]


def test_policies_that_a_run_by_hand_names_itself_stand_there_once(tmp_path: Path) -> None:
    run = syntheticruns.adhoc()
    run = structs.replace(run, result=structs.replace(run.result, policy="none, then memalloc"))
    text = page(run, tmp_path)
    header = text[: text.index("</header>")]
    assert "none → memalloc" in header and "memalloc → memalloc" not in header


def test_the_cycle_has_one_arrow_per_wait(tmp_path: Path) -> None:
    text = page(syntheticruns.deadlock(), tmp_path)
    assert text.count('<g class="arrow">') == len(CYCLE)
    assert text.count('<g class="box">') == len(CYCLE)
    assert "needs 97, has 88" in text


def test_without_a_cycle_it_says_what_was_used_and_dropped(tmp_path: Path) -> None:
    text = page(syntheticruns.healthy(), tmp_path)
    assert '<g class="arrow">' not in text
    assert re.search(r"The reserve was used: \d+ of 256 pages at most", text)
    assert "junk packets were dropped early" in text
    assert "The reserve was never touched" in page(syntheticruns.cable_pull(), tmp_path)


def test_nothing_measured_is_said_and_draws_nothing(tmp_path: Path) -> None:
    text = page(syntheticruns.inconclusive(), tmp_path)
    assert "Nothing was measured at this node." in text
    assert "<figure" not in text
    assert len(text) < 50_000, "no chart: the bundle is not needed"
    assert "vegaEmbed" not in page(recorded(Result(run="r", scenario="s")), tmp_path)


def test_more_than_four_initiators_stand_in_the_table(tmp_path: Path) -> None:
    text = page(syntheticruns.several(6), tmp_path)
    assert text.count("<figure") == 4
    assert "2 more initiators" in text
    assert "initiator-6" in text
    assert len(text.encode()) < SIZE_MAX
    assert text.index("on initiator-1") < text.index("initiator-2 alive"), "the worst comes first"


def test_text_of_a_run_is_escaped(tmp_path: Path) -> None:
    run = syntheticruns.deadlock()
    edge = msgspec.structs.replace(CYCLE[0], waiter=EVIL, resource=EVIL, why=EVIL)
    node = msgspec.structs.replace(run.result.nodes[0], reason=EVIL, cycle=(edge,))
    evil = msgspec.structs.replace(
        run.result, sentence=EVIL, scenario=EVIL, policy=EVIL, notes=(EVIL,), nodes=(node,), environment={EVIL: EVIL}
    )
    told = [syntheticruns.told(1, EVIL, "policy", policy=EVIL)]
    (tmp_path / "scenario.yaml").write_text(EVIL)
    (tmp_path / "locust.json").write_text(json.dumps([{"name": EVIL}]))
    text = page(recorded(evil, run.samples, [*run.events, *told]), tmp_path)
    plain = page(run, tmp_path)
    assert "<script>alert" not in text
    assert Outline(text).tags.count("script") == Outline(plain).tags.count("script")
    assert "img" not in Outline(text).tags


def test_files_of_the_folder_are_shown(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("name: classic  # as expanded")
    stats = {"stats": [{"method": "UDP", "name": "datagrams", "num_requests": 400_000, "current_rps": 19_987.4}]}
    (tmp_path / "locust.json").write_text(json.dumps(stats))
    text = page(syntheticruns.healthy(), tmp_path)
    assert "name: classic  # as expanded" in text
    assert "400,000" in text and "19,987" in text


@pytest.mark.parametrize("text", ["", "{", "3", '{"stats": 4}', '["x"]', "null"])
def test_statistics_that_are_none_are_not_shown(text: str) -> None:
    assert locust_rows(text) == []


def test_settings_not_as_asked_are_counted(tmp_path: Path) -> None:
    run = syntheticruns.healthy()
    off = msgspec.structs.replace(run.result.settings[1], in_force="100 Mbit")
    text = page(recorded(msgspec.structs.replace(run.result, settings=(off,)), run.samples, run.events), tmp_path)
    assert "1 not as asked" in text


def test_a_long_run_of_many_nodes_stays_small(tmp_path: Path) -> None:
    run = syntheticruns.several(4)
    long = [msgspec.structs.replace(s, t_ns=s.t_ns + n * 40 * 10**9) for n in range(8) for s in run.samples]
    assert len(page(recorded(run.result, long, run.events), tmp_path).encode()) < SIZE_MAX


def test_picture_is_a_png() -> None:
    run = syntheticruns.adhoc()
    assert picture(run, scale=1).startswith(b"\x89PNG\r\n")


def test_picture_of_nothing_is_refused() -> None:
    run = syntheticruns.inconclusive()
    with pytest.raises(UsageError, match=r"no samples of 'initiator-1'"):
        picture(run)


def test_bundle_cannot_end_its_own_script() -> None:
    assert "</script" not in charts.bundle().lower()
    assert "<!--" not in charts.bundle()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["deadlock", "inconclusive", "four"])
def test_a_browser_draws_it_without_a_word_or_a_request(name: str, tmp_path: Path) -> None:
    require_programs("chromium")
    run = syntheticruns.ALL[name]()
    seen = look(write(tmp_path, run), tmp_path)
    figures = seen.dom.split('<figure class="timeline"')[1:]
    assert len(figures) == len({sample.node for sample in run.samples})
    for figure in figures:
        drawn = figure[figure.index("</script>") : figure.index("</figure>")]
        assert "<svg" in drawn
        assert drawn.count("mark-line role-mark") >= 3, "a line mark in each panel"
        assert re.search(r'aria-roledescription="line mark"[^>]* d="M[^"]{500,}"', drawn), "a line with its points"
    assert seen.console == []
    assert seen.requests == []


@pytest.mark.browser
def test_the_browser_would_tell_of_errors_and_requests(tmp_path: Path) -> None:
    require_programs("chromium")
    bad = tmp_path / "bad.html"
    bad.write_text("<script>console.error('broken')</script><img src='http://198.18.0.1/picture.png'>")
    seen = look(bad, tmp_path)
    assert any("broken" in line for line in seen.console)
    assert any("198.18.0.1/picture.png" in line for line in seen.requests)
