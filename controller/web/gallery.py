"""The gallery of scenarios, for the page's list of what can be simulated."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from controller.experiment.scenario import Scenario, load, policy_text
from controller.experiment.scenario.model import Arm
from controller.web.answers import NoSuchError
from nodes.errors import ScenarioError
from nodes.registry import did_you_mean

GALLERY = Path(__file__).resolve().parents[2] / "scenarios"
"""Beside the packages: in a checkout, and in the controller's image."""


class Shown(Struct, frozen=True, kw_only=True):
    """A scenario as the page lists it. `arms`: policies whose outcome is known."""

    name: str
    about: str
    tier: str
    policy: str
    arms: dict[str, Arm]
    phases_ns: tuple[int, int, int]
    """Warmup, flood, heal."""
    initiators: int


class Gallery:
    """The scenarios in `folder`; each file is read once. A file that cannot be read is left out: `validate` tells of it."""

    def __init__(self, folder: Path = GALLERY) -> None:
        self._folder = folder
        self._read: dict[str, Scenario | None] = {}

    def shown(self) -> list[Shown]:
        """By name."""
        found = [_shown(scenario) for name in self.names() if (scenario := self._scenario(name))]
        return sorted(found, key=lambda scenario: scenario.name)

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.yaml"))

    def find(self, name: str, tier: str = "") -> Scenario:
        """To be carried out by `tier`, if one is given. Raises ScenarioErrors where that cannot, NoSuchError for a name that
        is not in it."""
        if name not in self.names():
            raise NoSuchError(f"no scenario of the gallery is called '{name}' ({did_you_mean(name, self.names())})")
        return load(self._folder / f"{name}.yaml", tier)

    def _scenario(self, name: str) -> Scenario | None:
        if name not in self._read:
            try:
                self._read[name] = load(self._folder / f"{name}.yaml")
            except ScenarioError:
                self._read[name] = None
        return self._read[name]


def _shown(scenario: Scenario) -> Shown:
    phases = scenario.phases
    return Shown(
        name=scenario.name,
        about=scenario.about,
        tier=scenario.tier,
        policy=policy_text(scenario.policy),
        arms=scenario.arms,
        phases_ns=(phases.warmup_ns, phases.flood_ns, phases.heal_ns),
        initiators=scenario.nodes.initiator.count,
    )
