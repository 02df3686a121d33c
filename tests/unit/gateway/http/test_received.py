"""Which grants from elsewhere somebody is told of: those that stand, and that are theirs to use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.calls import at
from tests.rows.desk import refused
from tests.rows.served import Served
from yilian.sdk.signers import Ed25519Signer


class House(Served):
    """Hospital A shares records of its patient with hospital B."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.patient = str(self.load(self.a)["person"])
        self.reader, self.key, _ = self.doctor(self.b)
        self.other, self.other_key, _ = self.doctor(self.b)

    def give(self, **asked: Any) -> str:
        body = {"person": self.patient, "grantee": self.b.id, "categories": ["laboratory"]}
        with self.client(self.a) as client:
            return str(client.request("POST", at(self.a, "grants"), {**body, **asked})["grant"])

    def listed(self, who: str, key: Ed25519Signer) -> list[dict[str, Any]]:
        with self.as_(who, key, self.b) as client:
            return list(client.request("GET", at(self.b, "grants"))["grants"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A served node with two hospitals."""
    made = House(tmp_path_factory.mktemp("house") / "node")
    with made:
        yield made


def test_a_doctor_is_told_of_grants_by_name_and_to_all_and_of_no_others(house: House) -> None:
    named = house.give(practitioner=house.reader)
    to_all = house.give(categories=["medication"], days=60)
    house.give(purposes=["replica"])
    own, others = (
        {each["grant"]: each for each in house.listed(who, key)}
        for who, key in ((house.reader, house.key), (house.other, house.other_key))
    )
    assert set(own) == {named, to_all}
    assert set(others) == {to_all}
    assert own[named]["named"]
    assert not own[to_all]["named"]
    assert own[named]["holder"] == house.a.id
    assert own[named]["person"] == house.patient
    assert own[named]["categories"] == ["laboratory"]
    first, second = house.listed(house.reader, house.key)
    assert first["ends"] > second["ends"]
    with house.client(house.b) as client:
        told = client.request("GET", at(house.b, "grants"))["grants"]
    assert {named, to_all} <= {each["grant"] for each in told}


def test_a_grant_taken_back_is_told_no_more(house: House) -> None:
    grant = house.give(practitioner=house.other)
    assert grant in {each["grant"] for each in house.listed(house.other, house.other_key)}
    with house.client(house.a) as client:
        client.request(
            "POST", at(house.a, "revocations"), {"person": house.patient, "grant": grant}
        )
    assert grant not in {each["grant"] for each in house.listed(house.other, house.other_key)}


def test_nobody_from_elsewhere_is_told(house: House) -> None:
    with house.client(house.a) as client:
        assert refused(client, "GET", at(house.b, "grants")) == "forbidden"
