"""What a matrix is made of: places (scenario, kernel, card, policy), trials of each, and what those come to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Literal

from msgspec import Struct

from controller.experiment.endings import DROPS, Ending
from controller.experiment.record import KERNEL
from controller.experiment.verdicts import HUNG, SURVIVED, VERDICTS, VOID, WORST_FIRST, VerdictName, rank
from controller.studies.proportion import Share
from controller.studies.trials import shape_of
from nodes.eventkinds import Wait

SURE = 2
"""Runs that could not be set up before their place counts as one that cannot be tried: a guest that did not start once may
start the next time (own)."""
TRIED_MOST = 2
"""A place is tried for so many times the trials asked, when some prove nothing (own): a computer that is held up every other
time will be so the next time, too."""
NOT_TRIED = "not tried yet: the same command goes on to it"

TrialVerdict = Literal[VerdictName, "cannot"]
"""A verdict, or `cannot`: it could not be set up, e.g. the kernel has no driver."""


class Place(Struct, frozen=True, order=True):
    """One cell of the matrix."""

    scenario: str
    kernel: str
    nic: str
    policy: str

    @property
    def told(self) -> str:
        return f"{self.scenario}: {kernel_text(self.kernel)}, {self.nic}, {self.policy}"


class Key(Struct, frozen=True, order=True):
    """One trial. `digest`: of the scenario's text; another text is another trial."""

    place: Place
    repeat: int
    """Counted from 0."""
    digest: str
    tier: str

    @property
    def cell(self) -> tuple[Place, str, str]:
        """What it has in common with its repetitions."""
        return self.place, self.digest, self.tier


class Trial(Ending, frozen=True, kw_only=True):
    """One trial, carried out."""

    key: Key
    verdict: TrialVerdict
    sentence: str = ""
    """Why, in one sentence; of one that cannot be tried what it lacks."""
    setting: str = ""
    """Of one that cannot be tried: the setting at fault, where its node knew it."""
    data: str = ""
    run: str = ""
    folder: str = ""
    """Of the run."""
    kernel: str = ""
    """The release that ran, as its guest told."""
    ended_ns: int = 0
    took_s: float = 0.0
    """From the start of its process to the end of it; 0 where nobody measured."""
    found: tuple[str, ...] = ()
    """The autopsy's sentences."""

    @property
    def counts(self) -> bool:
        """Whether it says something of its place."""
        return self.verdict not in VOID


class Subject(Struct, frozen=True, kw_only=True):
    """A scenario that is tried."""

    name: str
    digest: str


class Asked(Struct, frozen=True, kw_only=True):
    """A matrix: every combination, until `repeat` trials of each say something."""

    subjects: tuple[Subject, ...]
    kernels: tuple[str, ...]
    nics: tuple[str, ...]
    policies: tuple[str, ...]
    repeat: int = 1
    tier: str = "kernel"

    def order(self) -> Iterator[Key]:
        """Every trial, none being there: first each place once, then each a second time, so that a matrix that is stopped is
        even."""
        for repeat in range(self.repeat):
            for subject, place in self._places():
                yield Key(place, repeat, subject.digest, self.tier)

    def missing(self, trials: Mapping[Key, Trial]) -> list[Key]:
        """What is still to be carried out, in that order. One that proves nothing is made up for by one more, up to
        TRIED_MOST times `repeat`; a place that cannot be tried lacks nothing."""
        found: list[Key] = []
        for subject, place in self._places():
            own = self._own(trials, subject, place)
            if not barred(own):
                keys = (Key(place, repeat, subject.digest, self.tier) for repeat in range(TRIED_MOST * self.repeat))
                needed = self.repeat - sum(trial.counts for trial in own)
                found += islice((key for key in keys if key not in trials), max(needed, 0))
        return sorted(found, key=lambda key: key.repeat)

    def _own(self, trials: Mapping[Key, Trial], subject: Subject, place: Place) -> list[Trial]:
        """The trials of one place by their number, until `repeat` of them say something."""
        cell, found = (place, subject.digest, self.tier), list[Trial]()
        for trial in sorted((t for k, t in trials.items() if k.cell == cell), key=lambda trial: trial.key.repeat):
            found.append(trial)
            if sum(each.counts for each in found) == self.repeat:
                break
        return found

    def _places(self) -> Iterator[tuple[Subject, Place]]:
        for subject, kernel, nic, policy in product(self.subjects, self.kernels, self.nics, self.policies):
            yield subject, Place(subject.name, kernel, nic, policy)

    def cells(self, trials: Mapping[Key, Trial]) -> list[Cell]:
        """Every place with the trials that it has, in order."""
        return [
            Cell(place=place, asked=self.repeat, trials=tuple(self._own(trials, subject, place)))
            for subject, place in self._places()
        ]


class Cell(Struct, frozen=True, kw_only=True):
    """A place and its trials."""

    place: Place
    asked: int
    trials: tuple[Trial, ...]

    @property
    def cannot(self) -> str:
        """Why this place cannot be tried; empty when one of its trials was."""
        tried = any(trial.verdict != "cannot" for trial in self.trials)
        return next((trial.sentence for trial in self.trials if not tried), "")

    @property
    def complete(self) -> bool:
        """Nothing is left to try."""
        return self.decided or len(self.trials) >= TRIED_MOST * self.asked

    @property
    def decided(self) -> bool:
        """As many trials say something as were asked; or none can be tried."""
        return sum(trial.counts for trial in self.trials) >= self.asked or barred(self.trials)

    @property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that say something; all, where none does."""
        return tuple(trial for trial in self.trials if trial.counts) or self.trials

    @property
    def void(self) -> int:
        """How many trials are told and not counted, as they prove nothing."""
        return sum(not trial.counts for trial in self.trials)

    @property
    def counts(self) -> Counter[str]:
        return Counter(trial.verdict for trial in self.counted)

    @property
    def lived(self) -> Share | None:
        """How many of the trials that say something survived, with its interval; None where none says anything."""
        verdicts = [trial.verdict for trial in self.trials if trial.counts]
        return Share(hits=sum(name in SURVIVED for name in verdicts), of=len(verdicts)) if verdicts else None

    @property
    def verdict(self) -> str:
        """The most frequent; among equals the worst; one that proves nothing only where there is no other; empty: none."""
        counts = self.counts
        return max((name for name in WORST_FIRST if counts[name]), key=lambda name: counts[name], default="")

    @property
    def share(self) -> float:
        """Of the trials that came to `verdict`."""
        return self.counts[self.verdict] / len(self.counted) if self.trials else 0.0

    def told(self) -> str:
        """`deadlocked 3/3`, or `deadlocked 2/3, healthy 1/3, 1 void`."""
        if self.cannot:
            return f"cannot: {self.cannot}"
        counts = sorted(self.counts.items(), key=lambda item: (-item[1], -rank(item[0])))
        told = [f"{name} {count}/{len(self.counted)}" for name, count in counts]
        told += [f"{self.void} void"] if self.lived and self.void else []
        return ", ".join(told) or NOT_TRIED

    def figures(self) -> list[str]:
        """How many lived, with its interval; hang, recovery and losses over the trials, each as a range; and the releases
        that ran, where they were several."""
        told = [f"lived {self.lived.told}"] if self.lived else []
        told += [f"stands since {text} s" for text in _range(self.trials, "hang_s")]
        told += [f"back after {text} s" for text in _range(self.trials, "recovery_s")]
        told += [f"{word} {text}" for word, text in self.drops()]
        ran = dict.fromkeys(trial.kernel for trial in self.trials if trial.kernel and trial.counts)
        return [*told, f"releases {', '.join(ran)}"] if len(ran) > 1 else told

    def drops(self) -> Iterator[tuple[str, str]]:
        """What was lost, in the report's words, and how much: a range over the trials."""
        for name, word in DROPS.items():
            counts = [trial.drops.get(name, 0) for trial in self.trials if trial.counts]
            if any(counts):
                low, high = min(counts), max(counts)
                yield word, f"{low:,}" if low == high else f"{low:,}–{high:,}"

    def reasons(self) -> list[str]:
        """Why trials prove nothing, each reason once."""
        return list(dict.fromkeys(trial.sentence for trial in self.trials if trial.verdict == "inconclusive"))

    def hangs(self) -> list[Hang]:
        """The hangs of its trials, those of one shape as one, the most frequent first."""
        return hangs(self.trials)


class Hang(Struct, frozen=True, kw_only=True):
    """What hung trials have in common: who waits for what."""

    count: int
    edges: tuple[Wait, ...]
    """Of the first of them; empty where no cycle was named."""
    found: tuple[str, ...]
    folders: tuple[str, ...]
    died: str = ""
    """Of those that did not hang: what their end means."""

    @property
    def sentence(self) -> str:
        """Who waits for whom, in plain words."""
        if not self.edges:
            return " ".join(self.found) or self.died or "no cycle was named"
        waits = (f"{edge.waiter} waits for {edge.resource}, which {edge.who_frees} must give" for edge in self.edges)
        return f"{'; '.join(waits)}; and so round again"


def hangs(trials: Iterable[Trial]) -> list[Hang]:
    """Trials that did not go on, by the shape of their cycle."""
    groups: dict[tuple[str, object], list[Trial]] = {}
    for trial in trials:
        if trial.verdict not in VOID | SURVIVED:
            end = "" if trial.verdict in HUNG else trial.verdict
            groups.setdefault((end, shape_of(trial.edges)), []).append(trial)
    ordered = sorted(groups.items(), key=lambda item: len(item[1]), reverse=True)
    return [
        Hang(
            count=len(group),
            died=VERDICTS[end].meaning if end else "",
            edges=group[0].edges,
            found=next((trial.found for trial in group if trial.found), ()),
            folders=tuple(trial.folder for trial in group),
        )
        for (end, _), group in ordered
    ]


def barred(trials: Sequence[Trial]) -> bool:
    """Whether these, all of one place, show that it cannot be tried: it was refused without a run, or SURE runs could not be
    set up and no other could."""
    failed = [trial for trial in trials if trial.verdict == "cannot"]
    return len(failed) == len(trials) and (len(failed) >= SURE or any(not trial.run for trial in failed))


def rows_tried(cells: Sequence[Cell]) -> list[Cell]:
    """`cells` without the rows (scenario, kernel, card) of which no place was ever tried: for a look at a folder, which may
    hold several matrices, of which nobody asked for every combination."""
    tried = {_row(cell) for cell in cells if cell.trials}
    return [cell for cell in cells if _row(cell) in tried]


def _row(cell: Cell) -> tuple[str, str, str]:
    return cell.place.scenario, cell.place.kernel, cell.place.nic


def unknown_kernels(cells: Iterable[Cell]) -> dict[str, str]:
    """Names that no kernel has, as all runs for that name say, and the words for it, which name those that there are."""
    told: dict[str, list[Trial]] = {}
    for cell in cells:
        # what is refused without a run says nothing about the kernel
        told.setdefault(cell.place.kernel, []).extend(trial for trial in cell.trials if trial.run)
    return {
        name: trials[0].sentence
        for name, trials in told.items()
        if name and trials and all(trial.setting == KERNEL for trial in trials)
    }


def asked_of(trials: Sequence[Trial]) -> list[Asked]:
    """The matrices that hold all `trials`, one for each tier: for a look at a folder. Of a scenario whose text was changed
    the newest text counts."""
    found = []
    for tier in dict.fromkeys(trial.key.tier for trial in trials):
        own = [trial for trial in trials if trial.key.tier == tier]
        digests = {trial.key.place.scenario: trial.key.digest for trial in own}
        counted = Counter(trial.key.cell for trial in own if trial.counts)
        shown = [trial.key for trial in own if digests[trial.key.place.scenario] == trial.key.digest]
        found.append(
            Asked(
                subjects=tuple(Subject(name=name, digest=digest) for name, digest in digests.items()),
                kernels=tuple(dict.fromkeys(key.place.kernel for key in shown)),
                nics=tuple(dict.fromkeys(key.place.nic for key in shown)),
                policies=tuple(dict.fromkeys(key.place.policy for key in shown)),
                repeat=max(counted[key.cell] for key in shown) or 1,
                tier=tier,
            )
        )
    return found


def releases(cells: Iterable[Cell]) -> list[str]:
    """`trixie-amd64: 6.12.57+deb13-amd64` for every kernel and release that ran."""
    ran = [(kernel_text(cell.place.kernel), trial.kernel) for cell in cells for trial in cell.trials if trial.kernel]
    return [f"{name}: {release}" for name, release in dict.fromkeys(ran)]


def kernel_text(name: str) -> str:
    """A kernel's name for a reader."""
    return name or "default kernel"


def _range(trials: Sequence[Trial], field: str) -> list[str]:
    """`0.4–0.9` of a figure in seconds, where any trial that proves something has one."""
    proved = (trial for trial in trials if trial.counts)
    values = [value for trial in proved if (value := getattr(trial, field)) is not None]
    if not values:
        return []
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return [low if low == high else f"{low}–{high}"]
