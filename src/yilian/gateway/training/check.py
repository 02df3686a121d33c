"""Checking a training credential offline, against a trust file, as a stranger does.

What must hold: the agent's key signed exactly this text; the key was the agent's when the chain
took the commitment in, and the agent is the issuer's; the commitment is that of this text, and the
issuer anchored it; and under the id that the credential names, the issuer anchored no withdrawal.
The chain's part is judged by the verifier that is handed in (`yilian.sdk.verify.verify`).
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from yilian.gateway.content.check import Proved, Verify
from yilian.gateway.training import credential as form
from yilian.gateway.training.credential import MAX_TOKEN, Facts
from yilian.gateway.training.errors import (
    CREDENTIAL_ALTERED,
    CREDENTIAL_MALFORMED,
    KEY_NOT_THEIRS,
    NOT_ANCHORED,
    PROOF_OF_ANOTHER,
    STATUS_UNCLEAR,
)
from yilian.ledger import codec
from yilian.ledger.keys import SIGNATURES
from yilian.ledger.modules.identity.state import KEYS, SUBJECTS, Key, Subject
from yilian.ledger.modules.records.state import ANCHORS, Anchor
from yilian.vault.envelope import Format

T = TypeVar("T")
MAX_FILE = 4 * 1024 * 1024
"""Bytes of a credential file; five state proofs of a large consortium are far below."""


class Proofs(Format, frozen=True, kw_only=True):
    """State proofs (`yilian-state-proof/1`): of what the chain holds about a credential."""

    anchor: msgspec.Raw
    key: msgspec.Raw
    agent: msgspec.Raw
    organisation: msgspec.Raw
    withdrawal: msgspec.Raw


class CredentialFile(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-training-credential/1"
):
    """A credential (`vc+jwt`) and the proofs of the day on which the file was made."""

    credential: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)]
    proofs: Proofs


class Report(NamedTuple):
    """What was found about a credential that holds.

    `anchored` and `withdrawn` are block times in ms, `withdrawn` None where it was not; `asked`
    is the height up to which that was asked, at `time`. `level` is the lowest of the proofs.
    """

    facts: Facts
    name: str
    anchored: int
    withdrawn: int | None
    asked: int
    time: str
    level: str
    warnings: tuple[str, ...]


class _StateProof(msgspec.Struct):
    key: str
    value: str | None


class _Judge:
    """Judges state proofs against one trust file, and keeps what they are worth."""

    def __init__(self, trust: bytes, verify: Verify) -> None:
        self._trust, self._verify = trust, verify
        self.proved: list[Proved] = []

    def value(self, proof: bytes, key: bytes, chain: str, type_: type[T]) -> T | None:
        """Give what the chain holds under a key; raises what the verifier raises."""
        proved = self._verify(proof, self._trust)
        try:
            found = msgspec.json.decode(proof, type=_StateProof)
        except msgspec.MsgspecError:
            raise PROOF_OF_ANOTHER() from None
        if found.key.encode() != key or proved.chain_id != chain:
            raise PROOF_OF_ANOTHER()
        self.proved.append(proved)
        return None if found.value is None else codec.decode(found.value.encode(), type_)


def status_key(text: bytes) -> str:
    """Give the state key under which a credential's withdrawal would stand.

    Refuses `training.credential_malformed`.
    """
    return ANCHORS.key(form.parse(_read(text).credential).facts.status).decode("ascii")


def check(text: bytes, trust: bytes, verify: Verify, status: bytes | None = None) -> Report:
    """Check a credential file; `status` is a newer state proof of `status_key`, from any node.

    Refuses `training.credential_malformed`, `training.credential_altered`,
    `training.key_not_theirs`, `training.not_anchored`, `training.proof_of_another`,
    `training.status_unclear`, and raises what the verifier raises.
    """
    file = _read(text)
    parsed = form.parse(file.credential)
    facts, proofs, judge = parsed.facts, file.proofs, _Judge(trust, verify)

    def value(proof: msgspec.Raw, key: bytes, type_: type[T]) -> T | None:
        return judge.value(bytes(proof), key, facts.chain, type_)

    key = value(proofs.key, KEYS.key(facts.key), Key)
    agent = value(proofs.agent, SUBJECTS.key(facts.agent), Subject)
    anchor = value(proofs.anchor, ANCHORS.key(facts.credential), Anchor)
    organisation = value(proofs.organisation, SUBJECTS.key(facts.organisation), Subject)
    if key is None or agent is None or organisation is None:
        raise KEY_NOT_THEIRS()
    suite = SIGNATURES["ed25519"]
    if key.suite != suite.name or not suite.verify(
        codec.to_bytes(key.public), parsed.signed, parsed.signature
    ):
        raise CREDENTIAL_ALTERED()
    if anchor is None or anchor.organisation != facts.organisation:
        raise NOT_ANCHORED()
    if anchor.commitment != form.commitment(file.credential):
        raise CREDENTIAL_ALTERED()
    _require_theirs(facts, key, agent, anchor)
    newest = bytes(proofs.withdrawal) if status is None else status
    ended = judge.value(newest, ANCHORS.key(facts.status), facts.chain, Anchor)
    return _report(facts, organisation, anchor, ended, judge.proved, newest)


def _read(text: bytes) -> CredentialFile:
    if len(text) > MAX_FILE:
        raise CREDENTIAL_MALFORMED()
    try:
        return msgspec.json.decode(text, type=CredentialFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise CREDENTIAL_MALFORMED() from None


def _require_theirs(facts: Facts, key: Key, agent: Subject, anchor: Anchor) -> None:
    """The key signed for the agent, and the agent for the issuer, when the chain took it in."""
    own = key.owner == facts.agent and agent.organisation == facts.organisation
    ended = [each for each in (key.until, agent.ended) if each is not None]
    in_time = key.since <= anchor.since and all(anchor.since < each for each in ended)
    if not own or agent.kind != "agent" or not in_time:
        raise KEY_NOT_THEIRS()


class _Header(msgspec.Struct):
    time: str


class _Dated(msgspec.Struct):
    header: _Header


def _report(
    facts: Facts,
    organisation: Subject,
    anchor: Anchor,
    ended: Anchor | None,
    proved: list[Any],
    newest: bytes,
) -> Report:
    asked = proved[-1].height
    if asked < anchor.since or (ended is not None and ended.organisation != facts.organisation):
        raise STATUS_UNCLEAR()
    levels = {each.level for each in proved}
    return Report(
        facts=facts,
        name=organisation.name or "",
        anchored=anchor.time,
        withdrawn=None if ended is None else ended.time,
        asked=asked,
        time=msgspec.json.decode(newest, type=_Dated).header.time,
        level="one signer" if "one signer" in levels else min(levels),
        warnings=tuple(sorted({text for each in proved for text in each.warnings})),
    )
