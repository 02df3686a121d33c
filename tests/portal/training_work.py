"""What is done in each lesson of the courses for work: at the bedside and at the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.portal.training_people import Exercise, Learner

DOCTOR, DESK, SIGN = "portal_doctor", "portal_desk", "portal_sign"


def _told(learner: Learner, english: str, chinese: str) -> str:
    return english if learner.language == "en" else chinese


def _wang(learner: Learner) -> str:
    return _told(learner, "Wang Fang", "王芳")


def _sign(learner: Learner) -> None:
    """Read what is signed, look at it, and sign."""
    heading = learner.say("heading", SIGN)
    learner.page.get_by_role("heading", name=heading, exact=True).last.wait_for()
    learner.look()
    learner.press("sign", SIGN)


def _proved(learner: Learner) -> None:
    """Wait for the receipt of what was done."""
    learner.page.get_by_text(learner.say("practice/recorded")).wait_for()
    recorded = learner.say("badge/recorded", "portal_proof")
    learner.page.get_by_role("button", name=recorded).last.wait_for()


def _queue(learner: Learner) -> None:
    page, name = learner.page, _wang(learner)
    link = learner.say("waiting/open", DOCTOR, name=name)
    born = {each: learner.say("waiting/born", DOCTOR, born=each) for each in BIRTHS}
    for birth in reversed(BIRTHS):
        row = page.get_by_role("listitem").filter(has_text=born[birth])
        row.get_by_role("link", name=link, exact=True).click()
        if birth != BIRTHS[0]:
            page.get_by_text(learner.say("lessons/queue/another")).wait_for()
    page.get_by_role("heading", name=learner.say("record/title_of", DOCTOR, name=name)).wait_for()
    allergy = _told(learner, "Penicillin: severe reaction", "青霉素：严重过敏")
    page.locator("summary").filter(has_text=allergy).click()
    page.get_by_role("button", name=learner.say("badge/recorded", "portal_proof")).first.wait_for()
    learner.look()
    learner.choose("lessons/queue", "penicillin")


BIRTHS = ("1958-03-02", "1985-12-20")
"""Of the two who have the same name; the first is the one whom the lesson means."""


def _elsewhere(learner: Learner) -> None:
    learner.press("elsewhere/open", DOCTOR)
    _sign(learner)
    closed = "read/closed_one" if learner.language == "en" else "read/closed_other"
    learner.page.get_by_text(learner.say(closed, DOCTOR, count=1)).wait_for()
    _proved(learner)
    learner.choose("lessons/elsewhere", "not_opened")


def _place(learner: Learner, number: str) -> None:
    label = learner.say("hospital/label", DOCTOR)
    clinic = _told(learner, "Practice Heart Clinic", "练习心脏专科医院")
    learner.page.get_by_label(label).select_option(label=clinic)
    learner.page.get_by_role("textbox", name=learner.say("number/number", DESK), exact=True).fill(
        number
    )


def _ask(learner: Learner) -> None:
    page = learner.page
    for kinds in (("imaging", "laboratory"), ("imaging",)):
        _place(learner, "PRACTICE-0042")
        for each in kinds:
            kind = learner.say(f"values/terms.categories/{each}", SIGN)
            page.get_by_role("checkbox", name=kind, exact=True).check()
        page.get_by_role("radio", name=learner.say("ask/reasons/referral", DOCTOR)).check()
        learner.press("ask/go_on", DOCTOR)
        _sign(learner)
        page.get_by_text(learner.say("ask/delivered", DOCTOR)).wait_for()
        if len(kinds) > 1:
            page.get_by_text(learner.say("lessons/ask/wrong")).wait_for()
            learner.press("choose/again")
    _proved(learner)


def _urgent(learner: Learner) -> None:
    page = learner.page
    _place(learner, "PRACTICE-0042")
    page.get_by_role(
        "radio", name=learner.say("emergency/reasons/unable_to_consent", DOCTOR)
    ).check()
    page.get_by_role("textbox", name=learner.say("emergency/text", DOCTOR), exact=True).fill(
        "unconscious"
    )
    learner.press("emergency/go_on", DOCTOR)
    _sign(learner)
    page.get_by_text(learner.say("read/count_other", DOCTOR, count=2)).wait_for()
    _proved(learner)
    learner.choose("lessons/urgent", "told")


def _correct(learner: Learner) -> None:
    page = learner.page
    page.locator("summary").filter(has_text="820 kg").click()
    learner.press("correct/begin", DOCTOR)
    page.get_by_role("textbox", name=learner.say("correct/value", DOCTOR), exact=True).fill("82.0")
    page.get_by_role("textbox", name=learner.say("correct/why", DOCTOR), exact=True).fill(
        "point in the wrong place"
    )
    learner.look()
    learner.press("correct/send", DOCTOR)
    page.get_by_text(learner.say("record/corrected", DOCTOR)).first.wait_for()
    _proved(learner)


def _review(learner: Learner) -> None:
    page = learner.page
    page.get_by_text(learner.say("reviews/not_own", DOCTOR)).wait_for()
    for finding in ("justified", "unjustified"):
        learner.press("reviews/judge", DOCTOR)
        chosen = learner.say(f"reviews/findings/{finding}", DOCTOR)
        page.get_by_role("radio", name=chosen, exact=True).check()
        page.get_by_role("textbox", name=learner.say("reviews/why", DOCTOR), exact=True).fill(
            "no emergency"
        )
        learner.press("reviews/go_on", DOCTOR)
        heading = learner.say("heading", SIGN)
        page.get_by_role("heading", name=heading, exact=True).wait_for()
        learner.press("sign", SIGN)
        if finding == "justified":
            page.get_by_text(learner.say("lessons/review/wrong")).wait_for()
            learner.press("choose/again")
    _proved(learner)


def _find(learner: Learner) -> None:
    page = learner.page
    card: Any = page.get_by_role("textbox", name=learner.say("find/card", DESK), exact=True)
    card.fill("PRACTICE-17")
    learner.press("find/find_card", DESK)
    page.get_by_text(_wang(learner), exact=True).wait_for()
    learner.choose("lessons/find", "ask")


def _enrol(learner: Learner) -> None:
    page = learner.page
    for number in ("PRACTICE-0056", "PRACTICE-0055"):
        page.get_by_role("textbox", name=learner.say("number/number", DESK), exact=True).fill(
            number
        )
        name = _told(learner, "Li Na", "李娜")
        page.get_by_role("textbox", name=learner.say("enrol/name", DESK), exact=True).fill(name)
        page.get_by_label(learner.say("enrol/born", DESK)).fill("1992-05-16")
        learner.press("enrol/send", DESK)
        if number != "PRACTICE-0055":
            page.get_by_text(learner.say("lessons/enrol/wrong")).wait_for()
            learner.press("choose/again")
    _proved(learner)


def _link(learner: Learner) -> None:
    page = learner.page
    learner.choose("lessons/link", "first_third")
    learner.press("lessons/link/join")
    _proved(learner)
    learner.press("lessons/link/part")
    page.get_by_text(learner.say("lessons/link/parted")).wait_for()


def _visit(learner: Learner) -> None:
    page = learner.page
    for doctor in (("Dr Zhou Wei", "周伟医师"), ("Dr Chen Jie", "陈洁医师")):
        label = learner.say("treated/doctor", DESK)
        page.get_by_label(label).select_option(label=_told(learner, *doctor))
        learner.press("treated/begin", DESK)
        if doctor[0] == "Dr Zhou Wei":
            page.get_by_text(learner.say("lessons/visit/wrong")).wait_for()
            learner.press("choose/again")
    _proved(learner)


def _invite(learner: Learner) -> None:
    learner.press("invite/make", DESK)
    learner.page.get_by_role("img", name=learner.say("invite/qr", DESK)).wait_for()
    learner.choose("lessons/invite", "person")


def _witness(learner: Learner) -> None:
    page = learner.page
    learner.press("lessons/witness/says_no")
    page.get_by_text(learner.say("lessons/witness/no")).wait_for()
    learner.press("lessons/witness/says_yes")
    for name in (("Dr Chen Jie", "陈洁医师"), ("Nurse Liu Yan", "刘燕护士")):
        page.get_by_role("checkbox", name=_told(learner, *name), exact=True).check()
        learner.press("lessons/witness/keep")
        if name[0] == "Dr Chen Jie":
            page.get_by_text(learner.say("lessons/witness/wrong")).wait_for()
    _proved(learner)


LESSONS: dict[str, dict[str, Exercise]] = {
    "doctor": {
        "queue": _queue,
        "elsewhere": _elsewhere,
        "ask": _ask,
        "urgent": _urgent,
        "correct": _correct,
        "review": _review,
    },
    "desk": {
        "find": _find,
        "enrol": _enrol,
        "link": _link,
        "visit": _visit,
        "invite": _invite,
        "witness": _witness,
    },
}
