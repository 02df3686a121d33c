"""The training in a real browser: practice that leaves nothing behind, a quiz, a credential."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.portal.browser import Visitor
from tests.portal.operator_people import Keeper
from tests.portal.patient_people import Patient
from tests.portal.town import Town
from tests.portal.training_people import LESSONS, Learner, Typist
from yilian import cli
from yilian.gateway.training.courses import COURSES
from yilian.text import say

LANGUAGES = ("en", "zh-CN")
Visit = Callable[..., Visitor]


def practice(learner: Learner, course: str, *, look: bool = True) -> None:
    """Go through all lessons of a course, and look at each when it is done."""
    for name, exercise in LESSONS[course].items():
        learner.lesson(course, name)
        exercise(learner)
        learner.page.get_by_text(learner.say("lesson_done")).wait_for()
        if look:
            learner.look()


def audited(town: Town) -> int:
    """Count the entries of hospital A's audit trail but those that say who is signed in."""
    last = sql.text("SELECT COUNT(*) FROM audit WHERE operation NOT LIKE '%sign-in%'")
    with town.node.organisations[town.a.id].vault.catalogue.read() as database:
        return int(database.execute(last).scalar_one())


def written_since(town: Town, height: int) -> set[str]:
    """Name the kinds of messages in all blocks above a height.

    Organisations in the trade post at fixed times, whatever anybody does.
    """
    store, found = town.node.engine.store, set[str]()
    for at in range(height + 1, town.node.engine.height + 1):
        block = store.decided(at)
        for raw in () if block is None else block.txs:
            found.update(re.findall(r'"type":"([a-z]+\.[A-Za-z]+)"', raw.decode()))
    return found


def sign_in(visit: Visit, town: Town, language: str) -> tuple[Patient, Learner]:
    """Have a new patient of hospital A sign in."""
    who = str(town.load(town.a, next(SEEDS))["person"])
    patient = Patient(visit(locale=language), language, town, who)
    return patient, Learner(patient.visitor, language)


SEEDS = iter(range(4_000, 5_000))


@pytest.mark.parametrize("language", LANGUAGES)
def test_anybody_practises_without_signing_in(visit: Visit, town: Town, language: str) -> None:
    learner = Learner(visit(locale=language), language)
    learner.open()
    learner.look()
    for course in COURSES:
        title = learner.say(f"courses/{course}/title")
        assert learner.page.get_by_role("link", name=title, exact=True).count() == 0
    practice(learner, "basics")
    learner.open("/courses/basics")
    told = learner.say("progress", done=2, of=2, minutes=6)
    learner.page.get_by_text(told).wait_for()
    learner.look()


@pytest.mark.parametrize("language", LANGUAGES)
def test_practice_leaves_nothing_at_the_node(visit: Visit, town: Town, language: str) -> None:
    """Signed in, with real data at hand: no block more, no line in the audit, no request."""
    _, learner = sign_in(visit, town, language)
    learner.open()
    for each in town.node.organisations.values():
        each.anchor_all()
    height, calls = town.node.engine.height, audited(town)
    del learner.asked[:]
    for course in COURSES:
        practice(learner, course)
    asked = [each for each in learner.asked if "/v1/organisations/" in each]
    assert asked == []
    assert [each for each in learner.asked if not each.startswith("GET ")] == []
    told = [each for each in learner.asked if "/v1/" in each]
    assert [each for each in told if "/v1/sign-in" not in each] == []
    assert audited(town) == calls
    # Pages ask who is signed in, which the trail has; its roots go on the chain by themselves.
    assert written_since(town, height) <= {"supply.Post", "records.AnchorDisclosures"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_course_to_the_credential(
    visit: Visit, town: Town, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed attempt is explained; a passed one gives a credential that a stranger checks."""
    _, learner = sign_in(visit, town, language)
    page = learner.open("/courses/patient")
    page.get_by_text(learner.say("quiz/after")).wait_for()
    practice(learner, "patient", look=False)
    learner.open("/courses/patient")
    learner.look()
    page.get_by_role("link", name=learner.say("quiz/to"), exact=True).wait_for()
    learner.begin_quiz("patient")
    learner.look()
    learner.answer("patient", wrong=3)
    page.get_by_role("heading", name=learner.say("result/failed/title")).wait_for()
    page.get_by_text(learner.say("result/count", correct=5, of=8)).wait_for()
    page.get_by_role("heading", name=learner.say("result/wrong")).wait_for()
    learner.look()
    learner.press("quiz/another")
    learner.press("quiz/begin")
    page.get_by_role("button", name=learner.say("quiz/hand_in")).wait_for()
    learner.answer("patient", wrong=1)
    page.get_by_role("heading", name=learner.say("result/passed/title")).wait_for()
    page.get_by_role("link", name=learner.say("result/to_credential"), exact=True).click()
    page.get_by_role("heading", level=1, name=learner.say("credential/title")).wait_for()
    for state in ("recorded", "absent"):
        page.get_by_role("button", name=learner.say(f"badge/{state}", "portal_proof")).wait_for()
    learner.look()
    file = _downloaded(learner, tmp_path)
    _checked_by_a_stranger(town, file, tmp_path, capsys)
    learner.open()
    page.get_by_role("heading", name=learner.say("credentials/title")).wait_for()
    learner.look()
    learner.photograph("training")


def _downloaded(learner: Learner, folder: Path) -> Path:
    with learner.page.expect_download() as download:
        learner.press("credential/download")
    file = folder / "credential.json"
    download.value.save_as(file)
    return file


def _checked_by_a_stranger(
    town: Town, file: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = folder / "trust.json"
    trust.write_text(json.dumps(town.get("/v1/trust")), "utf-8")

    def verify(path: Path, *more: str) -> tuple[int, Any]:
        capsys.readouterr()
        words = ["training", "verify", str(path), "--trust", str(trust), *more, "--json"]
        code = cli.main(words)
        return code, json.loads(capsys.readouterr().out)

    code, told = verify(file)
    assert (code, told["verified"], told["withdrawn"]) == (0, True, None)
    assert told["facts"]["organisation"] == town.a.id
    assert (told["facts"]["course"], told["facts"]["band"]) == ("patient", "80-89")
    assert verify(file, "--now", "--node", town.url)[0] == 0
    altered = json.loads(file.read_text("utf-8"))
    altered["credential"] = altered["credential"][:-4] + "AAAA"
    other = folder / "altered.json"
    other.write_text(json.dumps(altered), "utf-8")
    code, told = verify(other)
    assert code == 1
    assert told["error"]["code"].startswith("training.credential_")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_operator_sees_and_withdraws(visit: Visit, town: Town, language: str) -> None:
    _, learner = sign_in(visit, town, language)
    learner.begin_quiz("patient")
    learner.answer("patient")
    learner.page.get_by_role("link", name=learner.say("result/to_credential")).wait_for()
    learner.page.get_by_role("link", name=learner.say("result/to_credential")).click()
    learner.page.get_by_role("button", name=learner.say("credential/print")).wait_for()
    credential = learner.page.url.rpartition("/")[2]
    keeper = Keeper(town, visit(locale=language), town.a, language)
    keeper.go("operator/training", "training/title")
    table = keeper.page.get_by_role("table", name=keeper.word("training/caption"))
    line = table.get_by_role("row").filter(
        has=keeper.page.locator(f"a[href$='/training/credentials/{credential}']")
    )
    line.get_by_role("button", name=keeper.word("training/withdraw"), exact=True).click()
    reason = keeper.word("training/reasons/issued_in_error")
    line.get_by_label(keeper.word("training/reason")).select_option(label=reason)
    keeper.look()
    line.get_by_role("button", name=keeper.word("training/withdraw"), exact=True).click()
    line.get_by_text(keeper.word("training/withdrawn", reason=reason)).wait_for()
    learner.page.reload()
    learner.page.get_by_role("alert").get_by_text(learner.say("credentials/withdrawn")).wait_for()
    learner.look()


def test_a_whole_course_by_keyboard_alone(visit: Visit, town: Town) -> None:
    """From the list of courses over every lesson and the quiz to the credential, no pointer."""
    patient, _ = sign_in(visit, town, "en")
    learner = Typist(patient.visitor, "en")
    page = learner.open()

    def follow(text: str, heading: str) -> None:
        learner.hit(page.get_by_role("link", name=text, exact=True).last)
        page.get_by_role("heading", level=1, name=heading).wait_for()
        learner.visitor.settle()

    course = learner.say("courses/patient/title")
    follow(course, course)
    titles = {name: learner.say(f"lessons/{name}/title") for name in LESSONS["patient"]}
    step = learner.say("begin")
    for name, exercise in LESSONS["patient"].items():
        follow(step, titles[name])
        exercise(learner)
        page.get_by_text(learner.say("lesson_done")).wait_for()
        after = [*titles.values(), ""][list(titles).index(name) + 1]
        step = learner.say("next", title=after)
    follow(learner.say("to_course"), course)
    follow(learner.say("quiz/to"), learner.say("quiz/title", course=course))
    learner.press("quiz/begin")
    page.get_by_role("button", name=learner.say("quiz/hand_in")).wait_for()
    learner.answer("patient")
    page.get_by_role("heading", name=learner.say("result/passed/title")).wait_for()
    follow(learner.say("result/to_credential"), learner.say("credential/title"))
    page.get_by_role("button", name=learner.say("badge/recorded", "portal_proof")).wait_for()


SHEET = "yilian-training-sheet"


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_outlast_a_reload_and_a_lost_link(visit: Visit, town: Town, language: str) -> None:
    """They are sent once the link is back, are then forgotten, and are nobody else's."""
    _, learner = sign_in(visit, town, language)
    page, context = learner.page, learner.visitor.context
    learner.begin_quiz("patient")
    groups = page.get_by_role("radiogroup")
    for at in range(groups.count() - 1):
        groups.nth(at).get_by_role("radio").nth(at % 3).check()
    page.reload()
    page.get_by_role("button", name=learner.say("quiz/hand_in")).wait_for()
    for at in range(groups.count() - 1):
        assert groups.nth(at).get_by_role("radio").nth(at % 3).is_checked(), at
    assert groups.last.locator("input:checked").count() == 0

    groups.last.get_by_role("radio").first.check()
    context.set_offline(True)
    learner.press("quiz/hand_in")
    page.get_by_text(learner.say("quiz/kept")).wait_for()
    assert page.get_by_role("radio", checked=True).count() == groups.count()
    context.set_offline(False)
    learner.visitor.faults[:] = [
        each for each in learner.visitor.faults if "ERR_INTERNET" not in each
    ]
    learner.press("quiz/hand_in")
    page.get_by_role("status").get_by_role("heading", level=2).wait_for()
    page.wait_for_function(f"() => localStorage.getItem('{SHEET}') === null")


def test_answers_are_not_kept_for_another(visit: Visit, town: Town) -> None:
    """Who signs in next on the same device finds nothing of them, and they are thrown away."""
    _, learner = sign_in(visit, town, "en")
    learner.begin_quiz("patient")
    learner.page.get_by_role("radio").first.check()
    learner.page.wait_for_function(f"() => localStorage.getItem('{SHEET}') !== null")
    left = learner.page.evaluate(f"() => localStorage.getItem('{SHEET}')")
    _, other = sign_in(visit, town, "en")
    other.page.evaluate(f"left => localStorage.setItem('{SHEET}', left)", left)
    other.open()
    other.page.wait_for_function(f"() => localStorage.getItem('{SHEET}') === null")
    other.begin_quiz("patient")
    assert other.page.get_by_role("radio", checked=True).count() == 0


def test_a_course_that_is_not_there(visit: Visit) -> None:
    learner = Learner(visit(locale="en"), "en")
    for path in ("/courses/nothing", "/courses/basics/nothing", "/courses/basics/quiz"):
        page = learner.open(path)
        page.get_by_role("heading", level=1, name=say("en", "portal", "not_found/title")).wait_for()
