"""Refusal codes: stable, numbered, and with declared parameters."""

from __future__ import annotations

import pytest

from yilian.ledger import errors
from yilian.ledger.errors import Refusal


def test_a_refusal_carries_its_code_and_parameters() -> None:
    refusal = errors.TOO_LARGE(limit=7)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.parameters) == (errors.TOO_LARGE, {"limit": 7})
    assert str(refusal) == "too_large"


@pytest.mark.parametrize("given", [{}, {"size": 7}, {"limit": 7, "size": 7}])
def test_a_refusal_takes_the_declared_parameters(given: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        errors.TOO_LARGE(**given)


def test_a_code_is_found_by_number_and_name() -> None:
    for each in errors.every():
        assert errors.by_number(each.number) is each
        assert errors.by_name(each.name) is each
    with pytest.raises(KeyError):
        errors.by_number(-1)
    with pytest.raises(KeyError):
        errors.by_name("no such code")


def test_codes_are_listed_by_number() -> None:
    numbers = [each.number for each in errors.every()]
    assert numbers == sorted(set(numbers))
    assert errors.OK not in numbers


def test_a_number_or_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="taken"):
        errors.code(errors.MALFORMED.number, "something else")
    with pytest.raises(ValueError, match="taken"):
        errors.code(999_999, "malformed")
    assert 999_999 not in [each.number for each in errors.every()]


def test_every_code_has_an_http_status_of_a_refusal() -> None:
    assert [each for each in errors.every() if not 400 <= each.status <= 599] == []
    assert [each.name for each in errors.every() if each.number == 1] == ["internal"]


PINNED = {
    1: "internal",
    2: "malformed",
    3: "not_canonical",
    8: "nonce_spent",
    11: "bad_signature",
    18: "quota_used_up",
    100: "identity.id_taken",
    125: "identity.already_revoked",
    130: "identity.link_ended",
    200: "governance.not_a_member",
    209: "governance.not_proposer",
    300: "consent.id_taken",
    309: "consent.may_not_read",
    310: "consent.no_such_power",
    328: "consent.already_reviewed",
    400: "records.id_taken",
    410: "records.unknown_hold",
    417: "records.bad_extent",
    500: "care.id_taken",
    509: "care.bad_period",
    600: "supply.id_taken",
    632: "supply.spent",
    644: "supply.alert_closed",
    645: "supply.too_many_owners",
}


@pytest.mark.parametrize(("number", "name"), sorted(PINNED.items()))
def test_a_published_number_keeps_its_name(number: int, name: str) -> None:
    assert errors.by_number(number).name == name
