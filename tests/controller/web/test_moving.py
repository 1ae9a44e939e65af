"""A run made on one machine opens on another; and what comes in is not trusted."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest
from storedruns import stored
from syntheticruns import NODE, deadlock, healthy
from webpages import Page, serving

RUN = deadlock().result.run
OTHER = "20231114T221399Z-beef"


def archive(**files: bytes | str) -> bytes:
    """An archive with these files; `__` in a name stands for `/`, a text is where a link leads."""
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w:gz") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                made.addfile(member)
            else:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    return into.getvalue()


def named(run: str, scenario: str) -> dict[str, bytes | str]:
    """A record with these names and nothing else."""
    result = json.dumps({"run": run, "scenario": scenario}).encode()
    return {"x__result.json": result, "x__samples.csv": b"", "x__events.jsonl": b""}


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    folder = stored(tmp_path / "there", healthy(), run=OTHER)
    (folder / "nodes").mkdir()
    (folder / "nodes" / f"{NODE}.console.log").write_text("2023-11-14T22:13:21.500000Z oops\n")
    with serving(tmp_path / "there") as page:
        answer = page.get(f"/api/runs/{OTHER}/export")
        assert answer.status == 200 and f"classic-{OTHER}" in answer.headers["content-disposition"]
        return answer.body


def test_what_was_made_on_one_machine_opens_on_another(page: Page, packed: bytes) -> None:
    assert page.post("/api/import", packed).json == {"id": OTHER, "scenario": "classic"}
    told = page.get(f"/api/runs/{OTHER}").json
    assert told["result"]["sentence"] == healthy().result.sentence and told["available"]["console"]
    columns = page.get(f"/api/runs/{OTHER}/samples").json[NODE]
    assert columns["free_pages"] == [sample.free_pages for sample in healthy().samples]
    assert page.get(f"/api/runs/{OTHER}/lines").json[0]["text"] == "oops"
    again = page.post("/api/import", packed)
    assert again.status == 400 and "is here already" in again.error
    assert page.get("/api/runs").json["total"] == 2


def test_runs_lie_in_the_runs_folder_even_on_their_way(
    page: Page, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert page.post("/api/import", packed).status == 201
    assert page.get(f"/api/runs/{OTHER}/export").status == 200


def test_a_machine_without_runs_can_be_given_one(tmp_path: Path, packed: bytes) -> None:
    with serving(tmp_path / "empty") as page:
        assert page.post("/api/import", packed).status == 201
        assert page.get("/api/runs").json["total"] == 1


def test_what_is_deleted_is_gone_and_nothing_else(page: Page, tmp_path: Path) -> None:
    kept = stored(tmp_path / "runs", healthy(), run=OTHER)
    assert page.post(f"/api/runs/{RUN}", method="DELETE").json == {"deleted": RUN}
    assert page.get(f"/api/runs/{RUN}").status == 404 and not (kept.parent / RUN).exists()
    assert len(page.get(f"/api/runs/{OTHER}/samples").json[NODE]["t_ns"]) == 400 and kept.is_dir()
    assert page.post(f"/api/runs/{RUN}", method="DELETE").status == 404


def test_nothing_is_deleted_by_half_a_name(page: Page) -> None:
    for name in ("latest", "classic", RUN[:-1], RUN.partition("-")[2]):
        refused = page.post(f"/api/runs/{name}", method="DELETE")
        assert refused.status == 404 and "whole ids" in refused.error, name
    assert page.get("/api/runs").json["total"] == 1


def test_a_link_in_place_of_a_run_takes_nothing_with_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "classic" / RUN
    other = stored(tmp_path / "runs", healthy(), run=OTHER)
    shutil.rmtree(folder)
    folder.symlink_to(other)
    assert page.post(f"/api/runs/{RUN}", method="DELETE").status == 404
    assert (other / "result.json").is_file()


@pytest.mark.parametrize(
    "files",
    [
        {"x__../../../evil": b"1"},
        {"/etc/evil": b"1"},
        {"x__link": "/etc/passwd"},
        {"result.json": b"{}"},
        {"x__a": b"1", "y__b": b"2"},
        {"x__nothing": b""},
        named("../../evil", "classic"),
        named(OTHER, "../.."),
        named(OTHER, "latest"),
        {"x__result.json": b"{", "x__samples.csv": b"", "x__events.jsonl": b""},
        named(OTHER, "classic") | {"x__samples.csv": f"t_ns,node,run\n{-(2**63)},n,r\n".encode()},
        named(OTHER, "classic") | {"x__samples.csv": f"t_ns,node,run,free_pages\n1,n,r,{2**70}\n".encode()},
        {},
    ],
)
def test_what_is_not_a_run_leaves_nothing_behind(page: Page, tmp_path: Path, files: dict[str, bytes | str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused = page.post("/api/import", archive(**files))
    assert refused.status == 400 and str(tmp_path) not in refused.error
    assert [path for path in sorted(tmp_path.rglob("*")) if "sqlite" not in path.name] == [
        path for path in before if "sqlite" not in path.name
    ]
    assert page.get("/api/runs").json["total"] == 1


@pytest.mark.parametrize("body", [b"", b"not an archive", b"\x1f\x8b\x08\x00" + b"0" * 50])
def test_what_is_no_archive_is_a_sentence(page: Page, body: bytes) -> None:
    assert "archive" in page.post("/api/import", body).error


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_unpacks_to_gigabytes_is_not_read(page: Page, kind: bytes) -> None:
    member = tarfile.TarInfo("x/header")
    member.type, member.size = kind, (64 << 10) + 1
    refused = page.post("/api/import", gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + b"0" * (128 << 10)))
    assert refused.status == 400 and "a header of more than 64 KiB" in refused.error


def test_a_name_that_no_folder_can_have_is_a_sentence(page: Page) -> None:
    refused = page.post("/api/import", archive(**{"x__" + "a" * 300: b"1"}))
    assert refused.status == 400 and "archive" in refused.error


def test_half_an_archive_is_a_sentence(page: Page, packed: bytes) -> None:
    assert "archive" in page.post("/api/import", packed[: len(packed) // 2]).error
    assert page.get("/api/runs").json["total"] == 1
