"""The reference pages have everything that the code has, and nothing else."""

from __future__ import annotations

import importlib
import re
import subprocess
from typing import get_args

import msgspec
import pytest
from docpages import DOCS, ROOT, prose_of, section, slugs, table, words
from msgspec import Struct

from controller import api
from controller.experiment import evidence, expect, finding, record, trace, verdicts
from controller.store.folder import SAMPLE_FIELDS
from controller.studies.debate import VARIANTS
from nodes import eventkinds, messages
from nodes.machine.allocators import ALLOCATORS
from nodes.machine.nic import NICS
from nodes.machine.policies import POLICIES
from nodes.machine.policies.memalloc import RX_RESERVE_PAGES, TX_RESERVE_PAGES
from nodes.units import format_ns

# ---- policies, cards, verdicts


def test_every_policy_has_its_section_and_row() -> None:
    assert {title for title in slugs(DOCS / "reference" / "policies.md") if title in POLICIES} == set(POLICIES)
    assert list(table("policies", "Policies")) == list(POLICIES)
    for name in POLICIES:
        text = section("policies", name)
        assert all(part in text for part in ("**Decides**", "**Source**", "**Loses**")), name


def test_what_policies_do_is_as_documented() -> None:
    for name, cells in table("policies", "Policies").items():
        policy = POLICIES[name]
        assert cells[2] == f"{policy.reserve_for(policy.allocators[0])} pages"
        assert cells[5] == ("local disk" if policy.local_disk else "network")
        assert ("dropped" in cells[3]) is not policy.on_demux(False), name
        assert ("dropped" in cells[4]) is not policy.on_icmp(), name
        assert cells[1].startswith("no") is not policy.on_head_shortage(), name
    memalloc = section("policies", "memalloc")
    assert f"{RX_RESERVE_PAGES} pages" in memalloc and f"{TX_RESERVE_PAGES} for sending" in memalloc


def test_every_column_of_the_debate_names_what_it_is_made_after() -> None:
    told = table("policies", "Which posting each column follows")
    assert list(told) == list(VARIANTS)
    for name, (settings, follows) in told.items():
        variant = VARIANTS[name]
        assert follows and follows == variant.follows, name
        assert settings.replace("`", "").replace(" with a floor of 4 KiB", "") == variant.settings["policy"], name


def test_every_allocator_is_documented() -> None:
    assert set(ALLOCATORS) <= words(section("policies", "Packet allocators"))


def test_the_table_of_who_hangs_is_the_tested_one() -> None:
    golden = (ROOT / "tests" / "golden" / "machine.txt").read_text().splitlines()[1:]
    told = table("policies", "Which policy hangs on which card")
    columns = dict(zip(("none", "mainline", "memalloc"), range(3), strict=True))
    for nic, policy, end, *rest in (line.split() for line in golden if line.strip()):
        cell = told[nic][columns[policy]]
        assert cell.startswith(end), (nic, policy)
        assert end == "lives" or cell.partition(": ")[2] in " ".join(rest), (nic, policy, rest)


def test_every_card_is_documented_as_it_is() -> None:
    told = table("nics", "Models")
    assert list(told) == list(NICS)
    for name, cells in told.items():
        nic = NICS[name]
        yes = {True: "yes", False: "no"}
        watchdog = format_ns(nic.watchdog_ns) if nic.watchdog_ns else "none"
        batch, copybreak = str(nic.refill_batch), str(nic.copybreak_bytes)
        how = [f"`{nic.refill}`", f"`{nic.data}`", str(nic.data_bytes), str(nic.ring_slots)]
        assert cells == [*how, batch, copybreak, yes[nic.heads_in_ring], watchdog], name


def test_every_verdict_has_its_section() -> None:
    titles = re.findall(r"^## (\w+)$", prose_of(DOCS / "reference" / "verdicts.md"), re.MULTILINE)
    assert set(titles) - {"Figures", "Data"} == set(get_args(verdicts.VerdictName))


def test_the_figures_of_the_verdicts_are_those_of_the_code() -> None:
    for name, cells in table("verdicts", "Figures").items():
        value = next(getattr(module, name) for module in (finding, trace, evidence) if hasattr(module, name))
        assert cells[0] == (format_ns(value) if name.endswith("_NS") else f"{value:.0%}".replace("%", " %")), name


# ---- records


def test_every_field_of_a_sample_is_documented_in_its_order() -> None:
    told = table("samples")
    assert tuple(told) == SAMPLE_FIELDS
    for name, cells in told.items():
        unit = re.search(r"_(ns|bytes|pages)$", name)
        assert unit is None or cells[0].startswith(unit[1]), name


@pytest.mark.parametrize(
    ("page", "heading", "kind"),
    [
        ("run-folder", "result.json", record.Result),
        ("run-folder", "phase", record.Phase),
        ("run-folder", "node", record.NodeVerdict),
        ("run-folder", "rescue", record.Rescue),
        ("run-folder", "edge", record.Wait),
        ("run-folder", "check", record.Check),
        ("run-folder", "setting", record.Setting),
        ("messages", "Desired", messages.Desired),
        ("messages", "Reported", messages.Reported),
        ("messages", "Status", messages.Status),
    ],
)
def test_every_field_of_a_record_is_documented(page: str, heading: str, kind: type[Struct]) -> None:
    assert tuple(table(page, heading)) == kind.__struct_fields__


def test_every_metric_is_documented() -> None:
    assert list(table("run-folder", "Metrics")) == list(expect.METRICS)


def test_every_file_of_a_run_is_documented() -> None:
    assert record.__doc__
    named = set(re.findall(r"\b\w+\.(?:yaml|jsonl?|csv|html|png|xml)\b", record.__doc__))
    named |= {"nodes/<name>.log", "traces/<name>.jsonl.gz"}
    named |= {f"nodes/<name>.{kind}" for kind in ("console.log", "telemetry.log", "autopsy.txt")}
    assert set(table("run-folder", "The run folder")) == named


def test_every_leaf_and_command_is_documented() -> None:
    assert set(table("messages", "Nodes")) == set(get_args(messages.Leaf))
    commands = table("messages", "A person's commands")
    topics = {name for name in commands if name.startswith("netreserve/")}
    assert {name.replace("<client>", "+") for name in topics} >= {api.REQUESTS, api.PROGRESS, api.CONTROLLER_STATUS}
    assert set(commands) - topics == {kind.__name__ for kind in get_args(api.Command)}


# ---- events


def test_every_kind_of_event_is_documented() -> None:
    assert set(table("events")) == set(eventkinds.KINDS)


def test_every_detail_of_an_event_is_documented() -> None:
    for kind, detail in eventkinds.KINDS.items():
        keys = {field.encode_name for field in msgspec.structs.fields(detail)}
        assert keys <= words(" ".join(table("events")[kind])), kind


# ---- environment


def test_every_environment_variable_is_documented_and_no_other() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    sources = [name for name in listed.split() if not name.endswith(".md") and name != "uv.lock"]
    text = "\n".join((ROOT / name).read_text(errors="replace") for name in sources if (ROOT / name).is_file())
    used = set(re.findall(r"\bNETRESERVE_[A-Z_]+[A-Z]\b", text))
    assert {name for name in table("environment") if name.startswith("NETRESERVE_")} == used


def test_every_place_on_the_readers_checklist_exists() -> None:
    """A rule that moves takes its line along."""
    places = re.findall(r"`(nodes[\w.]+):([\w.]+)` \|$", prose_of(DOCS / "reference" / "physics.md"), re.MULTILINE)
    assert len(places) >= 29
    for module, names in places:
        found: object = importlib.import_module(module)
        for name in names.split("."):
            assert hasattr(found, name), f"{module}:{names}"
            found = getattr(found, name)
