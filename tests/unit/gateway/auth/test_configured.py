"""What `node.json` may say of signing in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yilian.node.config import Configuration, ConfigurationError, NodeFolder, SignIn


def read(folder: Path, **told: Any) -> Configuration:
    """Read a `node.json` that says this besides what must stand in it."""
    (folder / "node.json").write_text(json.dumps({"chain": "test", "organisations": [], **told}))
    return NodeFolder(folder).configuration()


@pytest.mark.parametrize(
    "url",
    [
        "https://yl.example",
        "https://yl.example/",
        "https://yl.example:8443",
        "http://localhost",
        "http://localhost:8420",
    ],
)
def test_an_address_that_people_can_sign_in_at(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, public_url=url).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "yl.example",
        "http://yl.example",
        "http://127.0.0.1:8420",
        "https://yl.example/portal",
        "https://user:secret@yl.example",
        "https://yl.example:84200000",
        "https://yl.example#x",
        "https://医链.example",
        "https://yl.example\n",
    ],
)
def test_any_other_is_refused_and_not_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, public_url=url)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize(
    "times",
    [{"person_days": 0}, {"staff_hours": 25}, {"tries_per_account": 0}, {"unknown": 1}],
)
def test_times_have_bounds(tmp_path: Path, times: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        read(tmp_path, sign_in=times)


def test_without_a_word_the_times_are_those_of_the_page(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/sign-in.md").read_text("utf-8")
    told = read(tmp_path).sign_in
    assert told == SignIn()
    for names in (
        ("person_days", "person_idle_days"),
        ("staff_hours", "staff_idle_minutes"),
        ("tries_per_account",),
        ("tries_per_address",),
    ):
        named = ", ".join(f"`{each}`" for each in names)
        values = ", ".join(str(getattr(told, each)) for each in names)
        assert f"| {named} | {values} |" in page
