"""The exception tree of netreserve, and the exit code each branch stands for.

    NetreserveError
    ├── UsageError            2   you asked wrongly: a bad scenario, option or value
    │   ├── ScenarioError     2   ... with the place in the file and, where there is one, a suggestion
    │   └── SettingError      2   ... one setting of a node that cannot be, named
    ├── LackingError          3   this machine lacks something a run needs (named)
    ├── InconclusiveError     5   the run proves nothing (pressure not reached, a setting not in force)
    │   └── RefusedError          ... for a node's reason, whose code it has
    └── HarnessError          6   netreserve itself, or a part it stands on, failed

Codes are those of the design, section 7. Our own mistakes are assertions, never one of these.
"""

from __future__ import annotations

import re

WORD_LETTERS_MAX = 80
"""A longer word of a file is shortened in a message (own)."""
_LONG_WORD = re.compile(rf"\S{{{WORD_LETTERS_MAX},}}")


def printable(text: str) -> str:
    """`text` on one line as a terminal may have it: what is not printable, such as an escape sequence, is written as
    Python writes it (`\\x1b`)."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shortened(text: str) -> str:
    """`text` with every word of more than WORD_LETTERS_MAX letters cut in its middle."""
    return _LONG_WORD.sub(lambda word: f"{word[0][: WORD_LETTERS_MAX // 2]}...{word[0][-8:]}", text)


class NetreserveError(Exception):
    """Base of all errors that are told to a person in one line. `exit_code` is what the command line exits with."""

    exit_code = 6


class UsageError(NetreserveError):
    """The caller asked for something that cannot be: the message holds the offending value and what would be right."""

    exit_code = 2


class ScenarioError(UsageError):
    """A scenario that cannot be run. `path` is the key (`nodes.initiator.min_free`), `line` counts from 1 (0: unknown). What
    it quotes of a file is made fit for a terminal here."""

    def __init__(self, message: str, *, path: str = "", line: int = 0, file: str = "", hint: str = "") -> None:
        message, path, hint = (printable(shortened(part)) for part in (message, path, hint))
        self.message, self.path, self.line, self.file, self.hint = message, path, line, file, hint
        where = ":".join(part for part in (file, str(line) if line else "") if part)
        text = ": ".join(part for part in (where, path, message) if part)
        super().__init__(f"{text} ({hint})" if hint else text)


class SettingError(UsageError):
    """One setting of a node that cannot be: `setting` is its name, e.g. `kernel`."""

    def __init__(self, message: str, setting: str) -> None:
        self.setting = setting
        super().__init__(message)


class LackingError(NetreserveError):
    """The machine lacks a capability, a program or a service; the message names it and what to do."""

    exit_code = 3


class InconclusiveError(NetreserveError):
    """A run that proves nothing, with the reason."""

    exit_code = 5


class RefusedError(InconclusiveError):
    """A node cannot be what was asked, so that the run proves nothing; `exit_code` is that of the node's own reason `why`,
    `setting` the one at fault, where the node knows it."""

    def __init__(self, message: str, exit_code: int, why: str, setting: str = "") -> None:
        self.exit_code, self.why, self.setting = exit_code, why, setting
        super().__init__(message)


class HarnessError(NetreserveError):
    """A part of the testbed failed: the result says nothing about the patient."""

    exit_code = 6


def exit_code_of(error: Exception) -> int:
    """What the command line exits with for `error`: one that nobody foresaw is our failure."""
    return error.exit_code if isinstance(error, NetreserveError) else HarnessError.exit_code
