"""The help tells of every verb without loading one, and tells what the verb itself tells."""

from __future__ import annotations

import subprocess
import sys

import pytest
from clirunner import ROOT, environment, netreserve
from typer.main import get_command

from controller.cli.app import app
from controller.cli.main import carry_out
from controller.cli.verbs import VERBS, Lazy, load


@pytest.mark.parametrize("name", VERBS)
def test_its_line_is_the_first_sentence_of_its_own_help(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.help.partition("\n")[0].startswith(VERBS[name].help)
    assert VERBS[name].help.endswith((".", "?")) and VERBS[name].help[0].isupper()


def test_every_file_of_verbs_is_among_them() -> None:
    """A verb that the table forgot cannot be called."""
    files = {verb.place.partition(":")[0] for verb in VERBS.values()}
    defined = {
        path.stem
        for path in (ROOT / "controller" / "cli").glob("*.py")
        if path.read_text().startswith('"""`netreserve ') and path.stem not in ("conducting", "simulating")
    }
    assert defined <= files


def test_they_are_found_by_name_and_loaded_once() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert isinstance(commands, Lazy) and list(commands) == list(VERBS) and len(commands) == len(VERBS)
    assert commands["doctor"] is commands["doctor"] and commands.get("docter") is None


def test_help_has_a_chapter_for_each_kind_and_whole_sentences() -> None:
    said = netreserve("--help", COLUMNS="300")
    for verb in VERBS.values():
        assert f"\n{verb.chapter}:\n" in said.out
    text = " ".join(said.out.split())
    assert all(f"{name} {verb.help}" in text for name, verb in VERBS.items())


HEAVY = {
    "aiomqtt", "altair", "asyncio", "distributed", "docker", "duckdb", "httpx", "jinja2", "rich", "scipy", "sqlalchemy",
    "vl_convert",
}  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], ["validate", "scenarios/classic.yaml"], ["run", "nowhere.yaml"]])
def test_a_command_loads_only_what_it_needs(words: list[str]) -> None:
    script = (
        "import sys; from controller.cli.main import carry_out; carry_out(sys.argv[1:]);"
        f"print('loaded:', *sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "loaded:", done.stderr


def test_a_shell_completes_verbs() -> None:
    script = (
        "import atexit, sys; from controller.cli.main import main\n"
        "loaded = ('controller.cli.validate', 'controller.cli.run', 'controller.cli.up')\n"
        "atexit.register(lambda: print(*(name for name in loaded if name in sys.modules)))\n"
        "main()"
    )
    asked = {"_NETRESERVE_COMPLETE": "complete_bash", "COMP_WORDS": "netreserve va", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment(**asked), capture_output=True, text=True
    )
    assert done.stdout.split() == ["validate", "controller.cli.validate"], done


def test_a_verb_that_is_interrupted_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.validate.found", interrupted)
    assert carry_out(["validate", "classic"]) == 130
    assert capsys.readouterr().err == "netreserve: interrupted\n"
