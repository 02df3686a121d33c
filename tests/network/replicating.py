"""What tests of replicas share: the members, who allows and reads, and how one is struck down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.network.members import Member, Running, kill, require_engine, wait_for
from tests.network.story.cast import Actor, Town
from tests.network.story.conftest import FOUNDERS
from yilian.ledger.modules.consent.messages import Revoke
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

DAYS = 30


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three hospitals and an authority."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("replica") / "net", FOUNDERS)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def town(running: Running) -> Town:
    running.agreed()
    return Town(running)


@pytest.fixture(scope="module")
def doctor(town: Town) -> Actor:
    """A physician of B."""
    return town.doctor(town.b)


def strike(member: Member) -> None:
    """Kill a member's node and its engine without a word, and let nobody start them again."""
    pids = [member.engine_pid, member.pid]
    for each in pids:
        kill(each)
    member.stop()


def send_at(town: Town, actor: Actor, message: Revoke) -> None:
    """Hand a person's own signed message to B's gateway, since A's is down."""
    with Client(
        town.b.url,
        signer=actor.signer,
        sender=actor.id,
        payer=actor.home.seat.organisation,
        patience=20.0,
    ) as client:
        client.send([message])


def allow(town: Town, patient: Actor, *categories: str) -> str:
    """The patient lets C keep a replica, signed with her own key."""
    return town.grant(patient, town.c, categories=list(categories), purposes=["replica"], days=DAYS)


def shown(patient: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = patient.ask("GET", f"persons/{patient.id}/replicas")["replicas"]
    return found


def settled(town: Town, patient: Actor, records: int) -> dict[str, Any]:
    """Wait until the patient sees a complete replica with so many records."""

    def there() -> Any:
        (found,) = shown(patient)
        return found if found["as_of"] and found["records"] == records else None

    one: dict[str, Any] = wait_for("the replica is complete", 60, there)
    # B is told with the next parcel, which A's courier brings at once.
    town.together()
    return one


def read(doctor: Actor, session: str) -> dict[str, Any]:
    answer: dict[str, Any] = doctor.ask("POST", f"sessions/{session}/read")
    return answer


def known(town: Town, doctor: Actor, grant: str) -> dict[str, Any]:
    """Read while A is down, as soon as B knows of a replica; A must be down already."""

    def there() -> Any:
        try:
            return read(doctor, town.session(doctor, grant))
        except ProblemError as problem:
            if problem.code != "members.unreachable":
                raise
            return None

    found: dict[str, Any] = wait_for("the replica answers", 30, there)
    return found


def contents(answer: dict[str, Any]) -> list[Any]:
    return [json.loads(each["content"]) for each in answer["records"]]
