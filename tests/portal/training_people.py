"""Somebody who learns at a window, by the words of the training's pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.portal import training_work
from tests.portal.browser import WIDTHS, Visitor
from yilian.gateway.training.courses import COURSES, LETTERS
from yilian.text import say

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs/portal"
LARGEST_PICTURE = 150_000


class Learner:
    """A window at the training, in a language; `asked` has every address that left it."""

    def __init__(self, visitor: Visitor, language: str) -> None:
        self.visitor, self.page, self.language = visitor, visitor.page, language
        self.asked: list[str] = []
        self.page.on("request", lambda each: self.asked.append(f"{each.method} {each.url}"))

    def say(self, key: str, file: str = "portal_training", **places: str | int) -> str:
        """Give a text of the training, or of another file."""
        return say(self.language, file, key, **places)

    def open(self, path: str = "") -> Any:
        """Open a page of the training; nothing may be wrong with it."""
        found = self.visitor.open(f"/{self.language}/training{path}")
        self.visitor.settle()
        return found

    def look(self) -> None:
        """Look at the page as it stands, on a phone and on a desk."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            found = self.visitor.findings()
            assert found == [], found
            assert not self.visitor.wider_than_window(), width

    def lesson(self, course: str, name: str) -> None:
        """Open a lesson and see that it is marked as practice."""
        self.open(f"/courses/{course}/{name}")
        self.page.get_by_role("heading", level=1, name=self.say(f"lessons/{name}/title")).wait_for()
        self.page.get_by_text(self.say("practice/title")).wait_for()

    def press(self, key: str, file: str = "portal_training", **places: str | int) -> None:
        """Press a button by its text; of several the last."""
        name = self.say(key, file, **places)
        self.hit(self.page.get_by_role("button", name=name, exact=True).last)

    def hit(self, wanted: Any) -> None:
        """Press a button, or follow a link."""
        wanted.click()

    def tick(self, wanted: Any) -> None:
        """Choose an answer, or tick a box."""
        wanted.check()

    def choose(self, words: str, option: str) -> None:
        """Answer the last question on the page."""
        label = self.say(f"{words}/options/{option}")
        self.tick(self.page.get_by_role("radio", name=label, exact=True).last)
        self.press("choose/check")

    def photograph(self, name: str) -> None:
        """Keep a picture for the documentation, where that is wished."""
        if os.environ.get("YILIAN_SCREENSHOTS") == "1":
            file = SCREENSHOTS / f"{name}-{self.language}.png"
            self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
            self.page.screenshot(path=file, full_page=True)
            assert file.stat().st_size < LARGEST_PICTURE

    # -- the quiz ------------------------------------------------------------------------------

    def begin_quiz(self, course: str) -> None:
        """Open the quiz and begin an attempt."""
        self.open(f"/courses/{course}/quiz")
        self.press("quiz/begin")
        self.page.get_by_role("button", name=self.say("quiz/hand_in")).wait_for()

    def answer(self, course: str, wrong: int = 0) -> None:
        """Answer what is asked, the first `wrong` questions of it wrongly, and hand it in."""
        asked = 0
        for name, (right, _) in COURSES[course].questions.items():
            text = self._quiz(course, name, "question")
            group = self.page.get_by_role("radiogroup", name=text)
            if group.count() == 0:
                continue
            other = next(each for each in LETTERS if each != right)
            chosen = self._quiz(course, name, other if asked < wrong else right)
            self.tick(group.get_by_role("radio", name=chosen, exact=True))
            asked += 1
        self.page.get_by_text(self.say("quiz/complete")).wait_for()
        self.press("quiz/hand_in")

    def _quiz(self, course: str, question: str, part: str) -> str:
        return say(self.language, "training", f"{course}/{question}/{part}")


FOCUSED = "each => each === document.activeElement"
SAME_GROUP = "each => each.type === 'radio' && each.name === document.activeElement?.name"
MOST_STOPS = 200


class Typist(Learner):
    """Somebody who learns by keyboard alone."""

    def hit(self, wanted: Any) -> None:
        """Go there by Tab, and press Enter."""
        self._reach(wanted, FOCUSED)
        self.page.keyboard.press("Enter")

    def tick(self, wanted: Any) -> None:
        """Go there by Tab, within a group by arrows, and choose it."""
        self._reach(wanted, f"each => ({FOCUSED})(each) || ({SAME_GROUP})(each)")
        for _ in range(wanted.page.get_by_role("radio").count()):
            if wanted.evaluate(FOCUSED):
                break
            self.page.keyboard.press("ArrowDown")
        if not wanted.is_checked():
            self.page.keyboard.press("Space")
        assert wanted.is_checked()

    def _reach(self, wanted: Any, there: str) -> None:
        wanted.wait_for()
        for _ in range(MOST_STOPS):
            if wanted.evaluate(there):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way to {wanted}")


def _see(learner: Learner) -> None:
    learner.choose("lessons/see", "insurer")
    learner.page.get_by_text(learner.say("lessons/see/wrong")).wait_for()
    learner.choose("lessons/see", "clinic")


def _share(learner: Learner) -> None:
    page = learner.page
    kind = learner.say("values/terms.categories/laboratory", "portal_sign")
    assert page.locator("input[type=checkbox]:checked").count() == 0
    learner.tick(page.get_by_role("checkbox", name=kind, exact=True))
    learner.press("go_on", "portal_patient")
    treat = learner.say("share/purposes/treat", "portal_patient")
    learner.tick(page.get_by_role("radio", name=treat, exact=True))
    learner.press("go_on", "portal_patient")
    clinic = "Practice Heart Clinic" if learner.language == "en" else "练习心脏专科医院"
    page.get_by_text(clinic).first.wait_for()
    page.get_by_text(kind).first.wait_for()
    learner.look()
    learner.press("share/allow", "portal_patient")


def _stop(learner: Learner) -> None:
    page = learner.page
    insurer = "Practice Insurance" if learner.language == "en" else "练习保险公司"
    begin = learner.say("stop/begin_of", "portal_patient", organisation=insurer)
    learner.hit(page.get_by_role("button", name=begin, exact=True))
    page.get_by_text(learner.say("stop/cannot", "portal_patient")).wait_for()
    learner.press("stop/now", "portal_patient")
    done = learner.say("stop/done", "portal_patient", organisation=insurer)
    page.get_by_text(done).wait_for()
    page.get_by_role("button", name=learner.say("badge/recorded", "portal_proof")).wait_for()


def _looked(learner: Learner) -> None:
    page = learner.page
    wrong = learner.say("looked/reasons/category_not_granted", "portal_patient")
    line = page.get_by_role("listitem").filter(has_text=wrong)
    learner.hit(
        line.get_by_role("button", name=learner.say("looked/unknown", "portal_patient")).first
    )
    learner.press("note/keep", "portal_patient")
    page.get_by_text(learner.say("note/kept", "portal_patient")).wait_for()


def _proof(learner: Learner) -> None:
    page = learner.page
    for state in ("recorded", "false"):
        badge = page.get_by_role("button", name=learner.say(f"badge/{state}", "portal_proof"))
        badge.wait_for()
        learner.hit(badge)
    learner.look()
    learner.choose("lessons/proof", "second")


def _scan(learner: Learner) -> None:
    learner.press("scanner/scan")
    learner.page.get_by_role(
        "heading", name=learner.say("verdict/recalled/title", "scan")
    ).wait_for()
    learner.choose("lessons/scan", "back")


def _verdicts(learner: Learner) -> None:
    for at, place in enumerate(("out", "aside", "suspect"), 1):
        learner.page.get_by_role(
            "heading", name=learner.say("scanner/pack", at=at, of=3)
        ).wait_for()
        learner.press("scanner/scan")
        learner.choose("lessons/verdicts", place)


def _recall(learner: Learner) -> None:
    learner.press("scanner/scan")
    learner.choose("lessons/recall", "doctor")


def _slip(learner: Learner) -> None:
    for at, place in enumerate(("slip", "suspect", "suspect"), 1):
        learner.page.get_by_role(
            "heading", name=learner.say("scanner/pack", at=at, of=3)
        ).wait_for()
        learner.press("scanner/scan")
        learner.choose("lessons/slip", place)


def _verify(learner: Learner) -> None:
    learner.press("scanner/scan")
    learner.press("verify/ask", "portal_supply")
    learner.page.get_by_role(
        "heading", name=learner.say("concern/suspected_fake/title", "scan")
    ).last.wait_for()
    learner.page.get_by_text(learner.say("verify/kept", "portal_supply")).wait_for()
    learner.choose("lessons/verify", "aside")


def _offline(learner: Learner) -> None:
    learner.press("lessons/offline/cut")
    learner.page.get_by_text(learner.say("scan/away/title", "portal_supply")).wait_for()
    learner.press("lessons/offline/hand_out")
    learner.page.get_by_text(learner.say("waiting/about", "portal_supply")).wait_for()
    learner.press("lessons/offline/join")


Exercise = Callable[[Learner], None]
LESSONS: dict[str, dict[str, Exercise]] = {
    "basics": {"scan": _scan, "proof": _proof},
    "patient": {
        "see": _see,
        "share": _share,
        "stop": _stop,
        "looked": _looked,
        "proof": _proof,
        "scan": _scan,
    },
    "pharmacist": {
        "verdicts": _verdicts,
        "recall": _recall,
        "slip": _slip,
        "verify": _verify,
        "offline": _offline,
        "proof": _proof,
    },
    **training_work.LESSONS,
}
"""What is done in each lesson of each course, in order."""
