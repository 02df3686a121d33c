"""A member's answer to a recall: what it found, signed, and anchored with its other events.

The answer's digest stands in an EPCIS event of the member's repository, which its next post commits
to. That event follows from the answer alone, so who has the answer and the proof of the event can
check that the chain had it, and at what time.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import msgspec

from yilian.gateway.epcis import event_hash
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.supply import anchors
from yilian.gateway.supply.steps import NAMESPACE, PREFIX
from yilian.ledger import codec, keys
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED, code
from yilian.ledger.modules.identity.state import KEYS, home, standing
from yilian.ledger.modules.supply.numbers import Gtin
from yilian.ledger.state import State
from yilian.vault.envelope import Format

ANSWER_UNSIGNED = code(9711, "supply.recall_answer_unsigned", 403, "recall")
ANSWER_DIFFERS = code(9712, "supply.recall_answer_differs", 409, "recall")

DOMAIN = b"yilian/supply/recall-answer\n"
RECALL = "urn:yilian:recall:"
_RECALL, _ANSWER = f"{PREFIX}:recall", f"{PREFIX}:answer"
MAX_CONTENT, MAX_PROOF = 4096, 16_384


class RecallAnswer(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-recall-answer/1"
):
    """What a member says of a recall; packs are counted, none is named.

    `number` counts a member's answers to one recall from 1; the newest is what holds. `held`: with
    it, and set aside; `coming` and `away`: on their way to it, and shipped by it; `dispensed` and
    `ended`: handed out, and gone in another way. `derived`: how many of all these were made of
    recalled ones. `persons`: people who were told that a pack was handed to them. `confirmed`: that
    somebody there has looked, and found it so.
    """

    recall: Id
    gtin: Gtin
    organisation: Id
    number: Whole
    at: Millis
    held: Whole
    away: Whole
    coming: Whole
    dispensed: Whole
    ended: Whole
    derived: Whole
    persons: Whole
    confirmed: bool


class SignedAnswer(Format, frozen=True, kw_only=True):
    """An answer's canonical bytes, signed by a key of the member; `proof`: of its event."""

    content: Annotated[bytes, msgspec.Meta(max_length=MAX_CONTENT)]
    key: Annotated[str, msgspec.Meta(max_length=64)]
    signature: Annotated[bytes, msgspec.Meta(max_length=128)]
    proof: Annotated[bytes, msgspec.Meta(max_length=MAX_PROOF)] | None = None


class Checked(NamedTuple):
    """An answer that is signed; `interval`: for which its event was posted, None: not shown yet."""

    answer: RecallAnswer
    interval: int | None


def write(answer: RecallAnswer) -> bytes:
    """Write an answer as it is signed."""
    return codec.encode(answer)


def event_id(answer: RecallAnswer) -> str:
    """Name the event of an answer."""
    name = f"{RECALL}{answer.recall}:{answer.organisation}:{answer.number}"
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def event(answer: RecallAnswer) -> Event:
    """Write the event that commits to an answer; it names the product alone."""
    return {
        "@context": {PREFIX: NAMESPACE},
        "type": "ObjectEvent",
        "eventID": event_id(answer),
        "eventTime": timestamp(answer.at),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "quantityList": [{"epcClass": f"https://id.gs1.org/01/{answer.gtin}"}],
        "bizStep": "inspecting",
        _RECALL: RECALL + answer.recall,
        _ANSWER: codec.to_text(keys.sha256(write(answer))),
    }


def setting_aside(recall: str, unit: str, at: int, place: str) -> Event:
    """Write that a pack is recalled; each event names one pack, for its later holders see it."""
    name = f"{RECALL}{recall}:{unit}"
    made: Event = {
        "@context": {PREFIX: NAMESPACE},
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, name)}",
        "eventTime": timestamp(at),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": [unit],
        "bizStep": "holding",
        "disposition": "recalled",
        _RECALL: RECALL + recall,
    }
    return made | ({"readPoint": {"id": place}, "bizLocation": {"id": place}} if place else {})


def check(signed: SignedAnswer, caller: str, state: State) -> Checked:
    """Check an answer of a member, and that its event was posted where that is shown.

    Refuses `malformed`, `supply.recall_answer_unsigned`, `supply.recall_answer_differs` for a proof
    of something else, and as `anchors.verify`.
    """
    answer = codec.decode(signed.content, RecallAnswer)
    if answer.organisation != caller or answer.number < 1 or write(answer) != signed.content:
        raise MALFORMED()
    found = KEYS.get(state, signed.key)
    owner = None if found is None else standing(state, found.owner)
    ours = owner is not None and home(found.owner, owner) == caller if found else False
    if found is None or found.until is not None or not ours:
        raise ANSWER_UNSIGNED(recall=answer.recall)
    if not keys.verify(found.public_key(), DOMAIN + signed.content, signed.signature):
        raise ANSWER_UNSIGNED(recall=answer.recall)
    if signed.proof is None:
        return Checked(answer, None)
    said = anchors.verify(signed.proof, state)
    expected = f"ni:///sha-256;{event_hash.digest(event(answer)).hex()}?ver=CBV2.0"
    named = (said.organisation, said.event_id, said.event_hash)
    if named != (caller, event_id(answer), expected):
        raise ANSWER_DIFFERS(recall=answer.recall)
    return Checked(answer, said.interval)
