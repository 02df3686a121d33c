"""What tests of replicas share: the members, who allows and reads, and how one is struck down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.network.members import Member, Running, kill, require_engine, wait_for
from tests.network.story.cast import Actor, Town, now
from tests.network.story.conftest import FOUNDERS
from yilian.ledger.modules.consent.messages import Revoke
from yilian.sdk.client import Client

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


def settled(town: Town, patient: Actor, grant: str, records: int) -> dict[str, Any]:
    """Wait until C has all that is on the chain now, and B was told that C has a grant of B's."""
    since = now()

    def there() -> Any:
        (found,) = shown(patient)
        return found if (found["as_of"] or 0) >= since and found["records"] == records else None

    one: dict[str, Any] = wait_for("the replica is complete", 90, there)
    holder = town.a.seat.organisation

    def told() -> bool:
        trail = town.operator(town.b).ask("GET", f"audit?actor={holder}&limit=200")["entries"]
        calls = [each["entry"] for each in trail if grant in each["entry"]["grants"]]
        return any(each["operation"].endswith("_replica-tell") for each in calls)

    wait_for("B is told of the replica", 30, told)
    return one


def read(doctor: Actor, session: str) -> dict[str, Any]:
    answer: dict[str, Any] = doctor.ask("POST", f"sessions/{session}/read")
    return answer


def contents(answer: dict[str, Any]) -> list[Any]:
    return [json.loads(each["content"]) for each in answer["records"]]
