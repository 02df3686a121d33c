"""Public pages in a language that nobody speaks: their words come from the text files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.pseudo import CUT, UNTOLD, pseudo, speak_pseudo
from tests.portal.test_pages import MEANT, pages
from tests.portal.town import Town

Visit = Callable[..., Visitor]


def look(visitor: Visitor, paths: Sequence[str], data: set[str]) -> None:
    """Walk pages; nothing stands outside of the brackets but data, and nothing is cut off."""
    speak_pseudo(visitor)
    found: dict[str, Any] = {}
    for path in paths:
        for width in WIDTHS:
            visitor.page.set_viewport_size({"width": width, "height": 900})
            page = visitor.open(f"/en/{path}")
            visitor.settle()
            untold = [each for each in page.evaluate(UNTOLD) if each not in data]
            cut = page.evaluate(CUT)
            if untold or cut:
                found[f"{path} at {width}"] = (untold, cut)
    visitor.refused[:] = [each for each in visitor.refused if not MEANT.fullmatch(each)]
    assert found == {}


def words_of(town: Town) -> set[str]:
    """Words that are data: names of organisations and products."""
    names = [each["value"].get("name") or "" for each in _subjects(town)]
    return {word for name in names for word in (*name.split(), name)}


def _subjects(town: Town) -> list[Any]:
    items = town.get("/v1/identity/subjects", kind="organisation", limit=200)["items"]
    return [town.get(f"/v1/identity/subjects/{each['id']}") for each in items]


def test_the_language_is_longer_and_keeps_its_places() -> None:
    made = pseudo("Open {name} now")
    assert made.startswith("⟦Ôþéñ {name} ñôŵ")
    assert len(made) >= len("Open {name} now") * 1.4


@pytest.mark.slow
def test_public_pages(town: Town, visit: Visit) -> None:
    # What a found pack is, the node itself says: its words do not come through the browser's files.
    paths = [each for each in pages(town) if not each.startswith("scan?code=http")]
    look(visit(locale="en"), paths, words_of(town))
