from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.epcis_sample import events as sample
from tests.unit.gateway.epcis.store_builders import Home, simple
from yilian.gateway.epcis import store
from yilian.gateway.epcis.browse import Tree
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.identifiers import canonical

PARTNER = "9520001000015"
TREES: tuple[Tree, ...] = (
    "eventTypes",
    "epcs",
    "bizSteps",
    "bizLocations",
    "readPoints",
    "dispositions",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("browse"))
    made.put(list(sample(5, 300)))
    made.repository.show(PARTNER, range(1, 300, 7))
    yield made
    made.close()


def expected(home: Home, tree: Tree, sequences: range) -> set[str]:
    found: set[str] = set()
    for event, place in zip(sample(5, 300), range(1, 301), strict=True):
        if place in sequences:
            found |= names(event, tree)
    return found


def names(event: Event, tree: Tree) -> set[str]:
    if tree == "eventTypes":
        return {event["type"]}
    if tree == "epcs":
        lists = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
        found = {canonical(each) for name in lists for each in event.get(name) or ()}
        return found | ({canonical(event["parentID"])} if "parentID" in event else set())
    key = tree.removesuffix("s")
    value = event.get(key)
    if value is None:
        return set()
    return {canonical(value["id"])} if isinstance(value, dict) else {value}


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("viewer", [None, PARTNER])
def test_a_tree_has_all_names_that_occur(home: Home, tree: Tree, viewer: str | None) -> None:
    found: list[str] = []
    page: str | None = None
    while True:
        given = home.repository.browse(tree, page, 3, viewer)
        assert len(given.names) <= 3
        found += given.names
        page = given.next
        if page is None:
            break
    assert found == sorted(set(found))
    assert set(found) == expected(home, tree, range(1, 301) if viewer is None else range(1, 300, 7))


def test_a_stranger_finds_nothing(home: Home) -> None:
    for tree in TREES:
        assert home.repository.browse(tree, None, 9, "9520001000022").names == []


def test_what_an_unfinished_capture_brought_is_not_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.database.write() as connection:
        store.insert(connection, [store.prepare(simple(1, bizStep="killing"))], "us", "job")
    home.put([simple(2), simple(3, bizStep="packing")])
    assert home.repository.browse("bizSteps", None, 9).names == ["packing", "shipping"]
    home.close()
