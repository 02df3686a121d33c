"""Reading on the person's own device: locked records come, the browser opens them, and checks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.patient_people import Arrive, Patient
from tests.portal.town import SEEDS, Town
from yilian.gateway.fhir import sample
from yilian.ledger import codec
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.rules import key_proof
from yilian.sdk.signers import Ed25519Signer
from yilian.text import say

LANGUAGES = ("en", "zh-CN")
READABLE = re.compile(r"/v1/.*/(timeline|export|records(/[\w-]+(/versions)?)?)(\?|$)")
"""Routes that would send records readable, or their salts."""


@pytest.fixture
def arrive(visit: Callable[..., Visitor], town: Town) -> Arrive:
    """Have a new patient of hospital A sign in, and let their device sign."""

    def open_(language: str, seed: int, **more: Any) -> Patient:
        who = str(town.load(town.a, seed)["person"])
        patient = Patient(visit(locale=language, **more), language, town, who)
        patient.look("device")
        patient.choose("checkbox", patient.say("device/sure"))
        patient.press("device/now")
        patient.page.get_by_text(patient.say("device/done")).wait_for()
        return patient

    return open_


class Line:
    """What goes over the line between a window and the node."""

    def __init__(self, patient: Patient) -> None:
        self.asked: list[str] = []
        self.answers: list[Any] = []
        patient.page.on("request", lambda each: self.asked.append(each.url))
        patient.page.on("response", lambda each: self.answers.append(each))

    def readable(self) -> list[str]:
        """Addresses that were asked and answer readable records."""
        return [each for each in self.asked if READABLE.search(each)]

    def carried(self, text: str) -> list[str]:
        """Addresses of keys and records whose answers have a text in them, of this page alone."""
        wanted = ("/reading-keys", "/sealed-records")
        private = [each for each in self.answers if any(part in each.url for part in wanted)]
        assert private
        return [each.url for each in private if text.encode() in each.body()]


def observation(seed: int) -> str:
    """The words of a finding in a person's sample records."""
    (bundle,) = sample.bundles(seed, 1)
    resources = [each["resource"] for each in json.loads(bundle)["entry"]]
    found = next(each for each in resources if each["resourceType"] == "Observation")
    return str(found["code"].get("text") or found["code"]["coding"][0]["display"])


def make_key(patient: Patient) -> None:
    """Make a reading key, and go on to the records."""
    page = patient.look("reading")
    patient.press("reading/make")
    page.get_by_role("link", name=patient.say("reading/read"), exact=True).wait_for()
    patient.check()
    page.get_by_role("link", name=patient.say("reading/read"), exact=True).click()
    page.get_by_text(patient.say("here/title"), exact=True).wait_for()


def checked(patient: Patient) -> tuple[int, int]:
    """Wait until the browser has held all entries against the chain: how many hold, of how many."""
    text = patient.say("here/checked", held="@@", count="@@")
    pattern = re.compile(re.escape(text).replace("@@", r"(\d+)"))
    shown = patient.page.get_by_role("status").filter(has_text=pattern)
    shown.wait_for()
    numbers = sorted(int(each) for each in re.findall(r"\d+", shown.inner_text()))
    return numbers[0], numbers[-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_device_opens_what_comes_locked(town: Town, arrive: Arrive, language: str) -> None:
    seed = next(SEEDS)
    patient = arrive(language, seed, width=WIDTHS[0])
    line = Line(patient)
    make_key(patient)
    held, count = checked(patient)
    assert (held, count) == (count, len(kept(town, patient.person)))
    patient.check()
    page, words = patient.page, observation(seed)
    page.locator("details.entry, details", has_text=words).first.locator("summary").first.click()
    proved = say(language, "portal_proof", "badge/recorded")
    page.get_by_role("button", name=re.compile(re.escape(proved))).first.wait_for()
    patient.check()
    assert any("/sealed-records" in each for each in line.asked)
    assert line.readable() == []
    assert line.carried(words) == []

    # After a new start the key is still there, and is used at once.
    patient.look("records")
    page.get_by_text(patient.say("here/title"), exact=True).wait_for()
    assert checked(patient) == (count, count)
    assert line.readable() == []
    lines = town.node.organisations[town.a.id].vault.journal_about(kept(town, patient.person)[0])
    assert {(each.reader, each.purpose) for each in lines} == {(patient.person, "patient-request")}

    # Without it the hospital opens them again.
    patient.look("reading")
    patient.press("reading/end")
    page.get_by_role("button", name=patient.say("reading/make"), exact=True).wait_for()
    patient.look("records")
    page.get_by_text(patient.say("here/offer")).wait_for()
    page.get_by_text(words).first.wait_for()
    assert line.readable() != []


def kept(town: Town, person: str) -> list[str]:
    """The ids of a person's records."""
    return town.node.organisations[town.a.id].vault.catalogue.records_of_patient(person)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_changed_on_the_way_is_not_shown(
    town: Town, arrive: Arrive, language: str
) -> None:
    patient = arrive(language, next(SEEDS), width=WIDTHS[0])
    page, named = patient.page, []

    def change(route: Any) -> None:
        answer = route.fetch()
        found = answer.json()
        if named:
            route.fulfill(response=answer)
            return
        record = found["records"][0]
        data = bytearray(base64.b64decode(record["ciphertext"]))
        data[len(data) // 2] ^= 1
        record["ciphertext"] = base64.b64encode(bytes(data)).decode()
        named.append(record["proof"]["record"])
        route.fulfill(response=answer, json=found)

    page.route("**/sealed-records*", change)
    make_key(patient)
    form = "one" if language == "en" else "other"
    title = patient.say(f"here/apart/altered/title_{form}", count=1)
    alert = page.get_by_role("alert").filter(has_text=title)
    alert.wait_for()
    alert.get_by_text(patient.say("here/numbers")).click()
    alert.get_by_text(named[0]).wait_for()
    count = len(kept(town, patient.person))
    assert checked(patient) == (count - 1, count - 1)
    patient.check()
    page.unroute("**/sealed-records*")
    patient.look("records")
    assert checked(patient) == (count, count)
    assert alert.count() == 0


class Held:
    """The signing key that a window keeps, used as another program would use its own."""

    def __init__(self, patient: Patient) -> None:
        self._page = patient.page
        found = self._page.evaluate(_KEY)
        self.key, self.key_id = PublicKey(suite=found["suite"], public=found["public"]), found["id"]

    def sign(self, message: bytes) -> bytes:
        """Sign in the window."""
        return bytes(self._page.evaluate(_SIGN, list(message)))


_STORED = """async () => {
  const opened = indexedDB.open("yilian-sign");
  await new Promise(done => { opened.onsuccess = done; });
  const all = opened.result.transaction("keys").objectStore("keys").getAll();
  await new Promise(done => { all.onsuccess = done; });
  opened.result.close();
  return all.result[0];
}"""
_KEY = (
    f"async () => {{ const found = await ({_STORED})(); return {{...found.key, id: found.id}}; }}"
)
_SIGN = f"""async (message) => {{
  const found = await ({_STORED})();
  const made = await crypto.subtle.sign("Ed25519", found.pair.privateKey, Uint8Array.from(message));
  return [...new Uint8Array(made)];
}}"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_device_is_ended_from_another(town: Town, arrive: Arrive, language: str) -> None:
    patient = arrive(language, next(SEEDS), width=WIDTHS[0])
    make_key(patient)
    checked(patient)
    lost, second = Held(patient), Ed25519Signer.generate()
    assert lost.key.suite == "ed25519"
    with town.as_(patient.person, lost, town.a) as client:  # type: ignore[arg-type]
        proof = codec.to_text(second.sign(key_proof(patient.person, second.key)))
        client.identity.add_key(key=second.key, proof=proof)
    with town.as_(patient.person, second, town.a) as client:
        client.identity.revoke_key(key=lost.key_id)
    patient.visitor.meant.append("/reading-keys")
    line = Line(patient)
    page = patient.look("records")
    ended = say(language, "errors", "key_revoked/title")
    page.get_by_role("alert").filter(has_text=ended).wait_for()
    patient.check()
    assert not [each for each in line.asked if "/sealed-records" in each]


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_custody_it_is_said_what_comes_first(
    visit: Callable[..., Visitor], town: Town, language: str
) -> None:
    who = str(town.load(town.a, next(SEEDS))["person"])
    patient = Patient(visit(locale=language, width=WIDTHS[0]), language, town, who)
    page = patient.look("reading")
    page.get_by_text(patient.say("reading/custody")).wait_for()
    assert page.get_by_role("button", name=patient.say("reading/make")).count() == 0
    page.get_by_role("link", name=patient.say("device/title"), exact=True).click()
    page.get_by_role("heading", level=1, name=patient.say("device/title")).wait_for()


def test_another_browser_is_told_where_the_key_is(
    visit: Callable[..., Visitor], town: Town, arrive: Arrive
) -> None:
    owner = arrive("zh-CN", next(SEEDS))
    elsewhere = Patient(visit(locale="zh-CN"), "zh-CN", town, owner.person)
    page = elsewhere.look("reading")
    page.get_by_text(elsewhere.say("reading/no_signer")).wait_for()
    assert page.get_by_role("button", name=elsewhere.say("reading/make")).count() == 0
