"""A node to send hostile bodies to: what its document says of each operation with a body."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.http.bodies import Bodies, text
from tests.http.direct import Answer, Header, Sent, refusal, send
from tests.rows.served import FOUNDERS
from tests.scale import scale
from yilian.bootstrap import Node, make_node
from yilian.gateway.fhir import intake, sample
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.gateway.http.asking import ID_SCHEMA
from yilian.gateway.nonces import Nonces
from yilian.ledger import codec, keys, signed_request, transaction
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.records import messages as records
from yilian.ledger.signed_request import HEADER, SignedRequest
from yilian.node.config import NodeFolder
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer

FORMS = scale(4, 100)
"""How many bodies are drawn from each operation's schema, and as many against it."""

MANY = 1_000_000
HOURS_20 = 72_000
TRANSACTION = {"$ref": "#/components/schemas/Transaction"}

PATIENT = {
    "fullUrl": "urn:uuid:1",
    "resource": {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:test", "value": "test-1"}],
        "name": [{"text": "test"}],
    },
}
SHORT: dict[str, Any] = {"resourceType": "Bundle", "entry": [PATIENT]}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "category": [{"coding": [{"system": intake.OBSERVATION_CATEGORY, "code": "laboratory"}]}],
    "meta": {"security": [{"system": "urn:test", "code": "HIV"}]},
    "valueQuantity": {"value": 1.5},
}
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [PATIENT, {"resource": OBSERVATION}],
}


ENTERS = frozenset(
    (
        "unauthenticated",
        "request_stale",
        "request_differs",
        "replayed_request",
        "rate_limited",
        "forbidden",
    )
)
"""Refusals at the entry: where a rightly signed body met no others, only the entry was tested."""


class Caller(NamedTuple):
    """Somebody who signs requests: the id and the key."""

    sender: str
    signer: Ed25519Signer


class Operation(NamedTuple):
    """An operation with a body: where it is, who may enter there, and what it takes and answers.

    `caller` is None where no signed request is wanted. `bodies` are for the half that is not
    signed, and for the half that is.
    """

    id: str
    method: str
    target: str
    caller: Caller | None
    statuses: frozenset[int]
    bodies: tuple[Bodies, Bodies]
    fits: Callable[[bytes], bool]
    """Tells whether a body is valid by the operation's own schema."""


class World:
    """A node with two hospitals, a person at each, and its application."""

    def __init__(self, folder: Path) -> None:
        make_node(folder, "yilian", FOUNDERS, port=0)
        at = NodeFolder(folder)
        self.node = Node(at)
        self.app = self.node.app()
        # One caller sends all bodies; how many a key may send is not what is tested here.
        self.app.state.door.nonces = Nonces(per_key=MANY)
        self.a, self.b, self.authority = self.node.configuration.organisations
        self.signer = Ed25519Signer.read(at.operator_key(self.a.id))
        mine, other = sample.bundles(1, 2)
        own = self._person(mine)
        self.person = own.sender
        self.callers = (Caller(self.a.id, self.signer), self._doctor(), own)
        self.stranger = self.node.organisations[self.b.id].load(other).person
        self.document = json.loads(self.get("/openapi.json").body)
        self.operations = list(self._operations())

    def close(self) -> None:
        """Close everything."""
        self.app.state.door.close()
        self.node.close()

    def get(self, target: str) -> Answer:
        """Read an address."""
        return asyncio.run(send(self.app, "GET", target, Sent((), ())))

    def post(self, path: str, body: bytes, media: str = "application/json") -> Answer:
        """Send a sound body under hospital A's signature."""
        head = (b"content-type", media.encode())
        prefer = (b"prefer", b"wait")
        sent = Sent((head, prefer, self.header(self.callers[0], "POST", path, body)), (body,))
        return asyncio.run(send(self.app, "POST", path, sent))

    def header(self, caller: Caller, method: str, target: str, body: bytes) -> Header:
        """Sign a request."""
        claim = SignedRequest(
            chain="yilian",
            sender=caller.sender,
            key=caller.signer.key_id,
            method=method,
            path=target,
            body=signed_request.body_digest(body),
            nonce=drafts.fresh_id(),
            expires=self.node.engine.now() + 30_000,
        )
        value = signed_request.header(claim, caller.signer.sign(signed_request.text(claim)))
        return HEADER.lower().encode(), value.encode()

    def _person(self, bundle: bytes) -> Caller:
        """Enrol a bundle's patient at hospital A with a key of their own, and take it in."""
        organisation, key = self.node.organisations[self.a.id], Ed25519Signer.generate()
        person, _ = organisation.enrol_person(*intake.take_apart(bundle).identity, key.key)
        organisation.load(bundle, person)
        return Caller(person, key)

    def _doctor(self) -> Caller:
        """Enrol a practitioner at hospital A, and have the authority license them."""
        doctor, key = drafts.fresh_id(), Ed25519Signer.generate()
        enrol = identity.EnrolPractitioner(
            practitioner=doctor, tag=drafts.fresh_salt(), key=key.key
        )
        issue = identity.IssueLicence(
            licence=drafts.fresh_id(),
            practitioner=doctor,
            profession="physician",
            ends=self.node.engine.now() + 86_400_000,
        )
        self.node.organisations[self.a.id].write(enrol)
        self.node.organisations[self.authority.id].write(issue)
        return Caller(doctor, key)

    def accepted_since(self, height: int) -> list[str]:
        """List the types of the messages that blocks above a height accepted."""
        engine = self.node.engine
        found = []
        for above in range(height + 1, engine.height + 1):
            block = engine.store.block(above)
            assert block is not None
            for raw in block.txs:
                outcome = engine.outcome(keys.sha256(raw))
                assert outcome is not None
                if outcome.code == 0:
                    messages = json.loads(raw)["body"]["messages"]
                    found += [each["type"] for each in messages]
        return found

    # -- what the document says ----------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        api: Any = schemathesis.openapi.from_asgi("/openapi.json", self.app)
        for path, methods in sorted(self.document["paths"].items()):
            for method, described in sorted(methods.items()):
                if "requestBody" not in described:
                    continue
                media, form = next(iter(described["requestBody"]["content"].items()))
                listed = described.get("parameters", [])
                target = self._target(path, listed)
                private = any(each["name"] == HEADER for each in listed)
                yield Operation(
                    id=described["operationId"],
                    method=method.upper(),
                    target=target,
                    caller=self._admitted(method.upper(), target, media) if private else None,
                    statuses=frozenset(map(int, described["responses"])),
                    bodies=self._bodies(media, form["schema"], api[path][method]),
                    fits=self._fits(media, form["schema"]),
                )

    def _admitted(self, method: str, target: str, media: str) -> Caller:
        """Find who may enter, by a body that nobody could accept."""
        body = b"{"
        for caller in self.callers:
            head = self.header(caller, method, target, body)
            sent = Sent(((b"content-type", media.encode()), head), (body,))
            answer = asyncio.run(send(self.app, method, target, sent))
            if refusal(answer, target) not in ENTERS:
                return caller
        raise AssertionError(f"none of the callers may enter at {method} {target}")

    def _target(self, path: str, listed: list[dict[str, Any]]) -> str:
        """Fill an address in: what the caller's organisation has, else ids that nobody has."""
        asked = []
        for each in listed:
            value = self._known(each["name"])
            if each["in"] == "path":
                path = path.replace("{" + each["name"] + "}", value or drafts.fresh_id())
            elif each["in"] == "query" and each["schema"].get("type") == "integer":
                asked.append(f"{each['name']}={each['schema'].get('minimum', 0)}")
            elif each["in"] == "query" and (value or each["schema"] == ID_SCHEMA):
                asked.append(f"{each['name']}={value or drafts.fresh_id()}")
        return path + ("?" + "&".join(asked) if asked else "")

    def _known(self, name: str) -> str | None:
        """Give what a parameter of this name may stand for, where it is not anybody's id."""
        organisation = self.node.organisations[self.a.id]
        known: dict[str, Callable[[], str]] = {
            "organisation": lambda: self.a.id,
            "person": lambda: self.person,
            "record": lambda: organisation.vault.records_of(self.person)[0],
            "trust": lambda: codec.to_text(text(self.node.engine.trust())),
        }
        return known[name]() if name in known else None

    def _fits(self, media: str, schema: dict[str, Any]) -> Callable[[bytes], bool]:
        whole = {**schema, "components": self.document["components"]}
        judge = jsonschema_rs.validator_for(whole)

        def fits(body: bytes) -> bool:
            try:
                return media.endswith("json") and judge.is_valid(json.loads(body.decode()))
            except ValueError:
                return False

        return fits

    def _bodies(self, media: str, schema: Any, described: Any) -> tuple[Bodies, Bodies]:
        if media.endswith("json"):
            sound = drawn(described, GenerationMode.POSITIVE)
            unsound = drawn(described, GenerationMode.NEGATIVE)
        else:
            sound, unsound = [ARCHIVE], [b"{}"]
        if media == FHIR_JSON:
            sound += [text(each) for each in (BUNDLE, SHORT, OBSERVATION)] * len(sound)
        others = (self.a.id, self.b.id, self.authority.id, self.stranger)
        plain = Bodies(media.encode(), sound, unsound, others)
        if schema != TRANSACTION:
            return plain, plain
        # A transaction carries its own signature.
        spent = Spent(self)
        return plain, Bodies(media.encode(), [spent.form], unsound, others, spent.seal)


def _archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("manifest.json"), text({"files": []}))
        archive.writestr(zipfile.ZipInfo("../../test.json"), text(SHORT))
    return made.getvalue()


ARCHIVE = _archive()
"""What stands for a sound body where no JSON is taken: a ZIP file that nobody exported."""


class Spent:
    """A transaction whose nonce is spent: signed rightly, and refused for that alone."""

    def __init__(self, world: World) -> None:
        self._signer, nonce = world.signer, drafts.fresh_id()
        first, again = (
            drafts.draft(
                chain="yilian",
                sender=world.a.id,
                payer=world.a.id,
                messages=[records.Anchor(record=each, commitment=drafts.fresh_salt())],
                signers=[world.signer],
                expires_in=HOURS_20,
                nonce=nonce,
            )
            for each in (drafts.fresh_id(), drafts.fresh_id())
        )
        assert world.node.engine.submit(drafts.sign(first, [world.signer])).result().code == 0
        self.form = drafts.sign(again, [world.signer])
        self._marks = [
            b'"%s":"%s"' % (name.encode(), value.encode())
            for name, value in (("nonce", again.nonce), ("sender", again.sender))
        ]

    def seal(self, made: bytes) -> bytes:
        """Sign a changed transaction anew, as long as it is of the spent nonce."""
        body, found, _ = made.removeprefix(b'{"body":').rpartition(b',"signatures":')
        if not found or not all(mark in body for mark in self._marks):
            return made
        signature = codec.to_text(self._signer.sign(transaction.DOMAIN + body))
        return transaction.assemble(body, [signature])


def drawn(described: Any, mode: GenerationMode) -> list[bytes]:
    """Draw bodies from an operation's schema, or against it."""
    found: dict[bytes, None] = {}

    @settings(
        max_examples=FORMS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(generation_mode=mode))
    def keep(case: schemathesis.Case[Any]) -> None:
        if isinstance(case.body, bytes):
            found[case.body] = None
        elif isinstance(case.body, dict | list | str | int | float | None):
            found[text(case.body)] = None

    keep()
    return list(found)
