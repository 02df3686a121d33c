from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.epcis.store_builders import NOW, Home
from yilian.gateway.epcis import named
from yilian.ledger.errors import Refusal


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value.code.name


def test_a_query_is_kept_as_it_was_given(home: Home) -> None:
    parameters = {
        "GE_value_CEL": Decimal("2.50"),
        "EQ_bizStep": ["shipping"],
        "@context": {"a": "b"},
    }
    made = home.repository.queries.put("cold", parameters, NOW)
    assert made == named.Named("cold", NOW, parameters)
    home.close()
    home.open()
    assert home.repository.queries.get("cold") == made
    assert str(home.repository.queries.get("cold").parameters["GE_value_CEL"]) == "2.50"


def test_names_are_taken_once_and_freed(home: Home) -> None:
    queries = home.repository.queries
    queries.put("one", {}, NOW)
    assert refused(queries.put, "one", {"EQ_action": "ADD"}, NOW) == "epcis.query_exists"
    assert queries.get("one").parameters == {}
    queries.remove("one")
    assert refused(queries.remove, "one") == "epcis.query_unknown"
    assert refused(queries.get, "one") == "epcis.query_unknown"
    queries.put("one", {"EQ_action": "ADD"}, NOW)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 101, "名", "a\n", "a\x00"])
def test_names_that_are_none(home: Home, name: str) -> None:
    assert refused(home.repository.queries.put, name, {}, NOW) == "epcis.query_name"


def test_wrong_parameters_are_refused_when_they_are_kept(home: Home) -> None:
    queries = home.repository.queries
    assert refused(queries.put, "one", {"EQ_colour": ["red"]}, NOW) == "epcis.query_parameter"
    assert refused(queries.get, "one") == "epcis.query_unknown"


def test_each_owner_has_its_own(home: Home) -> None:
    queries = home.repository.queries
    queries.put("one", {}, NOW)
    queries.put("one", {"EQ_action": "ADD"}, NOW, "partner")
    assert queries.get("one", "partner").parameters == {"EQ_action": "ADD"}
    assert refused(queries.get, "one", "stranger") == "epcis.query_unknown"
    assert [each.name for each in queries.all(owner="stranger")[0]] == []
    queries.remove("one", "partner")
    assert queries.get("one").parameters == {}


def test_lists_come_in_pages(home: Home) -> None:
    for name in "dbaec":
        home.repository.queries.put(name, {}, NOW)
    first, cursor = home.repository.queries.all(None, 2)
    second, end = home.repository.queries.all(cursor, 3)
    assert [each.name for each in (*first, *second)] == list("abcde")
    assert end is None


def test_bounds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MAX_QUERIES", 2)
    monkeypatch.setattr(named, "MAX_BYTES", 500)
    queries = home.repository.queries
    large = {"EQ_eventID": ["x" * 600]}
    assert refused(queries.put, "large", large, NOW) == "epcis.query_too_complex"
    queries.put("a", {}, NOW)
    queries.put("b", {}, NOW)
    assert refused(queries.put, "c", {}, NOW) == "epcis.too_many_queries"
