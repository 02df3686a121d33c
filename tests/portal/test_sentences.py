"""What the portal shows is what is signed, and what it signs is what the law takes.

The signer of `portal/src/sign` runs under Node; the chain and the gateway are the real ones.
"""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tools import sentences

from tests.chain import DAY, PROFILES, START, Chain, Signer, name_of
from tests.portal.signing import Device, build
from tests.rows.served import Served
from yilian.ledger import codec, errors, transaction
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.messages import EnrolPerson, HandOverKey
from yilian.sdk import drafts
from yilian.text import LANGUAGES

SYSTEM = "urn:oid:2.16.156.112605.1"


def words(language: str, name: str) -> dict[str, Any]:
    file = resources.files("yilian.text") / language / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, str):
        return {path: value}
    return {
        name: text
        for key, each in value.items()
        for name, text in flat(each, f"{path}/{key}").items()
    }


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


# -- the files and the words ----------------------------------------------------------------------


def test_the_registry_and_the_vectors_are_current() -> None:
    assert sentences.main(["--check"]) == 0, "run: python tools/sentences.py"


def test_every_message_and_every_action_has_a_vector() -> None:
    registry = sentences.registry()
    found = {
        (each["message"], each["case"])
        for path in sorted(sentences.FOLDER.glob("*.json"))
        for each in json.loads(path.read_text("utf-8")).get("cases", ())
    }
    assert {message for message, _ in found} == set(registry["messages"])
    for message, described in registry["messages"].items():
        for field in described["fields"]:
            if any("default" in part for part in described["fields"]):
                assert (message, "bare") in found
            for action in field.get("actions", ()):
                assert (message, action) in found


def choices() -> dict[str, list[str]]:
    """Give the words of the protocol by message and field."""
    made: dict[str, list[str]] = {}
    for message, described in sentences.registry()["messages"].items():
        for field in described["fields"]:
            known = field.get("choices") or field.get("item", {}).get("choices")
            if known is not None:
                made[f"{message}.{field['name']}"] = known
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_protocol_has_words_of_its_own(language: str) -> None:
    """Two values of a field are never said alike, and none is left in the protocol's spelling."""
    values = words(language, "portal_sign")["values"]
    terms = {name for name in values if name.startswith("terms.")}
    assert set(values) - terms == set(choices())
    for owner, known in choices().items():
        assert set(values[owner]) == set(known), owner
    for owner, said in values.items():
        assert len(set(said.values())) == len(said), owner
        assert not any("_" in text for text in said.values()), owner


def test_both_languages_say_the_same_with_the_same_places() -> None:
    english, chinese = (flat(words(each, "portal_sign")) for each in LANGUAGES)
    assert list(english) == list(chinese)
    punctuation = {"/between", "/unknown_word", "/named"}
    for key, text in english.items():
        assert places(text) == places(chinese[key]), key
        assert not any("一" <= letter <= "鿿" for letter in text), key
        if key not in punctuation:
            assert any("一" <= letter <= "鿿" for letter in chinese[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_smallest_words_are_those_of_the_command_line(language: str) -> None:
    """The vectors hold them against each other; this names the file to mend."""
    ours, theirs = words(language, "portal_sign"), words(language, "cli")
    assert all(ours[each] == theirs[each] for each in ("yes", "no", "none"))


# -- the signer before the law --------------------------------------------------------------------


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signer, bundled for Node."""
    return build(tmp_path_factory.mktemp("signer"))


@pytest.fixture
def device(script: Path) -> Iterator[Device]:
    """A device that is not connected."""
    with Device(script) as made:
        yield made


def asked(chain: str, who: str, payer: str, key: str, *messages: Any, **more: Any) -> Any:
    """Ask for a body, as a page does."""
    return {
        "chain": chain,
        "sender": who,
        "payer": payer,
        "signers": [key],
        "messages": list(messages),
        "now": round(time.time() * 1000),
        **more,
    }


def person_with(chain: Chain, device: Device, label: str = "alice") -> tuple[str, str]:
    """Enrol a person whose key was made on the device; gives person and key id."""
    who = name_of(label)
    made = device.key(who, *chain.profile.signatures)
    key = msgspec.convert(made["key"], PublicKey)
    chain.must(chain.hospital, Chain.enrol_person(label, key))
    return who, made["id"]


def granting(grant: str) -> dict[str, Any]:
    starts = round(time.time() * 1000)
    return {
        "type": "consent.Grant",
        "grant": grant,
        "terms": codec.to_text(bytes(32)),
        "starts": starts,
        "ends": starts + DAY,
    }


class Wall(Chain):
    """A chain whose time is the wall's, as a device has it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.wait(round(time.time() * 1000) - self.time)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_law_takes_what_the_portal_signs(device: Device, profile: str) -> None:
    """Grant, revoke, a second key, and the second key in use, under either suite."""
    chain = Wall(profile=PROFILES[profile])
    alice, key = person_with(chain, device)
    grant = drafts.fresh_id()
    second = device.key(alice, *chain.profile.signatures)
    proof = device.ask("proof", key=second["id"], owner=alice)["proof"]
    revoke = {"type": "consent.Revoke", "grant": grant}
    steps = (
        (key, granting(grant)),
        (key, {"type": "identity.AddKey", "key": second["key"], "proof": proof}),
        (second["id"], revoke),
    )
    for signer, message in steps:
        wanted = asked(chain.genesis.chain, alice, chain.hospital.id, signer, message)
        made = device.ask("sign", asked=wanted)
        raw = made["raw"].encode()
        assert drafts.transaction_hash(raw) == made["hash"]
        assert len(made["sentences"]) == 1
        (result,) = chain.block(raw).results
        assert result.code == errors.OK, errors.by_number(result.code)
    (again,) = chain.block(raw).results
    assert errors.by_number(again.code).name == "nonce_spent"


def test_a_person_takes_over_with_a_key_of_the_device(device: Device) -> None:
    """The custodian hands over; the proof was made on the person's device."""
    chain = Wall()
    ward = chain.ward()
    made = device.key(ward.id)
    proof = device.ask("proof", key=made["id"], owner=ward.id)["proof"]
    key = msgspec.convert(made["key"], PublicKey)
    chain.must(chain.hospital, HandOverKey(person=ward.id, key=key, proof=proof))
    wanted = asked(chain.genesis.chain, ward.id, chain.hospital.id, made["id"], granting(ward.id))
    raw = device.ask("sign", asked=wanted)["raw"].encode()
    assert chain.block(raw).results[0].code == errors.OK


def test_a_proof_for_somebody_else_is_refused_by_the_law(device: Device) -> None:
    chain = Wall()
    ward = chain.ward()
    made = device.key(ward.id)
    proof = device.ask("proof", key=made["id"], owner=chain.hospital.id)["proof"]
    key = msgspec.convert(made["key"], PublicKey)
    message = HandOverKey(person=ward.id, key=key, proof=proof)
    (result,) = chain.block(chain.sign(chain.hospital, message)).results
    assert result.code != errors.OK


def test_one_changed_byte_of_what_was_signed_is_refused(device: Device) -> None:
    chain = Wall()
    alice, key = person_with(chain, device)
    wanted = asked(chain.genesis.chain, alice, chain.hospital.id, key, granting(alice))
    raw = bytearray(device.ask("sign", asked=wanted)["raw"].encode())
    at = raw.index(b'"ends":') + len(b'"ends":') + 5
    raw[at] = ord("8") if raw[at] == ord("9") else ord("9")
    before = chain.app_hash
    with pytest.raises(Refusal) as caught:
        chain.machine.check(bytes(raw), chain.time)
    assert caught.value.code is errors.BAD_SIGNATURE
    assert chain.app_hash == before


def test_a_device_signs_for_its_own_keys_alone(device: Device) -> None:
    chain = Wall()
    alice, key = person_with(chain, device)
    other = Signer("other").id
    for signer, sender in ((other, alice), (key, chain.hospital.id)):
        wanted = asked(chain.genesis.chain, sender, chain.hospital.id, signer, granting(alice))
        assert device.ask("sign", asked=wanted)["refused"] == "not_a_signer"
    late = asked(chain.genesis.chain, alice, chain.hospital.id, key, granting(alice), now=START)
    assert device.ask("sign", asked=late)["refused"] == "lapsed"


def test_the_portal_reads_no_body_that_the_law_would_not(device: Device) -> None:
    """Bodies with one to three changed places get the same verdict from both."""
    dice = random.Random(0x5EED)
    bodies = [
        each["body"].encode()
        for path in sorted(sentences.FOLDER.glob("*.json"))
        for each in json.loads(path.read_text("utf-8")).get("cases", ())
    ]
    verdicts = {"accepted": 0, "refused": 0}
    for _ in range(1500):
        data = mutated(dice, dice.choice(bodies))
        answer = device.ask("read", bytes=codec.to_text(data))
        verdict = "refused" if "refused" in answer else "accepted"
        assert verdict == lawful(data), (data, answer)
        verdicts[verdict] += 1
    assert min(verdicts.values()) > 100, verdicts


LETTERS = b'0123456789abcxyzAQgw-_"{}[],:\\ .eE+\n\x00\x7f\x80\xc3\xa9'


def mutated(dice: random.Random, data: bytes) -> bytes:
    """Change, drop, repeat or insert bytes."""
    made = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(made))
        kind = dice.randrange(6)
        if kind <= 2:
            made[at] = dice.choice(b"ABQgw0189" if kind else LETTERS)
        elif kind == 3:
            made.insert(at, dice.choice(LETTERS))
        elif kind == 4:
            del made[at]
        else:
            piece = made[at : at + dice.randint(1, 30)]
            made[at:at] = piece
    return bytes(made)


def lawful(data: bytes) -> str:
    """Judge a body as the law does before it looks at signatures, and its bytes as rules do."""
    try:
        body = codec.decode(data, transaction.Body)
        for text in binaries(msgspec.to_builtins(body.messages)):
            codec.to_bytes(text)
    except Refusal:
        return "refused"
    return "accepted" if len(set(body.signers)) == len(body.signers) else "refused"


BINARY = ("proof", "public", "signature", "wrapped", "certificate")


def binaries(value: Any) -> Iterator[str]:
    """List the values whose spelling the law looks at only when it applies them."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name in BINARY and isinstance(each, str):
                yield each
            else:
                yield from binaries(each)
    elif isinstance(value, list):
        for each in value:
            yield from binaries(each)


# -- at a real node -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running node."""
    with Served(tmp_path_factory.mktemp("node") / "node") as made:
        yield made


class Person:
    """A person whose only key is in a device, and what a page does for them."""

    def __init__(self, served: Served, device: Device, number: str) -> None:
        self.served, self.device, self.id = served, device, drafts.fresh_id()
        made = device.key(self.id)
        self.key = made["id"]
        home = served.node.organisations[served.a.id]
        key = msgspec.convert(made["key"], PublicKey)
        home.write(EnrolPerson(person=self.id, tag=home.tag(SYSTEM, number), key=key))

    def headers(self, path: str, text: str) -> dict[str, str]:
        """Have a request signed."""
        made = self.device.ask(
            "request", key=self.key, chain="yilian", method="POST", path=path, content=text
        )
        return {**made["headers"], "Content-Type": "application/json"}

    def call(self, path: str, **content: Any) -> httpx.Response:
        """Ask the person's organisation with a signed request."""
        where, text = f"/v1/organisations/{self.served.a.id}/{path}", json.dumps(content)
        return httpx.post(
            self.served.url + where, content=text, headers=self.headers(where, text), timeout=30
        )

    def send(self, message: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Sign and send."""
        wanted = asked("yilian", self.id, self.served.a.id, self.key, message)
        return self.device.ask("send", asked=wanted, **more)


@pytest.fixture
def person(served: Served, script: Path) -> Iterator[Person]:
    """A person with a connected device."""
    with Device(script, served.url) as device:
        yield Person(served, device, drafts.fresh_id())


def test_a_person_grants_and_stops_from_their_own_device(served: Served, person: Person) -> None:
    """Prepared by the node, held against what was asked, shown opened, signed, recorded, ended."""
    want = {"person": person.id, "grantee": served.b.id, "categories": ["laboratory"]}
    prepared = person.call("grants/prepare", **want)
    assert prepared.status_code == 200, prepared.text
    checked = person.device.ask("prepared", prepared=prepared.json(), asked=want)
    done = person.send(checked["message"], opened=checked["opened"])
    assert done["state"] == "recorded", done
    assert done["height"] > 1
    (sentence,) = done["sentences"]
    assert sentence.startswith("允许")
    assert "查阅：检验结果。用途：诊疗。" in sentence
    delivered = person.call(f"grants/{prepared.json()['grant']}/deliver")
    assert delivered.status_code == 200, delivered.text
    revoke = {"type": "consent.Revoke", "grant": prepared.json()["grant"]}
    assert person.send(revoke)["state"] == "recorded"
    again = person.send(revoke)
    assert again["state"] == "refused"
    assert again["problem"]["code"].startswith("consent.")
    assert all(again["problem"][part] for part in ("title", "detail", "next"))


@pytest.mark.parametrize(
    "change",
    [
        {"categories": ["imaging", "laboratory"]},
        {"purposes": ["research"]},
        {"ends": START},
        {"sensitivities": ["hiv", "normal"]},
    ],
)
def test_a_node_that_prepares_something_else_gets_no_signature(
    served: Served, person: Person, change: dict[str, Any]
) -> None:
    """Other terms than those asked for, and terms that are not those under the commitment."""
    want = {"person": person.id, "grantee": served.b.id, "categories": ["laboratory"]}
    prepared = person.call("grants/prepare", **want).json()
    other = person.call("grants/prepare", **{**want, **change})
    if other.status_code == 200:
        made = person.device.ask("prepared", prepared=other.json(), asked=want)
        assert made["refused"] == "opened_differs"
    lied = {**prepared, "terms": {**prepared["terms"], **change}}
    made = person.device.ask("prepared", prepared=lied, asked=want)
    assert made["refused"] == "opened_differs"
    grant = {"grant": prepared["grant"], "terms": prepared["commitment"]}
    period = {"starts": prepared["starts"], "ends": prepared["ends"]}
    message = {"type": "consent.Grant", **grant, **period}
    opened = {"terms": lied["terms"], "salt": prepared["salt"]}
    assert person.send(message, opened=opened)["refused"] == "opened_differs"


def test_a_signed_request_works_once_and_for_itself_alone(served: Served, person: Person) -> None:
    """Replayed, for another body, or for another path: refused with a code."""
    where = f"/v1/organisations/{served.a.id}/grants/prepare"
    want = {"person": person.id, "grantee": served.b.id, "categories": ["laboratory"]}
    text = json.dumps(want)

    def post(path: str, content: str, headers: dict[str, str]) -> tuple[int, str]:
        answer = httpx.post(served.url + path, content=content, headers=headers, timeout=30)
        return answer.status_code, answer.json().get("code", "")

    headers = person.headers(where, text)
    assert post(where, text, headers) == (200, "")
    assert post(where, text, headers) == (401, "replayed_request")
    assert post(where, text + " ", person.headers(where, text)) == (401, "request_differs")
    assert post(where + "?x=1", text, person.headers(where, text)) == (401, "request_differs")


def test_without_the_node_it_waits_and_is_sent_once(script: Path, served: Served) -> None:
    """A device that reaches nobody keeps what it signed."""
    with Device(script) as device:
        person = Person(served, device, drafts.fresh_id())
        done = person.send(granting(drafts.fresh_id()))
        assert done["state"] == "signed"
        assert done["problem"]["code"] == "portal.unreachable"
