"""What the pages tell a reader to type works, and says what they say.

* `yaml`: a scenario must be one; a part of one must fit into one; a first line `# file: NAME` makes it a file for the
  page's commands.
* `python`: is executed, in a folder with a run in `runs`.
* `console`: every `$ netreserve` is a command that exists; those that need no testbed are executed and must print what
  stands below them (`...` stands for any text). All other commands of netreserve in any block are checked for existence.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docpages import DOCS, PAGES, ROOT, Block, blocks, text_of
from syntheticruns import deadlock
from typer.main import get_command

from controller.cli.app import app
from controller.cli.main import carry_out
from controller.experiment.scenario import parse
from controller.store.database import Database, RunRow
from nodes.errors import LackingError
from nodes.kernel import image

NEEDS_NO_TESTBED = ("--version", "--help", "validate", "doctor", "autopsy", "run --tier sim")
BASE = {"name": "base", "policy": "none", "expect": [{"verdict": "healthy"}]}
"""What a part of a scenario is put into."""
FILE = re.compile(r"# file: (\S+)\n")


def scenario_blocks() -> list[Block]:
    """YAML that speaks of scenarios; compose files and CI workflows are YAML too."""
    return [block for block in blocks("yaml") if not {"services", "jobs"} & set(yaml.safe_load(block.text))]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


@pytest.mark.parametrize("block", scenario_blocks(), ids=str)
def test_scenarios_and_their_parts_can_be_run(block: Block) -> None:
    document = yaml.safe_load(block.text)
    text = block.text if "name" in document else yaml.safe_dump(BASE | document)
    if "# wrong" not in block.text:
        parse(text, str(block))


@pytest.mark.parametrize("block", blocks("python", pages=sorted(DOCS.rglob("*.md"))), ids=str)
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_a_run(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, str(block), "exec"), {})


def commands(text: str) -> Iterator[str]:
    """Every netreserve command in a block, without the prompt, what runs it, and the file that its output goes to."""
    for line in text.splitlines():
        for part in re.split(r"\s(?:&&|\|\||\|)\s", line.removeprefix("$ ").partition("  #")[0]):
            command = re.sub(r"^(?:[A-Z_]+=\S+ )*(?:uv run )?", "", part.partition(" > ")[0].strip())
            if command.startswith("netreserve ") and ":" not in command.split()[1]:
                yield command.removeprefix("netreserve ")


def test_every_command_exists() -> None:
    for block in blocks("console", "", "sh"):
        if block.page.name != "cli.md":  # tests/controller/cli/test_reference.py carries those out
            for command in commands(block.text):
                _must_be_understood(command, str(block))


def _must_be_understood(command: str, where: str) -> None:
    found: Any = get_command(app)
    words = shlex.split(command)
    if words[0].startswith("-"):
        return
    while hasattr(found, "commands"):
        name = words.pop(0) if words[0] in found.commands else "run"  # sweep FILE: sweep run FILE
        assert name in found.commands, f"{where}: {command}"
        found = found.commands[name]
    if not {"--help", "-h"} & set(words):
        try:
            found.make_context(found.name, words)
        except Exception as error:
            raise AssertionError(f"{where}: {command}") from error


IMAGE = re.compile(r"^(?:uv run )?python -m nodes\.kernel\.image (.*)$", re.MULTILINE)
IMAGES = [(block, words) for block in blocks("console", "", "sh") for words in IMAGE.findall(block.text)]


@pytest.mark.parametrize(("block", "words"), IMAGES, ids=str)
def test_kernels_are_made_as_the_page_says(
    block: Block, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As far as one goes without a kernel: the words are understood, and what is missing is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(image.packages, "fetch", nothing_fetched)
    assert image.main(shlex.split(words)) == LackingError.exit_code
    assert "kernel" in capsys.readouterr().err


def nothing_fetched(*asked: object, **named: object) -> None:
    raise LackingError("no kernel is fetched here")


def sessions() -> Iterator[Any]:
    """Command and expected output, for each command of a page that needs no testbed."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            for command in commands(line):
                if command.startswith(NEEDS_NO_TESTBED):
                    yield pytest.param(block.page, command, output, id=f"{block}: {command}")


@pytest.mark.parametrize(("page", "command", "output"), list(sessions()))
def test_commands_print_what_the_page_says(
    page: Path, command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, text in files_of(page).items():
        (tmp_path / name).write_text(text)
    for name in ("scenarios", "compose", "tests", ".env"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    carry_out(shlex.split(command))
    said = "".join(capsys.readouterr())
    if command == "doctor":  # what it finds is this machine's; what it looks at is everybody's
        said, output = _first_column(said), _first_column(output)
    assert matches(said, output), said


def matches(said: str, expected: str) -> bool:
    """Whether `said` is `expected`, in which `...` stands for anything, and a run of blanks for any other."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("...")]
    return re.fullmatch(r"\s?.*?\s?".join(parts), " ".join(said.split()), re.DOTALL) is not None


def _first_column(text: str) -> str:
    return "\n".join(line.split("  ")[0] for line in text.splitlines() if not line.startswith(" "))


def files_of(page: Path) -> dict[str, str]:
    return {found[1]: text for text in (b.text for b in blocks("yaml", pages=[page])) if (found := FILE.match(text))}


def record_a_run(runs: Path) -> None:
    """A run that ended in a deadlock, as the controller would have kept it."""
    runs.mkdir()
    run = deadlock()
    database = Database.of(runs)
    database.create()
    row = RunRow(
        run=run.result.run, scenario=run.result.scenario, kind="scenario", folder="any", tier="container",
        policy="none", started_ns=run.result.started_ns,
    )  # fmt: skip
    database.open_run(row)
    database.insert(run.samples, run.events)
    database.close_run(run.result)
    database.close()


def test_the_pages_are_found() -> None:
    assert ROOT / "README.md" in PAGES and len(PAGES) > 20
    assert all("\t" not in text_of(page) for page in PAGES)
