"""A doctor's keys in a real browser: let in by file, by another device, and ended when lost."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.doctor_people import join, sign, word
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.calls import at
from tests.rows.served import yilian
from yilian.gateway.auth.factors import code_at
from yilian.ledger.keys import PublicKey
from yilian.text import LANGUAGES

Visit = Callable[..., Visitor]


def standing(town: Town, owner: str) -> set[str]:
    """The keys of somebody that sign now."""
    found = town.get("/v1/identity/keys", owner=owner)["items"]
    return {str(each["id"]) for each in found if each["ended"] is None}


def made_here(guest: Guest) -> Any:
    """Make a key on a guest's device; gives the page, which waits for it to be let in."""
    page = guest.visitor.open(f"/{guest.language}/doctor/key")
    make = word(guest.language, "doctor", "key/make")
    page.get_by_role("button", name=make, exact=True).click()
    page.get_by_text(word(guest.language, "doctor", "key/waits"), exact=True).wait_for()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_lets_a_key_in_and_the_page_notices(
    town: Town, visit: Visit, tmp_path: Path, language: str
) -> None:
    doctor, signer, _ = town.doctor(town.b)
    file = tmp_path / "doctor.json"
    signer.write(file, None)
    guest = Guest(visit(locale=language), language)
    join(guest, town, doctor)
    page = made_here(guest)
    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        assert guest.visitor.findings() == []
        assert not guest.visitor.wider_than_window()
    shown = shlex.split(page.get_by_test_id("command").inner_text())
    assert shown[0] == "yilian"
    code, answer = yilian(*(each.replace("KEY_FILE", str(file)) for each in shown[1:]))
    assert (code, answer["ok"]) == (0, True), answer
    page.get_by_text(word(language, "doctor", "key/here")).wait_for()
    assert standing(town, doctor) == {signer.key_id, page.locator("code").first.inner_text()}
    assert guest.visitor.findings() == []


def test_a_second_device_is_let_in_and_a_lost_one_ended(town: Town, visit: Visit) -> None:
    language = "zh-CN"

    def text(key: str, **places: str | int) -> str:
        return word(language, "doctor", key, **places)

    doctor, signer, _ = town.doctor(town.b)
    one = Guest(visit(locale=language), language)
    secret = _joined(one, town, doctor)
    page = made_here(one)
    message = page.get_by_test_id("handover").inner_text()
    with town.as_(doctor, signer, town.b) as client:
        client.identity.add_key(**_parts(message))
    page.get_by_text(text("key/here")).wait_for()
    first = page.locator("code").first.inner_text()

    two = Guest(visit(locale=language), language)
    _joined(two, town, doctor, secret)
    other = made_here(two)
    handed = other.get_by_test_id("handover").inner_text()
    compare = other.locator("code").first.inner_text()
    field = page.get_by_role("textbox", name=text("key/text"), exact=True)
    field.fill(handed[1:])
    page.get_by_role("button", name=text("key/read"), exact=True).click()
    page.get_by_text(text("key/not_read")).wait_for()
    assert one.visitor.findings() == []
    field.fill(handed)
    page.get_by_role("button", name=text("key/read"), exact=True).click()
    page.get_by_role("status").get_by_text(compare, exact=True).wait_for()
    page.get_by_role("button", name=text("key/let_in"), exact=True).click()
    sign(page, language)
    other.get_by_text(text("key/here")).wait_for()
    second = other.locator("code").first.inner_text()
    assert second.startswith(compare.replace(" ", ""))
    # Both sign now; the first was lost, so the second ends it.
    ending = text("key/end_of", code=f"{first[:4]} {first[4:8]}")
    other.get_by_role("button", name=ending, exact=True).click()
    sign(other, language)
    gone = other.get_by_role("button", name=ending, exact=True)
    other.get_by_role("table").wait_for()
    gone.wait_for(state="detached")
    assert standing(town, doctor) == {signer.key_id, second}
    page.get_by_text(text("key/waits"), exact=True).wait_for()


def _parts(message: str) -> dict[str, Any]:
    told = json.loads(message)
    assert told["type"] == "identity.AddKey"
    return {"key": PublicKey(**told["key"]), "proof": told["proof"]}


def _joined(guest: Guest, town: Town, doctor: str, secret: bytes | None = None) -> bytes:
    """Join on one more device; codes are set up the first time. Gives their secret."""
    with town.client(town.b) as client:
        body = {"subject": doctor, "language": guest.language}
        link = client.request("POST", at(town.b, "invitations"), body)["link"]
    page = guest.visitor.open(link)
    guest.visitor.meant.append("/v1/sign-in/factor/enrol")
    guest.button("join/make").click()
    guest.button("set_up/begin").click()
    if secret is None:
        page.get_by_role("img", name=guest.word("set_up/qr")).wait_for()
        shown = page.locator("code").first.inner_text().replace(" ", "")
        secret = base64.b32decode(shown)
        guest.give(code_at(secret, town.now()))
    else:
        # The code of before served; the next one is taken a little early.
        guest.give(code_at(secret, town.now() + 30_000))
    guest.head("join/welcome").wait_for()
    return secret
