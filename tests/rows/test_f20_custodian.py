"""F20: a custodian acts while switched on and not else, and the audit says who acted for whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rows.consenting import (
    Actor,
    contents,
    doctor,
    give,
    keep,
    path,
    person,
    read,
    session,
    speak,
)
from tests.rows.served import Served, yilian
from yilian.sdk.errors import ProblemError


def refused(call: Callable[..., Any], *arguments: Any, **more: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        call(*arguments, **more)
    return caught.value


def consent(served: Served, key: Path, sender: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Run `yilian consent ...` as somebody at hospital A."""
    signing = ("--key", str(key), "--sender", sender, "--payer", served.a.id, "--node", served.url)
    return yilian("consent", *words, *signing)


def get(served: Served, who: Actor, rest: str) -> dict[str, Any]:
    with speak(served, who, served.a) as client:
        answer: dict[str, Any] = client.request("GET", path(served.a, rest))
        return answer


def test_for_a_child_in_custody(served: Served) -> None:
    """The hospital names a parent for a child without a key; off means off, at once."""
    child = served.load(served.a)["person"]
    parent = person(served, served.a, "parent")
    operator = served.folder.operator_key(served.a.id)
    records = f"persons/{child}/records?purpose=patient-request"
    assert refused(get, served, parent, records).status == 403

    naming = ("name-custodian", "--custodian", parent.id, "--ends", "+30d", "--powers", "read")
    code, _ = consent(served, operator, served.a.id, *naming, "--on-behalf-of", child)
    assert code == 0
    listed = get(served, parent, records)["records"]
    assert listed
    one = listed[0]
    shown = get(served, parent, f"records/{one}?purpose=patient-request")
    assert shown["person"] == child
    # Reading is all that was allowed.
    body = {"person": child, "grantee": served.b.id, "categories": ["laboratory"]}
    with speak(served, parent, served.a) as client:
        prepare = path(served.a, "grants/prepare")
        assert refused(client.request, "POST", prepare, body).code == "forbidden"

    switching = ("switch-custodian", "--custodian", parent.id, "--on-behalf-of", child)
    assert consent(served, operator, served.a.id, *switching, "--no-on")[0] == 0
    assert refused(get, served, parent, records).status == 403
    again = refused(get, served, parent, f"records/{one}?purpose=patient-request")
    assert again.status in (403, 404)
    assert consent(served, operator, served.a.id, *switching, "--on")[0] == 0
    assert get(served, parent, records)["records"]

    with served.client(served.a) as client:
        seen = client.request("GET", path(served.a, f"persons/{child}/disclosures"))
    acted = [
        (each["reader"]["id"], each["on_behalf_of"], each["outcome"])
        for each in seen["disclosures"]
        if one in each["records"]
    ]
    assert (parent.id, child, "permit") in acted
    assert {outcome for _, _, outcome in acted} <= {"permit", "deny"}


def test_for_an_elder_with_a_key(served: Served, tmp_path: Path) -> None:
    """The elder names a relative; the relative grants in the elder's place, and it shows."""
    elder, relative = (person(served, served.a, each) for each in ("elder", "relative"))
    reader = doctor(served, served.b)
    keep(served, served.a, elder.id, "laboratory", "result")
    keys = {each: tmp_path / f"{each.id}.key" for each in (elder, relative)}
    for who, key in keys.items():
        who.signer.write(key, None)
    naming = ("name-custodian", "--custodian", relative.id, "--ends", "+30d")
    powers = ("--powers", "grant", "--powers", "read", "--powers", "revoke")
    assert consent(served, keys[elder], elder.id, *naming, *powers)[0] == 0

    given = give(served, relative, elder.id, categories=["laboratory"])
    opened = session(served, reader, given["grant"])
    assert contents(read(served, reader, opened)) == {"result"}
    (listed,) = get(served, elder, f"persons/{elder.id}/grants")["grants"]
    assert (listed["grant"], listed["by"]) == (given["grant"], relative.id)
    # What was not given is refused by the chain: to change a grant.
    with speak(served, relative, served.a) as client:
        problem = refused(
            client.consent.change,
            grant=given["grant"],
            terms="A" * 43,
            starts=listed["starts"],
            ends=listed["ends"],
            on_behalf_of=elder.id,
        )
    assert problem.code == "consent.no_such_power"

    off = ("switch-custodian", "--custodian", relative.id, "--no-on")
    assert consent(served, keys[elder], elder.id, *off)[0] == 0
    with pytest.raises(ProblemError):
        give(served, relative, elder.id, categories=["imaging"])
    code, answer = consent(
        served, keys[relative], relative.id, "revoke", "--grant", given["grant"],
        "--on-behalf-of", elder.id,
    )  # fmt: skip
    assert (code, answer["error"]["code"]) == (1, "identity.not_custodian")
    assert contents(read(served, reader, opened)) == {"result"}

    on = ("switch-custodian", "--custodian", relative.id, "--on")
    assert consent(served, keys[elder], elder.id, *on)[0] == 0
    code, _ = consent(
        served, keys[relative], relative.id, "revoke", "--grant", given["grant"],
        "--on-behalf-of", elder.id,
    )  # fmt: skip
    assert code == 0
    assert refused(read, served, reader, opened).status == 403

    calls = get(served, elder, f"persons/{elder.id}/calls")["calls"]
    for_the_elder = {each["actor"]["id"] for each in calls if each["for_the_person"]}
    assert for_the_elder == {relative.id}
    told = served.node.organisations[served.a.id]
    told.watch.catch_up()
    kinds = [each.kind for each in told.vault.outbox.inbox(elder.id)]
    assert sorted(kinds) == [
        "custodian_named", "custodian_switched", "custodian_switched",
        "grant_given", "grant_revoked",
    ]  # fmt: skip


def test_a_custodian_who_grants_to_themselves_opens_nothing(served: Served) -> None:
    elder, relative = (person(served, served.a, each) for each in ("elder", "relative"))
    keep(served, served.a, elder.id, "laboratory", "result")
    with speak(served, elder, served.a) as client:
        client.consent.name_custodian(custodian=relative.id, ends=2**45, powers=["grant"])
    given = give(served, relative, elder.id, categories=["laboratory"], practitioner=relative.id)
    body = {"grant": given["grant"]}
    with speak(served, relative, served.a) as client:
        # A person is no reader: neither at home nor at the grantee.
        for at in (served.a, served.b):
            problem = refused(client.request, "POST", path(at, "sessions"), body)
            assert problem.code == "forbidden"
