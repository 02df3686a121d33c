"""A credential is a standard one, checked by a stranger, and every change of it is found."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from jwcrypto import jwk as other_jwk
from jwcrypto import jws as other_jws

from tests.rows.consenting import Actor
from tests.rows.served import Served
from tests.unit.gateway.training.learning import ask, begin, passing, refused, sheet, training
from yilian.gateway.training import check, credential
from yilian.gateway.training.tables import CredentialRow
from yilian.gateway.training.training import Learner
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS
from yilian.sdk import verify as verifier


@pytest.fixture
def issued(served: Served, patient: Actor) -> CredentialRow:
    """A credential of the patient."""
    return training(served).credential(passing(served, patient))


def as_file(served: Served, who: Actor, row: CredentialRow) -> dict[str, Any]:
    found: dict[str, Any] = ask(served, who, "GET", f"/credentials/{row.credential}")
    return found


def trust(served: Served) -> bytes:
    return msgspec.json.encode(served.node.engine.trust())


def judged(served: Served, file: Any, status: Any = None) -> check.Report:
    newest = None if status is None else json.dumps(status).encode()
    return check.check(json.dumps(file).encode(), trust(served), verifier.verify, newest)


def code_of(served: Served, file: Any, status: Any = None) -> str:
    with pytest.raises((Refusal, verifier.NotVerified)) as reason:
        judged(served, file, status)
    code = reason.value.code
    return code if isinstance(code, str) else code.name


def payload(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(codec.to_bytes(token.split(".")[1]))
    return found


def test_a_stranger_can_check_it(served: Served, patient: Actor, issued: CredentialRow) -> None:
    report = judged(served, as_file(served, patient, issued))
    facts = report.facts
    assert (facts.organisation, facts.subject) == (served.a.id, patient.id)
    assert (facts.course, facts.version, facts.band) == ("patient", 1, "100")
    assert report.name == "云溪市第一人民医院"
    assert report.withdrawn is None
    assert report.asked >= (issued.height or 0)


def test_it_is_a_verifiable_credential(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    """VC Data Model 2.0 and its `vc+jwt`, read by two other implementations of JOSE."""
    token = as_file(served, patient, issued)["credential"]
    organisation = served.node.organisations[served.a.id]
    public = organisation.vault.keystore.public_key(organisation.agent.key)
    named = {"kty": "OKP", "crv": "Ed25519", "x": codec.to_text(public)}
    read = jws.deserialize_compact(token, OKPKey.import_key(named), algorithms=["EdDSA"])
    other = other_jws.JWS()
    other.deserialize(token, key=other_jwk.JWK(**named))
    assert other.payload == read.payload
    chain = served.node.engine.genesis.chain
    assert read.headers() == {
        "alg": "EdDSA",
        "cty": "vc",
        "kid": f"did:yilian:{chain}:{organisation.agent.subject}#{organisation.agent.key}",
        "typ": "vc+jwt",
    }
    content = json.loads(read.payload)
    assert content["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert content["type"][0] == "VerifiableCredential"
    assert content["issuer"] == f"did:yilian:{chain}:{served.a.id}"
    assert content["credentialSubject"] == {
        "id": f"did:yilian:{chain}:{patient.id}",
        "course": "patient",
        "courseVersion": 1,
        "scoreBand": "100",
    }


def test_the_chain_has_a_commitment_alone(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    token = as_file(served, patient, issued)["credential"]
    state = served.node.engine.state()
    anchor = ANCHORS.require(state, issued.credential)
    assert anchor.commitment == credential.commitment(token)
    assert anchor.organisation == served.a.id
    assert ANCHORS.get(state, issued.status) is None
    block = served.node.engine.store.decided(anchor.since)
    assert block is not None
    assert not any(patient.id.encode() in raw for raw in block.txs)


def test_at_rest_it_is_sealed(served: Served, issued: CredentialRow) -> None:
    assert training(served).token(issued).encode() not in issued.token
    assert b"eyJ" not in issued.token


def _signed_anew(served: Served, token: str, **changed: Any) -> str:
    """Change what a credential says and have the organisation's own key sign it."""
    facts = credential.parse(token).facts._replace(**changed)
    organisation = served.node.organisations[served.a.id]
    signed = credential.unsigned(facts)
    signature = organisation.vault.keystore.sign(organisation.agent.key, signed)
    return credential.token(signed, signature)


def _spelt(token: str, **changed: Any) -> str:
    head, _, signature = token.split(".")
    text = json.dumps({**payload(token), **changed}, ensure_ascii=False).encode()
    return f"{head}.{codec.to_text(text)}.{signature}"


def test_an_altered_one_is_refused(served: Served, patient: Actor, issued: CredentialRow) -> None:
    file = as_file(served, patient, issued)
    token = file["credential"]
    subject = {**payload(token)["credentialSubject"], "course": "pharmacist"}
    head, content, signature = token.split(".")
    other = codec.to_text(bytes(64))
    none = codec.to_text(b'{"alg":"none","cty":"vc","kid":"x#y","typ":"vc+jwt"}')
    padded = base64.urlsafe_b64encode(codec.to_bytes(content)).decode()
    wrong = {
        _signed_anew(served, token, band="90-99"): "training.credential_altered",
        _signed_anew(served, token, subject="A" * 22): "training.credential_altered",
        f"{head}.{content}.{other}": "training.credential_altered",
        _spelt(token, credentialSubject=subject): "training.credential_malformed",
        _spelt(token, more=1): "training.credential_malformed",
        f"{none}.{content}.": "training.credential_malformed",
        f"{head}.{content}": "training.credential_malformed",
        f"{head}.{content}.{signature}.": "training.credential_malformed",
        f"{head}.{padded}=.{signature}": "training.credential_malformed",
        "": "training.credential_malformed",
        "é.é.é": "training.credential_malformed",
        "a" * 9_000: "training.credential_malformed",
    }
    for each, code in wrong.items():
        assert code_of(served, {**file, "credential": each}) == code, each


def test_every_byte_of_the_token_counts(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    file = as_file(served, patient, issued)
    token = file["credential"]
    for at in range(0, len(token), 7):
        put = "A" if token[at] != "A" else "B"
        altered = {**file, "credential": token[:at] + put + token[at + 1 :]}
        assert code_of(served, altered).startswith("training."), at


def test_proofs_must_be_of_this_credential(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    file = as_file(served, patient, issued)
    another = as_file(served, patient, training(served).credential(passing(served, patient)))
    for name in ("anchor", "withdrawal"):
        proofs = {**file["proofs"], name: another["proofs"][name]}
        assert code_of(served, {**file, "proofs": proofs}) == "training.proof_of_another"
    for name in file["proofs"]:
        proofs = {**file["proofs"], name: file["proofs"]["anchor"]}
        if name != "anchor":
            assert code_of(served, {**file, "proofs": proofs}) == "training.proof_of_another"
        less = {each: file["proofs"][each] for each in file["proofs"] if each != name}
        assert code_of(served, {**file, "proofs": less}) == "training.credential_malformed"
    mixed = {**file, "credential": another["credential"]}
    assert code_of(served, mixed) == "training.proof_of_another"
    lie = json.loads(json.dumps(file))
    lie["proofs"]["anchor"]["value"] = lie["proofs"]["anchor"]["value"].replace("since", "Since")
    assert code_of(served, lie) == "proof_of_another"


def test_what_was_never_anchored_is_refused(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    """The organisation signs, and keeps it from the chain."""
    file = as_file(served, patient, issued)
    hidden = _signed_anew(served, file["credential"], credential="A" * 22)
    proof = served.node.engine.state_proof(ANCHORS.key("A" * 22))
    proofs = {**file["proofs"], "anchor": proof}
    told = code_of(served, {**file, "credential": hidden, "proofs": proofs})
    assert told == "training.not_anchored"


def test_a_key_of_somebody_else_is_refused(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    """Hospital B's agent cannot issue in the name of hospital A."""
    file = as_file(served, patient, issued)
    own, other = (served.node.organisations[each.id] for each in (served.a, served.b))
    facts = credential.parse(file["credential"]).facts
    facts = facts._replace(
        agent=other.agent.subject, key=other.agent.key, credential="A" * 21 + "Q"
    )
    signed = credential.unsigned(facts)
    token = credential.token(signed, other.vault.keystore.sign(other.agent.key, signed))
    own.write(Anchor(record=facts.credential, commitment=credential.commitment(token)))
    prove = served.node.engine.state_proof
    proofs = {
        **file["proofs"],
        "anchor": prove(ANCHORS.key(facts.credential)),
        "key": prove(b"identity/key/" + other.agent.key.encode()),
        "agent": prove(b"identity/subject/" + other.agent.subject.encode()),
    }
    told = code_of(served, {**file, "credential": token, "proofs": proofs})
    assert told == "training.key_not_theirs"


def test_a_withdrawn_one_shows_it(served: Served, patient: Actor, issued: CredentialRow) -> None:
    before = as_file(served, patient, issued)
    operator = Actor(served.a.id, served.operator(served.a))
    rest = f"/credentials/{issued.credential}/withdrawal"
    asked = {"reason": "issued_in_error"}
    assert refused(served, patient, "POST", rest, asked) == "forbidden"
    assert refused(served, operator, "POST", rest, {"reason": "none"}) == "malformed"
    told = ask(served, operator, "POST", rest, asked)
    assert told["reason"] == "issued_in_error"
    assert told["withdrawn"] > 0
    again = refused(served, operator, "POST", rest, {"reason": "misconduct"})
    assert again == "training.withdrawn_already"
    assert judged(served, as_file(served, patient, issued)).withdrawn is not None
    # A file from before says what held then; a newer proof, from any node, says what holds now.
    assert judged(served, before).withdrawn is None
    key = check.status_key(json.dumps(before).encode())
    newest = served.node.engine.state_proof(key.encode())
    assert judged(served, before, newest).withdrawn is not None
    anchor = ANCHORS.require(served.node.engine.state(), issued.status)
    assert anchor.commitment == credential.ending(issued.status, "issued_in_error")


def test_somebody_elses_word_on_its_status_is_no_withdrawal(
    served: Served, patient: Actor, issued: CredentialRow
) -> None:
    other = served.node.organisations[served.b.id]
    other.write(Anchor(record=issued.status, commitment="A" * 43))
    told = code_of(served, as_file(served, patient, issued))
    assert told == "training.status_unclear"


def test_lists_are_for_whom_they_are_meant(
    served: Served, patient: Actor, colleague: Actor, issued: CredentialRow
) -> None:
    rest = f"/credentials/{issued.credential}"
    assert refused(served, colleague, "GET", rest) == "training.credential_unknown"
    assert refused(served, colleague, "GET", "/credentials") == "forbidden"
    operator = Actor(served.a.id, served.operator(served.a))
    listed = ask(served, operator, "GET", "/credentials")["credentials"]
    assert issued.credential in [each["credential"] for each in listed]
    assert ask(served, operator, "GET", rest)["format"] == "yilian-training-credential/1"
    nobodys = f"/credentials/{'A' * 22}"
    assert refused(served, operator, "GET", nobodys) == "training.credential_unknown"


def test_what_a_crash_kept_from_the_chain_is_anchored_later(
    served: Served, patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt is over and the credential kept; only then the node goes down."""

    class Down(Exception):
        """The node goes down."""

    def down(*_: object, **__: object) -> Any:
        raise Down

    house = training(served)
    engine = served.node.engine
    with monkeypatch.context() as patch:
        patch.setattr(engine, "submit", down)
        learner_sheet = _begun(served, patient)
        with pytest.raises(Down):
            house.answer(*learner_sheet)
    (row,) = house.credentials(patient.id)
    assert row.height is None
    found = house.credential(row.credential)
    assert found.height == ANCHORS.require(engine.state(), row.credential).since
    assert judged(served, as_file(served, patient, found)).withdrawn is None


def _begun(served: Served, who: Actor) -> tuple[Any, str, dict[str, str]]:
    attempt = begin(served, who)
    return Learner(who.id, "person"), attempt["attempt"], sheet(attempt)
