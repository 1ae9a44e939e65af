from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from storedruns import stored
from syntheticruns import deadlock
from webpages import Page, serving


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A server of one run, `20231114T221320Z-abcd`."""
    stored(tmp_path / "runs", deadlock())
    with serving(tmp_path / "runs") as page:
        yield page
