"""A doctor breaks the glass, reads the emergency set alone, and somebody else judges it."""

from __future__ import annotations

import json
from pathlib import Path

from cast import doctor, in_custody, invent, room
from stage import Somebody, Stage, command, proof, refused, require, said, say, tell

OPENED = {
    "AllergyIntolerance",
    "Condition",
    "Immunization",
    "MedicationAdministration",
    "MedicationRequest",
    "MedicationStatement",
    "Patient",
}
"""The resource types of the emergency set, where the person has chosen no other."""


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "emergency: a doctor breaks the glass; the patient is told, and a colleague judges it",
        "emergency：医生紧急调阅；患者得到通知，并由另一位医生复核",
    )
    folder = room("emergency")
    person, loaded = in_custody(stage, folder, invent(44, 3))
    reader = doctor(stage, folder, stage.b, "doctor", invent(52, 0))
    reviewer = doctor(stage, folder, stage.b, "reviewer", invent(52, 1))
    access = _break(stage, folder, reader, person, loaded["records"])

    tell("the patient is told", "患者得到通知")
    told = command("organisation", "notices", *stage.a.at_home, "--person", person)["notices"]
    require(
        "glass_broken" in {each["kind"] for each in told},
        "a notice of the emergency access lies in the patient's inbox",
        "患者收件箱中有紧急调阅通知",
    )
    (notice,) = (each for each in told if each["kind"] == "glass_broken")
    proof(f"{notice['title']}: {notice['body']}", f"{notice['title']}：{notice['body']}")
    _review(access, reader, reviewer)


def _break(stage: Stage, folder: Path, reader: Somebody, person: str, records: int) -> str:
    """Open the emergency set and read it; gives the access's id."""
    tell("nobody can be asked, so the doctor says why", "无人可问，医生写明理由")
    out = folder / "emergency.ndjson"
    made = command(
        "organisation",
        "break-glass",
        *reader.at_home,
        *("--holder", stage.a.id, "--person", person, "--reason", "unable_to_consent"),
        *("--text", said("Unconscious after a fall", "跌倒后昏迷")),
        *("--minutes", "30", "--out", out),
    )
    kinds = {json.loads(line)["resourceType"] for line in out.read_text("utf-8").splitlines()}
    require(
        bool(kinds) and kinds <= OPENED,
        "the emergency set opened, and nothing else",
        "只打开了急救所需的资料",
    )
    opened = command("consent", "show", "emergencies", "--", made["access"])["value"]["opened"]
    seen = command("organisation", "who-saw", *stage.a.at_home, "--person", person)["disclosures"]
    times = [each["time"] for each in seen if each["reader"]["id"] == reader.id]
    require(
        bool(times) and min(times) >= opened,
        "the chain had the access before the first record was released",
        "先上链，后放行",
    )
    proof(
        f"{len(made['records'])} of {records} records: {', '.join(sorted(kinds))}; "
        f"on the chain {min(times) - opened} ms before the first was released",
        f"{records} 条中的 {len(made['records'])} 条：{', '.join(sorted(kinds))}；"
        f"上链 {min(times) - opened} 毫秒之后才放行第一条",
    )
    return str(made["access"])


def _review(access: str, reader: Somebody, reviewer: Somebody) -> None:
    tell("it waits for review, and nobody judges their own", "等待复核，且不得自己复核自己")
    words = ("--access", access, "--finding", "justified")
    text = ("--text", said("The admission note says so", "入院记录属实"))
    queue = command("organisation", "emergencies", *reviewer.at_home)["accesses"]
    require(
        [each["finding"] for each in queue if each["access"] == access] == [None],
        "the access waits for review",
        "该次调阅等待复核",
    )
    error = refused("organisation", "review-emergency", *reader.at_home, *words, *text)
    require(
        error["code"] == "consent.may_not_review",
        "the reader may not review their own access",
        "调阅者不得复核自己的调阅",
    )
    command("organisation", "review-emergency", *reviewer.at_home, *words, *text)
    finding = command("consent", "show", "emergencies", "--", access)["value"]
    require(
        (finding["finding"], finding["reviewer"]) == ("justified", reviewer.id),
        "the chain has the finding and who made it",
        "链上有复核结论和复核人",
    )
    proof("judged on the chain: justified", "复核结论已上链：justified")
