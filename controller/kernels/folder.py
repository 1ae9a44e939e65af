"""A matrix's folder: a line for every trial that was carried out, safe from a kill at any moment.

trials.jsonl (a `Trial` a line, synced to the disk one by one; the newest line of a trial counts), scenarios/ (what each
place ran), and what is drawn from them. Another matrix of the same scenarios finds here what it has in common with this.
"""

from __future__ import annotations

import fcntl
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from controller.experiment.verdicts import VOID
from controller.kernels.model import Asked, Key, Place, Trial, barred
from nodes.errors import HarnessError, UsageError

TRIALS = "trials.jsonl"


class TrialFolder:
    """An open folder; a context manager. One process at a time writes into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trials: dict[Key, Trial] = {}
        self._stream: BinaryIO | None = None

    @classmethod
    def open(cls, path: Path, *, fresh: bool = False) -> TrialFolder:
        """The folder at `path` with what it holds, open for more. `fresh`: its trials are put aside. Raises UsageError when
        another process writes into it, HarnessError when it cannot be written."""
        folder = cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder._open(fresh=fresh)
        except OSError as error:
            raise HarnessError(f"no trials can be kept in {path}: {error.strerror}") from None
        return folder

    @classmethod
    def read(cls, path: Path) -> TrialFolder:
        """What is in `path`, for a look. Raises UsageError for a folder without trials."""
        folder = cls(path)
        if not (path / TRIALS).is_file():
            raise UsageError(f"{path} holds no matrix: there is no {TRIALS} in it")
        folder._load()
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def missing(self, asked: Asked, *, again: bool = False) -> list[Key]:
        """The trials that are still to be carried out; `again`: those that proved nothing or could not be tried, too."""
        barred = set() if again else self.barred()
        return [key for key in asked.order() if self._lacks(key, again) and key.cell not in barred]

    def barred(self) -> set[tuple[Place, str, str]]:
        """The cells that cannot be tried, as their trials show."""
        groups: dict[tuple[Place, str, str], list[Trial]] = {}
        for key, trial in self.trials.items():
            groups.setdefault(key.cell, []).append(trial)
        return {cell for cell, trials in groups.items() if barred(trials)}

    def append(self, trial: Trial) -> None:
        """Keeps `trial`: when this returns it is on the disk."""
        assert self._stream is not None, "the folder is not open for more"
        self._stream.write(msgspec.json.encode(trial) + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.trials[trial.key] = trial

    def write_scenario(self, place: Place, text: str) -> Path:
        """The file that a trial of `place` runs."""
        words = [word for word in (place.scenario, place.kernel, place.nic, place.policy) if word]
        path = self.path / "scenarios" / f"{re.sub(r'[^a-z0-9.+_-]+', '_', '-'.join(words))}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def _lacks(self, key: Key, again: bool) -> bool:
        trial = self.trials.get(key)
        return trial is None or (again and trial.verdict in VOID)

    def _open(self, *, fresh: bool) -> None:
        path = self.path / TRIALS
        stream = _locked(path)
        if fresh and path.stat().st_size:
            path.rename(path.with_name(f"trials-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z.jsonl"))
            stream.close()
            stream = _locked(path)
        stream.truncate(self._load())
        self._stream = stream

    def _load(self) -> int:
        """Reads the trials; the length in bytes of those that are whole. A last line torn by a kill does not count."""
        content = (self.path / TRIALS).read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                trial = msgspec.json.decode(line, type=Trial)
            except msgspec.DecodeError as error:
                raise HarnessError(f"{self.path / TRIALS}:{number}: no trial of a matrix: {error}") from None
            self.trials.pop(trial.key, None)  # so that the newest stands last
            self.trials[trial.key] = trial
        return whole


def _locked(path: Path) -> BinaryIO:
    stream = path.open("ab")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise UsageError(
            f"another process works on the matrix in {path.parent}: wait for it, or name another folder with --out"
        ) from None
    return stream
