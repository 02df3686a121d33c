"""People who sign for themselves in a browser, and those who act for others."""

from __future__ import annotations

import re
from typing import Any

from tests.portal.patient_people import Patient
from yilian.text import say

CODE = re.compile(r"^[A-Za-z0-9_-]{52}$")
GUARDIAN_CODE = re.compile(r"^[A-Za-z0-9_-]{43}$")


class Own(Patient):
    """A person whose browser holds their key, who may act for others and guard them."""

    def word(self, key: str, **places: str) -> str:
        """Give a text of a carer's pages, or of signing in."""
        if key.split("/")[0] in ("join", "sign_in", "account", "factor"):
            return super().word(key, **places)
        return say(self.language, "portal_carer", key, **places)

    def guard(self, key: str, **places: str | int) -> str:
        """Give a text of the pages of guardians."""
        return say(self.language, "portal_guardians", key, **places)

    def sign_self(self) -> None:
        """Have this browser sign from now on."""
        page = self.look("device")
        self.choose("checkbox", self.say("device/sure"))
        self.press("device/now")
        page.get_by_text(self.say("device/done")).wait_for()

    def called(self) -> str:
        """Give the name that the hospital's desk knows."""
        desk = self.town.node.organisations[self.town.a.id].vault.desk
        return desk.person(self.person).name

    def code(self) -> str:
        """Make a code by which somebody names this one."""
        page = self.look("carer-code")
        self.press("carer-code/make")
        shown = page.get_by_role("region", name=self.say("carer-code/yours"), exact=True)
        shown.get_by_role("img", name=self.say("carer-code/qr")).wait_for()
        self.check()
        return str(shown.get_by_text(CODE).inner_text())

    def names(self, code: str, name: str, *choices: str) -> None:
        """Find somebody by their code and go on to what is allowed."""
        page = self.look("carers")
        page.get_by_label(self.say("carers/code")).fill(code)
        self.press("carers/find")
        page.get_by_text(self.say("carers/met", name=name), exact=True).wait_for()
        assert page.locator("input[type=checkbox]:checked").count() == 0
        for each in choices:
            self.choose("checkbox", self.say(f"carers/choices/{each}"))
        self.check()
        self.press("go_on")

    def sign(self) -> None:
        """Sign what is shown."""
        signing = say(self.language, "portal_sign", "sign")
        self.page.get_by_role("button", name=signing, exact=True).click()

    def recorded(self) -> None:
        """Wait until what was signed is recorded."""
        told = say(self.language, "portal_sign", "state/recorded", height=0, ms=0).split("0")[0]
        self.page.get_by_role("status").filter(has_text=told).wait_for()

    def care(self, ward: str, page: str) -> Any:
        """Open a page of somebody this one acts for."""
        found = self.visitor.open(f"/{self.language}/care/{ward}/{page}")
        self.check()
        return found

    def head_of(self, text: str) -> Any:
        """Find the head line of a page."""
        return self.page.get_by_role("heading", level=1, name=text, exact=True)
