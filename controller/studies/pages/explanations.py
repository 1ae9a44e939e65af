"""Why tiers differ, in a person's words: a TOML file, `[scenario]` and under it `policy = "words"`. Tables that are made
again keep them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from nodes.errors import UsageError

FILE = Path("docs", "reference", "agreement.toml")
"""In a checkout."""


def read(file: Path) -> dict[tuple[str, str], str]:
    """By scenario and policy. Raises UsageError for a file that holds no explanations."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from None
    found: dict[tuple[str, str], str] = {}
    for scenario, policies in document.items():
        if not isinstance(policies, dict) or not all(isinstance(words, str) for words in policies.values()):
            raise UsageError(f'{file}: [{scenario}] must hold lines of the form policy = "words"')
        found |= {(scenario, policy): " ".join(words.split()) for policy, words in policies.items()}
    return found
