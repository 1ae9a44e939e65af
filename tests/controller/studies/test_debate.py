"""The debate is what the golden table says: every policy in every scenario, and the pages that are made of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.experiment.scenario import override_policy
from controller.simulated.local import run_here
from controller.studies import debate
from controller.studies.debate import Cell
from controller.studies.pages import gallery
from nodes.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
GOLDEN = ROOT / "tests" / "golden" / "debate.txt"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
UPDATE = bool(os.environ.get("NETRESERVE_UPDATE_GOLDEN"))


@pytest.fixture(scope="module")
def cells() -> Iterator[list[Cell]]:
    """All of them, in processes that take compiled code where it was built: they only compute."""
    found = debate.gallery(ROOT / "scenarios")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRESERVE_COMPILED", "auto")
        yield debate.run(found, list(debate.VARIANTS), os.cpu_count() or 1, lambda cell: None)


def expect_text(file: Path, text: str) -> None:
    if UPDATE:
        file.write_text(text)
    assert file.read_text() == text


@pytest.mark.timeout(900)
def test_the_verdicts_are_the_golden_ones(cells: list[Cell]) -> None:
    expect_text(GOLDEN, "\n".join(debate.golden(cells)) + "\n")


def test_the_pages_are_made_of_them(cells: list[Cell]) -> None:
    table = "\n".join(debate.markdown(cells, {}))
    page = DOCS / "explanation" / "the-debate-run.md"
    before, _, rest = page.read_text().partition(BEGIN)
    expect_text(page, f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
    files = [
        (ROOT / "scenarios" / f"{scenario.name}.yaml", scenario) for scenario in debate.gallery(ROOT / "scenarios")
    ]
    expect_text(DOCS / "reference" / "gallery.md", "\n".join(gallery.page(files, cells)) + "\n")


def test_every_arm_gives_what_its_scenario_says(cells: list[Cell]) -> None:
    verdicts = {(cell.scenario, cell.variant): cell.verdict for cell in cells}
    for scenario in debate.gallery(ROOT / "scenarios"):
        for arm in scenario.arms.values():
            assert verdicts[scenario.name, arm.policy] in arm.verdict, (scenario.name, arm.policy)


def test_every_scenario_tells_its_policies_apart_or_is_a_control(cells: list[Cell]) -> None:
    controls = {"calm"}
    for scenario in {cell.scenario for cell in cells} - controls:
        assert any(cell.verdict in ("healthy", "slow") for cell in cells if cell.scenario == scenario), scenario
    assert {cell.verdict for cell in cells if cell.scenario in controls} == {"healthy"}


def test_every_scenario_has_its_picture(tmp_path: Path) -> None:
    """Of a whole run under the policy that must fail, where there is one; rewritten with the golden table."""
    for scenario in debate.gallery(ROOT / "scenarios"):
        if UPDATE:
            drawn = run_here(override_policy(scenario, gallery.drawn_policy(scenario)), tmp_path)
            shutil.copy(drawn.folder / "picture.png", DOCS / gallery.PICTURES / f"{scenario.name}.png")
        assert (DOCS / gallery.PICTURES / f"{scenario.name}.png").stat().st_size > 10_000


def test_an_unknown_policy_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'memalloc'"):
        debate.variants(["memaloc"])
