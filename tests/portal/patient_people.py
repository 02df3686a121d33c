"""A patient at a window, signed in by a passkey that was made for an invitation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.portal.browser import Visitor
from tests.portal.test_sign_in import Guest, link_for
from tests.portal.town import Town
from yilian.text import say

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs/portal"


class Patient(Guest):
    """Somebody who has joined and looks at their own pages."""

    def __init__(
        self, visitor: Visitor, language: str, town: Town, person: str, link: str | None = None
    ) -> None:
        """`link` is an invitation; without one, all of the person's sign-ins are renewed."""
        super().__init__(visitor, language)
        self.town, self.person = town, person
        self.visitor.open(link or link_for(town, town.a, person, language))
        self.button("join/make").click()
        self.head("join/welcome").wait_for()

    def say(self, key: str, **places: str | int) -> str:
        """Give a text of the patient's pages."""
        return say(self.language, "portal_patient", key, **places)

    def look(self, page: str) -> Any:
        """Open one of the patient's pages; nothing may be wrong with it to those who see little."""
        found = self.visitor.open(f"/{self.language}/my/{page}")
        self.check()
        return found

    def check(self) -> None:
        """Look at the page as it stands, by rule and by width."""
        found = self.visitor.findings()
        assert found == [], found
        assert not self.visitor.wider_than_window()

    def press(self, key: str, **places: str | int) -> None:
        """Press a button by its text."""
        self.page.get_by_role("button", name=self.say(key, **places), exact=True).click()

    def choose(self, role: str, label: str) -> None:
        """Tick a box or choose one of several."""
        self.page.get_by_role(role, name=label, exact=True).check()

    def category(self, name: str) -> str:
        """Give a kind of records in words."""
        return say(self.language, "portal_sign", f"values/terms.categories/{name}")

    def photograph(self, name: str) -> None:
        """Keep a picture for the documentation, where that is wished."""
        if os.environ.get("YILIAN_SCREENSHOTS") == "1":
            SCREENSHOTS.mkdir(exist_ok=True)
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.language}.png", full_page=True)


Arrive = Callable[..., Patient]
