"""The registration desk in a real browser, against a real node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.portal.browser import WIDTHS, Visitor
from tests.portal.doctor_people import Doctor, join, pictured, word
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town

Visit = Callable[..., Visitor]
PEOPLE = {
    "en": ("Erika Lindgren", "110105198805067124"),
    "zh-CN": ("赵国强", "110105197204113012"),
}


@pytest.mark.parametrize("language", PEOPLE)
def test_a_person_is_registered_invited_found_and_sent_to_a_doctor(
    town: Town, visit: Visit, language: str
) -> None:
    def text(key: str, **places: str | int) -> str:
        return word(language, "desk", key, **places)

    name, number = PEOPLE[language]
    doctor = Doctor(town, "周医生")
    guest = Guest(visit(locale=language), language)
    join(guest, town, town.b.id)
    page, visitor = guest.page, guest.visitor
    for path in ("desk", "desk/enrol", "desk/visits"):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            visitor.open(f"/{language}/{path}")
            assert visitor.findings() == []
            assert not visitor.wider_than_window()
        if path == "desk":
            pictured(page, f"desk-{language}.png")
    visitor.open(f"/{language}/desk/enrol")
    page.get_by_role("textbox", name=text("number/number")).fill(number)
    page.get_by_role("textbox", name=text("enrol/name")).fill(name)
    page.get_by_label(text("enrol/born")).fill("1988-05-06")
    page.get_by_role("button", name=text("enrol/send"), exact=True).click()
    page.get_by_text(text("enrol/done")).wait_for()

    page.get_by_role("link", name=text("enrol/go_on")).click()
    page.get_by_role("heading", name=name, level=1).wait_for()
    page.get_by_label(text("treated/doctor")).select_option(doctor.id)
    page.get_by_role("button", name=text("treated/begin")).click()
    page.get_by_text(text("treated/begun")).wait_for()
    page.get_by_role("button", name=text("invite/make")).click()
    page.get_by_role("img", name=text("invite/qr")).wait_for()
    page.get_by_role("button", name=text("card/make")).click()
    page.get_by_role("img", name=text("card/qr")).wait_for()
    card = page.locator("code").last.inner_text()
    assert visitor.findings() == []

    # Found again by keyboard alone: from the field of the number, with Enter.
    visitor.open(f"/{language}/desk")
    page.get_by_role("textbox", name=text("number/number")).focus()
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=name, level=1).wait_for()
    visitor.open(f"/{language}/desk")
    page.get_by_label(text("find/card")).fill(card)
    page.get_by_role("button", name=text("find/find_card")).click()
    page.get_by_role("heading", name=name, level=1).wait_for()
    visitor.open(f"/{language}/desk/visits")
    page.get_by_role("button", name=text("visits/end", name=name)).click()
    page.get_by_role("button", name=text("visits/end_now"), exact=True).click()
    page.get_by_role("link", name=name).wait_for(state="detached")
