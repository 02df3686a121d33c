"""Malformed and hostile bodies to every operation that takes one: each gets a coded refusal.

1,000 bodies by default, 100,000 at `YILIAN_SCALE=100`. They go into the application of a node with
two hospitals, half of them under the signature of a caller who may enter. A body that is accepted
after all must be valid by the operation's own schema, and is counted apart; what is refused writes
nothing. A failure names the seed and the number of its body; `YILIAN_SEED` sets another seed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.http.bodies import Bodies, text
from tests.http.direct import Sent, refusal, send
from tests.http.hostile_node import BUNDLE, ENTERS, PATIENT, SHORT, Operation, World
from tests.scale import scale
from tests.simulation import Dice
from yilian.gateway.app import build
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.gateway.http.operation import operation, routes
from yilian.gateway.index import ChainIndex
from yilian.gateway.openapi import operations
from yilian.ledger.errors import MALFORMED, NOT_YET_ACTIVE
from yilian.ledger.modules.records import messages as records
from yilian.sdk import drafts

COUNT = scale(2_400, 100_000)
SEED = os.environ.get("YILIAN_SEED", "hostile bodies")
TOO_LARGE = {"body_too_large"}
EPCIS_TOO_LARGE = TOO_LARGE | {"epcis.too_large", "epcis.credentials_missing"}
"""EPCIS asks who it is before it reads what may be large."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node and what it describes."""
    made = World(tmp_path_factory.mktemp("hostile") / "node")
    yield made
    made.close()


BACKGROUND = {"records.AnchorDisclosures"}
"""What the node writes of its own: the journal and the audit trail, refused requests in them."""

REACHED = {
    "malformed",
    "not_canonical",
    "nonce_spent",
    "unauthenticated",
    "bad_request",
    "unsupported_media_type",
    "body_too_large",
    "identity.not_custodian",
    "fhir.bundle_malformed",
    "organisation.person_differs",
    "vault_record_unknown",
    "desk_staff_unknown",
}
"""Refusals from every depth, that 1,000 bodies must have brought out."""


class Tally:
    """How many bodies went in, by operation and kind, and what came back."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.drawn: Counter[tuple[str, str, bool]] = Counter()
        self.signed: Counter[tuple[str, bool]] = Counter()
        """By operation: the signed ones that were turned away at the entry, and the others."""


async def flood(world: World, app: Any, to: Sequence[Operation], count: int) -> Tally:
    """Send `count` bodies, in turn to each operation, of each kind, unsigned and signed."""
    tally = Tally()
    kinds = list(to[0].bodies[0].kinds())
    for number in range(count):
        turn, at = divmod(number, len(to))
        one, (again, of) = to[at], divmod(turn, len(kinds))
        kind = kinds[of]
        # Half of each operation's and each kind's, and in two rounds both ways of every pair.
        signed = bool((at + of + again) % 2)
        bodies = one.bodies[signed]
        bodies.dice = Dice(f"{SEED} {number}")
        sent = bodies.kinds()[kind]()
        try:
            code = await _answered(world, app, one, sent, signed)
            too_large = EPCIS_TOO_LARGE if one.target.startswith("/epcis/") else TOO_LARGE
            assert kind != "oversized" or code in too_large, code
        except Exception as fault:
            shown = b"".join(sent.pieces)[:400]
            raise AssertionError(
                f"seed {SEED!r}, body {number}, {kind}, signed={signed}, to {one.id}: "
                f"{fault!r}\n{sent.headers!r}\n{shown!r}"
            ) from fault
        tally.drawn[one.id, kind, signed] += 1
        if code is None:
            tally.accepted[one.id] += 1
        else:
            tally.codes[code] += 1
        if signed and one.caller is not None:
            tally.signed[one.id, code in ENTERS] += 1
    return tally


async def _answered(world: World, app: Any, to: Operation, sent: Sent, signed: bool) -> str | None:
    """Send a body, hold the answer against what it must be; gives the code of a refusal."""
    whole = b"".join(sent.pieces[:3])
    before = world.node.engine.height
    if signed and to.caller is not None:
        # What is too large is refused before its signature is judged: the start of it will do.
        head = world.header(to.caller, to.method, to.target, whole)
        sent = sent._replace(headers=(*sent.headers, head))
    answer = await send(app, to.method, to.target, sent)
    assert answer.status in to.statuses, f"{answer.status} is not described: {answer.body!r}"
    if answer.status < 300:
        assert to.fits(whole), "accepted, and not valid by its own schema"
        assert signed or to.caller is None, "accepted without a signature"
        return None
    code = refusal(answer, to.target)
    assert not (signed and to.caller and code in ENTERS - {"forbidden"}), code
    written = set(world.accepted_since(before))
    assert written <= BACKGROUND, f"refused with {code}, and written: {written}"
    return code


def test_every_operation_refuses_hostile_bodies_with_a_code(world: World) -> None:
    engine, organisations = world.node.engine, world.node.organisations.values()
    before, height = engine.tip.app_hash, engine.height
    theirs = world.node.organisations[world.b.id].vault.records_of(world.stranger)
    tally = asyncio.run(flood(world, world.app, world.operations, COUNT))
    assert sum(tally.codes.values()) + sum(tally.accepted.values()) == COUNT
    ways = 2 * len(world.operations) * len(world.operations[0].bodies[0].kinds())
    assert len(tally.drawn) == min(COUNT, ways)
    assert not REACHED - tally.codes.keys()
    for each in world.operations:
        if each.caller is not None:
            assert tally.signed[each.id, False] > tally.signed[each.id, True], each.id
    assert engine.pending() == 0
    assert engine.tip.app_hash == before or world.accepted_since(height)
    held = world.node.organisations[world.b.id].vault.records_of(world.stranger)
    assert held == theirs
    assert [list(each.vault.integrity()) for each in organisations] == [[], [], []]
    assert world.get("/readyz").status == 200


def test_no_operation_with_a_body_is_left_out(world: World) -> None:
    """The document that was walked says what the routes say."""
    with_body = {each.id for each in operations(world.app.routes) if each.body}
    assert {each.id for each in world.operations} == with_body
    assert {each.caller is None for each in world.operations} == {True, False}


# What would make the test above empty: refusals that are the sender's own fault, and blindness.


def test_sound_bodies_sent_the_same_way_are_accepted(world: World) -> None:
    at = f"/v1/organisations/{world.a.id}"
    other = {**PATIENT, "resource": {**PATIENT["resource"], "identifier": [NUMBER]}}
    loaded = world.post(f"{at}/bundles", text({**BUNDLE, "entry": [other]}), FHIR_JSON)
    assert loaded.status == 200, loaded
    person = json.loads(loaded.body)["person"]
    asked = {"person": person, "grantee": world.b.id, "categories": ["laboratory"]}
    granted = world.post(f"{at}/grants", text(asked))
    assert granted.status == 200, granted
    back = {"person": person, "grant": json.loads(granted.body)["grant"]}
    assert world.post(f"{at}/revocations", text(back)).status == 200
    body = drafts.draft(
        chain="yilian",
        sender=world.a.id,
        payer=world.a.id,
        messages=[records.Anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())],
        signers=[world.signer],
    )
    assert world.post("/v1/transactions", drafts.sign(body, [world.signer])).status == 200


NUMBER = {"system": "urn:test", "value": "test-2"}
FAULTS = (
    "falls over",
    "accepts",
    "refuses without a code",
    "has a status of its own",
    "refuses and writes",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_operation_is_noticed(world: World, fault: str) -> None:
    @operation("POST", "/v1/faulty", tag="faulty", summary="Do wrong.", answers=())
    async def faulty(request: Request) -> Response:
        if await request.body():
            if fault == "falls over":
                raise RuntimeError("planted")
            if fault == "refuses and writes":
                anchor = records.Anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
                world.node.organisations[world.a.id].write(anchor)
                raise MALFORMED()
            if fault != "has a status of its own":
                return Response("no", 200 if fault == "accepts" else 400)
            raise NOT_YET_ACTIVE(height=1)
        raise MALFORMED()

    app = build(world.node.engine, _index(world), routes=routes(faulty))
    bodies = Bodies(b"application/json", [b'{"a":1}'], [b"[]"], ["A" * 22])
    to = Operation(
        "faulty",
        "POST",
        "/v1/faulty",
        None,
        frozenset({200, 400, 500}),
        (bodies, bodies),
        lambda _: False,
    )
    with pytest.raises(AssertionError, match=r"seed .*, body 0, sound in form, .* to faulty"):
        asyncio.run(flood(world, app, [to], 1))
    app.state.door.close()


def _index(world: World) -> ChainIndex:
    assert world.node.index is not None
    return world.node.index


# What was found, and stays found.


@pytest.mark.parametrize(
    "spot", [b'"system":"urn:test"', b'"value":"test-2"', b'"name":[{"text":"test"}]']
)
def test_a_bundle_that_is_not_utf8_is_refused_wherever_that_is(world: World, spot: bytes) -> None:
    """In text that the reader skips it was once stored, and no session could read it."""
    other = {**PATIENT, "resource": {**PATIENT["resource"], "identifier": [NUMBER]}}
    sound = text({**SHORT, "entry": [other]})
    assert spot in sound
    height = world.node.engine.height
    for wrong in (b"\xff", b"\xed\xa0\x80", "医链".encode("gb18030"), b"\xc0\x80"):
        body = sound.replace(spot, spot.replace(b"test", wrong))
        answer = world.post(f"/v1/organisations/{world.a.id}/bundles", body, FHIR_JSON)
        assert refusal(answer, "/v1/") == "fhir.bundle_malformed"
    assert set(world.accepted_since(height)) <= BACKGROUND
