"""F19, the custodian's part: each set of powers opens exactly the doors of the table."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.rows.consenting import Actor, give, keep, path, person, speak
from tests.rows.served import Served
from yilian.ledger.modules.consent.messages import Power
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

POWERS: tuple[Power, ...] = ("change", "grant", "read", "revoke")
DOORS: dict[str, frozenset[str]] = {
    "prepare": frozenset({"grant"}),
    "prepare_change": frozenset({"change"}),
    "deliver": frozenset({"change", "grant"}),
    "list_grants": frozenset(POWERS),
    "list_asks": frozenset({"grant", "read"}),
    "list_records": frozenset({"read"}),
    "disclosures": frozenset({"read"}),
    "grants_in_custody": frozenset(),
    "revocations_in_custody": frozenset(),
}
"""Any one of these powers opens the door; with none of them, or switched off, it stays shut."""


def _calls(served: Served, elder: Actor, grant: str) -> dict[str, Callable[[Client], Any]]:
    body = {"person": elder.id, "grantee": served.b.id, "categories": ["laboratory"]}
    person_at = f"persons/{elder.id}"

    def asks(method: str, rest: str, sent: Any = None) -> Callable[[Client], Any]:
        return lambda client: client.request(method, path(served.a, rest), sent)

    return {
        "prepare": asks("POST", "grants/prepare", body),
        "prepare_change": asks("POST", "grants/prepare", {**body, "grant": grant}),
        "deliver": asks("POST", f"grants/{grant}/deliver"),
        "list_grants": asks("GET", f"{person_at}/grants"),
        "list_asks": asks("GET", f"{person_at}/asks"),
        "list_records": asks("GET", f"{person_at}/records?purpose=patient-request"),
        "disclosures": asks("GET", f"{person_at}/disclosures"),
        "grants_in_custody": asks("POST", "grants", body),
        "revocations_in_custody": asks("POST", "revocations", {"person": elder.id, "grant": grant}),
    }


def opens(client: Client, call: Callable[[Client], Any]) -> bool:
    try:
        call(client)
    except ProblemError as problem:
        # A change that was prepared and not signed: the door was open, and nothing is due.
        return problem.code == "consents.not_on_chain"
    return True


def test_every_set_of_powers_opens_its_doors_and_no_other(served: Served) -> None:
    elder, relative = (person(served, served.a, each) for each in ("elder", "relative"))
    keep(served, served.a, elder.id, "laboratory", "result")
    grant = give(served, elder, elder.id, categories=["laboratory"])["grant"]
    sets = [
        powers
        for count in range(len(POWERS) + 1)
        for powers in itertools.combinations(POWERS, count)
    ]
    found: dict[tuple[str, ...], set[str]] = {}
    for powers in sets:
        if powers:
            with speak(served, elder, served.a) as client:
                client.consent.name_custodian(
                    custodian=relative.id, ends=2**45, powers=list(powers)
                )
        calls = _calls(served, elder, grant)
        with speak(served, relative, served.a) as client:
            found[powers] = {name for name, call in calls.items() if opens(client, call)}
    assert found == {
        powers: {name for name, any_of in DOORS.items() if any_of & set(powers)} for powers in sets
    }
    with speak(served, elder, served.a) as client:
        client.consent.switch_custodian(custodian=relative.id, on=False)
    with speak(served, relative, served.a) as client:
        calls = _calls(served, elder, grant)
        assert [name for name, call in calls.items() if opens(client, call)] == []


@pytest.mark.parametrize("power", POWERS)
def test_a_power_for_one_is_none_for_another(served: Served, power: Power) -> None:
    elder, relative, other = (person(served, served.a, each) for each in ("1", "2", "3"))
    grant = give(served, other, other.id, categories=["laboratory"])["grant"]
    with speak(served, elder, served.a) as client:
        client.consent.name_custodian(custodian=relative.id, ends=2**45, powers=[power])
    with speak(served, relative, served.a) as client:
        calls = _calls(served, other, grant)
        assert [name for name, call in calls.items() if opens(client, call)] == []
