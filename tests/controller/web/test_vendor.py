"""What others wrote stands in a folder of its own, unchanged, with its licence."""

from __future__ import annotations

import hashlib
import re
import tomllib

from controller.web.app import STATIC

VENDOR = STATIC / "vendor"
LISTED = tomllib.loads((VENDOR / "vendor.toml").read_text())["file"]


def test_every_file_is_what_its_package_held() -> None:
    for each in LISTED:
        assert hashlib.sha256((VENDOR / each["name"]).read_bytes()).hexdigest() == each["sha256"], each["name"]


def test_everything_is_listed_with_a_licence() -> None:
    licences = {text for each in LISTED for text in each["licences"].values()}
    assert all(each["licences"] for each in LISTED)
    assert {path.name for path in VENDOR.iterdir()} == {each["name"] for each in LISTED} | licences | {"vendor.toml"}


def test_nothing_of_the_page_names_another_host() -> None:
    own = [path for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".html")]
    assert own
    for path in own:
        assert re.findall(r"\w+://(?!www\.w3\.org/2000/svg)", path.read_text()) == [], path.name


def test_the_page_has_neither_script_nor_style_in_its_text() -> None:
    text = (STATIC / "index.html").read_text()
    assert "<style" not in text and "style=" not in text and "onload" not in text
    assert all("src=" in line for line in text.splitlines() if "<script" in line)
