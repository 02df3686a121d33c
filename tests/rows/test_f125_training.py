"""F125: a newcomer follows a course, passes its quiz, and has a credential that strangers check."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.rows.calls import at
from tests.rows.joining import joined
from tests.rows.served import Served, yilian
from tests.unit.gateway.auth.browser import Browser, good, refused
from tests.unit.gateway.training.learning import sheet
from yilian import cli
from yilian.gateway.training.courses import COURSES

ROOT = Path(__file__).resolve().parents[2]


def attempt(served: Served, browser: Browser, wrong: int = 0) -> dict[str, Any]:
    """Take the quiz for patients, the first `wrong` questions wrongly."""
    place = at(served.a, "training/attempts")
    begun = good(browser.request("POST", place, {"course": "patient"}))
    answers = {"answers": sheet(begun, wrong)}
    found: dict[str, Any] = good(
        browser.request("POST", f"{place}/{begun['attempt']}/answers", answers)
    )
    return found


def test_a_newcomer_gets_a_credential(
    served: Served, browsers: list[Browser], tmp_path: Path
) -> None:
    person, browser = joined(served, browsers)
    failed = attempt(served, browser, wrong=2)["result"]
    assert (failed["passed"], failed["credential"]) == (False, None)
    result = attempt(served, browser)["result"]
    assert result["passed"]
    place = at(served.a, f"training/credentials/{result['credential']}")
    file, trust = tmp_path / "credential.json", tmp_path / "trust.json"
    file.write_text(json.dumps(good(browser.request("GET", place))), "utf-8")
    with served.client(served.a) as client:
        trust.write_text(json.dumps(client.trust()), "utf-8")
    code, told = yilian("training", "verify", file, "--trust", trust)
    assert (code, told["verified"], told["name"]) == (0, True, "云溪市第一人民医院")
    assert (told["facts"]["subject"], told["facts"]["organisation"]) == (person, served.a.id)
    words = json.dumps(good(browser.request("GET", place)), ensure_ascii=False)
    assert "Observation" not in words

    with served.client(served.a) as client:
        client.request("POST", f"{place}/withdrawal", {"reason": "issued_in_error"})
    assert yilian("training", "verify", file, "--trust", trust)[0] == 0
    today = ("--now", "--node", served.url)
    code, told = yilian("training", "verify", file, "--trust", trust, *today)
    assert (code, told["verified"]) == (1, False)
    assert told["withdrawn"] > told["anchored"]
    file.write_text(json.dumps(good(browser.request("GET", place))), "utf-8")
    assert yilian("training", "verify", file, "--trust", trust)[0] == 1


def test_an_altered_one_is_refused(served: Served, browsers: list[Browser], tmp_path: Path) -> None:
    _, browser = joined(served, browsers)
    name = attempt(served, browser)["result"]["credential"]
    whole = good(browser.request("GET", at(served.a, f"training/credentials/{name}")))
    trust, file = tmp_path / "trust.json", tmp_path / "credential.json"
    with served.client(served.a) as client:
        trust.write_text(json.dumps(client.trust()), "utf-8")
    for part in (whole["credential"], whole["proofs"]["anchor"]["value"]):
        text = json.dumps(whole)
        spelt = json.dumps(part)[1:-1]
        middle = len(spelt) // 2
        put = "B" if spelt[middle] == "A" else "A"
        file.write_text(text.replace(spelt, spelt[:middle] + put + spelt[middle + 1 :]), "utf-8")
        code, told = yilian("training", "verify", file, "--trust", trust)
        assert code == 1, told
    missing = yilian("training", "verify", tmp_path / "none.json", "--trust", trust)
    assert missing[0] == 2
    file.write_text("{}", "utf-8")
    code, told = yilian("training", "verify", file, "--trust", trust)
    assert (code, told["error"]["code"]) == (1, "training.credential_malformed")


def test_in_words(
    served: Served, browsers: list[Browser], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, browser = joined(served, browsers)
    name = attempt(served, browser, wrong=1)["result"]["credential"]
    whole = good(browser.request("GET", at(served.a, f"training/credentials/{name}")))
    trust, file = tmp_path / "trust.json", tmp_path / "credential.json"
    file.write_text(json.dumps(whole), "utf-8")
    with served.client(served.a) as client:
        trust.write_text(json.dumps(client.trust()), "utf-8")
    for language, words in (("en", "Not withdrawn up to height"), ("zh-CN", "没有撤销")):
        command = ["training", "verify", str(file), "--trust", str(trust), "--language", language]
        assert cli.main(command) == 0
        assert words in capsys.readouterr().out


def test_nobody_else_sees_it(served: Served, browsers: list[Browser]) -> None:
    _, browser = joined(served, browsers)
    name = attempt(served, browser)["result"]["credential"]
    _, other = joined(served, browsers, seed=2)
    place = at(served.a, f"training/credentials/{name}")
    assert refused(other.request("GET", place)) == "training.credential_unknown"
    assert refused(other.request("GET", at(served.a, "training/credentials"))) == "forbidden"
    assert refused(browser.request("POST", f"{place}/withdrawal", {})) == "forbidden"


def test_a_course_takes_thirty_minutes_at_most() -> None:
    """As the lessons themselves say, the quiz counted in."""
    text = (ROOT / "portal/src/roles/training/courses.ts").read_text("utf-8")
    _, *courses = text[text.index("COURSES") :].split("quiz: ")
    assert len(courses) == len(COURSES)
    shared = dict(re.findall(r"const (\w+): Lesson = {[^}]*minutes: (\d+)", text))
    listed = text[text.index("COURSES") :].split("quiz: ")
    for before, after in zip(listed, courses, strict=False):
        lessons = before[before.rindex("lessons: [") :]
        own = sum(map(int, re.findall(r"minutes: (\d+)", lessons)))
        own += sum(int(shared[each]) for each in shared if re.search(rf"\b{each}\b", lessons))
        assert 10 < own + int(after.partition(",")[0]) <= 30
