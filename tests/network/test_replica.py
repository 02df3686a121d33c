"""A replica while its holder is down: what was taken back, and who is told of it later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.network.members import wait_for
from tests.network.replicating import allow, contents, read, send_at, settled, shown, strike
from tests.network.replicating import doctor as doctor
from tests.network.replicating import running as running
from tests.network.replicating import town as town
from tests.network.story.cast import Actor, Town, finding
from yilian.ledger.modules.consent.messages import Revoke

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_taken_back_while_the_holder_is_down(town: Town, doctor: Actor) -> None:
    """The grant by B's chain and C's, the allowance by C's: A need not say anything."""
    patient = town.patient()
    town.write(patient, finding("5.2 mmol/L"))
    allowance = allow(town, patient, "laboratory")
    grant = town.grant(patient, categories=["laboratory"])
    settled(town, patient, grant, 1)
    session = town.session(doctor, grant)
    strike(town.a)
    try:
        assert contents(read(doctor, session)) == [finding("5.2 mmol/L")]
        # Her own key signs, and any member's gateway takes it.
        send_at(town, patient, Revoke(grant=grant))
        reasons = town.denied(doctor, session)
        assert reasons == "grant_not_active"
        send_at(town, patient, Revoke(grant=allowance))

        def gone() -> bool:
            every = town.operator(town.c).ask("GET", "replicas")["replicas"]
            return allowance not in {each["grant"] for each in every}

        wait_for("C destroys the replica", 60, gone)
    finally:
        town.a.start()
        town.a.wait_serving()

    def dropped() -> Any:
        (found,) = shown(patient)
        return found["dropped"]

    assert wait_for("A knows that C keeps nothing", 90, dropped)
