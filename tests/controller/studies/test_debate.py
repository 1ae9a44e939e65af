"""The debate is what the golden table says: every policy in every scenario, and the pages that are made of it."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from smallworlds import small

from controller.experiment.scenario import override_policy
from controller.experiment.scenario.vary import vary
from controller.simulated.local import run_here
from controller.studies import debate
from controller.studies.debate import Cell, Debate
from controller.studies.pages import gallery
from controller.studies.rows import Rows
from controller.studies.trials import Trial, try_out
from controller.studies.tried import FORM, Tried
from controller.studies.workers import Workers
from nodes.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
GOLDEN = ROOT / "tests" / "golden" / "debate.txt"
COUNTED = DOCS / "reference" / "debate.jsonl"
"""Of what `netreserve debate --moments N --json` printed the cells at more than one moment."""
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
UPDATE = bool(os.environ.get("NETRESERVE_UPDATE_GOLDEN"))


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cell]]:
    """All of them, in processes that take compiled code where it was built: they only compute."""
    asked = Debate(debate.gallery(ROOT / "scenarios"), list(debate.VARIANTS))
    file = tmp_path_factory.mktemp("debate") / "rows.jsonl"
    with pytest.MonkeyPatch.context() as patch, Workers(0) as workers, Rows.open(file, FORM) as rows:
        patch.setenv("NETRESERVE_COMPILED", "auto")
        yield asked.run(Tried(workers, rows), lambda points: lambda trials: None)


def expect_text(file: Path, text: str) -> None:
    if UPDATE:
        file.write_text(text)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("nta-v2", "nta-v2"),
        ("nta+nta-v2", "nta-v2"),
        ("nta+nta-v1", "nta"),
        ("memalloc+srog", "memalloc"),
        ("none+slab", "none"),
    ],
)
def test_a_column_has_its_name_and_that_of_its_policy(name: str, column: str) -> None:
    assert debate.variants([name, column]) == [column]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nta-v1", "unknown policy 'nta-v1' (did you mean 'nta+nta-v1'?)"),
        ("netmem-todya", "unknown policy 'netmem-todya' (did you mean 'netmem-today'?)"),
        ("none+srog", "policy 'none' cannot take its packets from 'srog' (possible: 'slab')"),
        ("iface+head_reserve", "the debate has no column for 'iface+head_reserve': its columns are unpatched"),
    ],
)
def test_what_has_no_column_is_told_as_everywhere(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        debate.variants([name])


@pytest.mark.timeout(900)
def test_the_verdicts_are_the_golden_ones(cells: list[Cell]) -> None:
    expect_text(GOLDEN, "\n".join(debate.golden(cells)) + "\n")


def counted_still(cells: list[Cell]) -> list[Cell]:
    """What was counted at many moments, of cells whose first moment still ends as it did then: rewriting drops the others,
    and the page has the one moment that is known, until somebody counts again."""
    verdicts = {(cell.scenario, cell.variant): cell.verdict for cell in cells}
    counted = [msgspec.json.decode(line, type=Cell) for line in COUNTED.read_text().splitlines()]
    return [cell for cell in counted if verdicts.get((cell.scenario, cell.variant)) == cell.verdict]


def test_the_pages_are_made_of_them(cells: list[Cell]) -> None:
    counted = counted_still(cells)
    expect_text(COUNTED, "".join(f"{msgspec.json.encode(cell).decode()}\n" for cell in counted))
    shares = {(cell.scenario, cell.variant): cell for cell in counted}
    told = [shares.get((cell.scenario, cell.variant), cell) for cell in cells]
    table = "\n".join(debate.markdown(told))
    page = DOCS / "explanation" / "the-debate-run.md"
    before, _, rest = page.read_text().partition(BEGIN)
    expect_text(page, f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
    files = [
        (ROOT / "scenarios" / f"{scenario.name}.yaml", scenario) for scenario in debate.gallery(ROOT / "scenarios")
    ]
    expect_text(DOCS / "reference" / "gallery.md", "\n".join(gallery.page(files, told)) + "\n")


def test_every_arm_gives_what_its_scenario_says(cells: list[Cell]) -> None:
    verdicts = {(cell.scenario, cell.variant): cell.verdict for cell in cells}
    for scenario in debate.gallery(ROOT / "scenarios"):
        for arm in scenario.arms.values():
            assert verdicts[scenario.name, arm.policy] in arm.verdict, (scenario.name, arm.policy)


def test_no_arm_is_a_matter_of_the_moment(cells: list[Cell]) -> None:
    """An arm that ends now so, now so is evidence of nothing."""
    counted = {(cell.scenario, cell.variant): cell.moments for cell in counted_still(cells)}
    for scenario in debate.gallery(ROOT / "scenarios"):
        for arm in scenario.arms.values():
            assert set(counted.get((scenario.name, arm.policy), ())) <= set(arm.verdict), (scenario.name, arm.policy)


def test_every_scenario_tells_its_policies_apart_or_is_a_control(cells: list[Cell]) -> None:
    controls = {"calm"}
    for scenario in {cell.scenario for cell in cells} - controls:
        assert any(cell.verdict in ("healthy", "slow") for cell in cells if cell.scenario == scenario), scenario
    calm = [cell for cell in cells if cell.scenario in controls and not cell.variant.startswith("unpatched")]
    assert {cell.verdict for cell in calm} == {"healthy"}, "who may not send hangs without junk"


def test_every_scenario_has_its_picture(tmp_path: Path) -> None:
    """Of a whole run under the policy that must fail, where there is one; rewritten with the golden table."""
    for scenario in debate.gallery(ROOT / "scenarios"):
        if UPDATE:
            drawn = run_here(override_policy(scenario, gallery.drawn_policy(scenario)), tmp_path)
            shutil.copy(drawn.folder / "picture.png", DOCS / gallery.PICTURES / f"{scenario.name}.png")
        assert (DOCS / gallery.PICTURES / f"{scenario.name}.png").stat().st_size > 10_000


def counted(asked: Debate, file: Path) -> tuple[list[Cell], list[Trial]]:
    """The cells, and the trials that they were told to be made of."""
    told: list[Trial] = []
    with Workers(1) as workers, Rows.open(file, FORM) as rows:
        return asked.run(Tried(workers, rows), lambda points: told.extend), told


ON_THE_EDGE = {
    "floods.0.rate": "30 kpps",
    "floods.0.rcvbuf": "500 KiB",
    "nodes.initiator.min_free": "832 KiB",
    "seed": 0,
}
"""It lives or hangs by the moment that the flood begins at: docs/explanation/anomalies.md."""


def test_a_cell_at_many_moments_is_told_with_its_shares(tmp_path: Path) -> None:
    """Each moment is a run with its seed, and what was counted is not computed again."""
    scenario, file = small(ON_THE_EDGE), tmp_path / "rows.jsonl"
    asked = Debate([scenario], ["none", "memalloc"], 6)
    cells, told = counted(asked, file)
    alone = [try_out(vary(scenario, {"seed": seed})).verdict for seed in range(6)]
    assert [trial.verdict for trial in told if trial.seed == 0] == [cell.verdict for cell in cells]
    assert len(told) == 12 and cells[0].moments == dict(Counter(alone).most_common())
    assert 0 < cells[0].lived < 6 and cells[0].decided_by_chance, alone
    assert [*debate.by_chance(cells)] == [f"decided by the moment: small under none: {cells[0].told}"]
    assert cells[1].told == "healthy 6/6" and not cells[1].decided_by_chance
    size = file.stat().st_size
    assert counted(asked, file)[0] == cells and file.stat().st_size == size


def test_a_cell_without_chance_has_one_moment_however_many_are_asked(tmp_path: Path) -> None:
    scenario = small({"floods.0": None})
    cells, told = counted(Debate([scenario], ["none"], 20), tmp_path / "rows.jsonl")
    assert len(told) == 1 and cells[0].moments == {"healthy": 1} and cells[0].told == "healthy"


@pytest.mark.parametrize("moments", [0, -1, 1001])
def test_a_number_of_moments_that_cannot_be_is_refused(moments: int) -> None:
    with pytest.raises(UsageError, match="--moments"):
        Debate([small()], ["none"], moments)


def test_an_unknown_policy_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'memalloc'"):
        debate.variants(["memaloc"])
