"""F133: A is down, B reads from C what the patient allowed C to keep, and A hears who looked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.network.members import wait_for
from tests.network.replicating import allow, contents, read, settled, strike
from tests.network.replicating import doctor as doctor
from tests.network.replicating import running as running
from tests.network.replicating import town as town
from tests.network.story.cast import Actor, Town, files, finding
from tests.rows.needles import needles

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_the_holder_is_killed_and_the_replica_answers(town: Town, doctor: Actor) -> None:
    """A down, B reads from C; A returns, and the patient sees who looked and where."""
    patient, other = town.patient(), town.patient()
    told = finding("replicated 5.1 mmol/L")
    town.write(patient, told)
    town.write(other, finding("elsewhere nowhere"))
    allowance = allow(town, patient, "laboratory")
    grant = town.grant(patient, categories=["laboratory"], practitioner=doctor.id)
    plain = town.grant(other, categories=["laboratory"])
    one = settled(town, patient, grant, 1)
    assert (one["member"], one["status"], one["grant"]) == (
        town.c.seat.organisation,
        "standing",
        allowance,
    )
    (kept,) = town.operator(town.c).ask("GET", "replicas")["replicas"]
    assert (kept["holder"], kept["records"]) == (town.a.seat.organisation, 1)
    # Nobody else learns that there is one, and C's people cannot open what C keeps.
    refused = other.refused("GET", f"persons/{patient.id}/replicas")
    assert refused.code == "forbidden"
    assert doctor.refused("GET", "replicas").code == "forbidden"
    outsider = town.doctor(town.c, "Dr. Stone")
    prying = town.session(outsider, allowance, purpose="replica")
    assert town.denied(outsider, prying) == "grant_of_replica"
    ready, bare = town.session(doctor, grant), town.session(doctor, plain)
    before = read(doctor, ready)
    assert before["replica"] is None
    strike(town.a)
    try:
        answer = read(doctor, town.session(doctor, grant))
        assert contents(answer) == [told]
        assert answer["replica"] == town.c.seat.organisation
        assert answer["as_of"] >= one["as_of"]
        # The session that A opened before goes on, too.
        assert contents(read(doctor, ready)) == [told]
        # Where nothing was allowed, nothing has changed.
        assert doctor.refused("POST", f"sessions/{bare}/read").code == "members.unreachable"
    finally:
        town.a.start()
        town.a.wait_serving()

    def heard() -> Any:
        page = patient.ask("GET", f"persons/{patient.id}/disclosures")["disclosures"]
        found = [each for each in page if each["replica"] == town.c.seat.organisation]
        return found if len(found) >= 2 and all(each["anchored"] for each in found) else None

    lines = wait_for("A hears who looked", 90, heard)
    assert {each["reader"]["id"] for each in lines} == {doctor.id}
    assert {each["outcome"] for each in lines} == {"permit"}
    assert [each["time"] for each in lines] == sorted(each["time"] for each in lines)
    names = [name for each in lines for name in each["lines"]]
    assert len(set(names)) == len(names)
    proof = patient.ask("GET", f"persons/{patient.id}/disclosures/{names[0]}/proof")
    assert proof["proof"]["line"]["disclosure"] == names[0]
    # Nobody at C could have read it, and the chain names nothing.
    text = needles(["replicated 5.1 mmol/L"], 8)
    for member in (town.c, town.d):
        for path, data in files(member.path):
            assert not any(each in data for each in text), path
