"""A treating doctor corrects a record beside the old one; a patient adds a note, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cast import doctor, invent, patient, room
from stage import Somebody, Stage, command, proof, refused, require, said, say, tell

from chapters.reading import listed


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "correction: a wrong record is corrected, and the wrong one stays provable",
        "correction：更正一条错误记录，原记录仍可证明",
    )
    folder = room("correction")
    who = patient(stage, folder, invent(41, 2)).who
    treating = doctor(stage, folder, stage.a, "doctor", invent(52, 2))
    tell("the doctor treats the patient: an open encounter", "医生正在诊治该患者：就诊已开始")
    command(
        *("organisation", "open-encounter", *stage.a.at_home, "--person", who.id),
        *("--team", treating.id),
    )
    record, content = _measured(treating, who.id)

    tell("the doctor writes the right value beside it", "医生写入正确的数值，与原记录并存")
    quantity = content["valueQuantity"]
    wrong, quantity["value"] = quantity["value"], round(quantity["value"] * 0.9, 1)
    content["note"] = [{"text": said("Tube mixed up; measured again", "标本混淆，已重测")}]
    file = folder / "corrected.json"
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    made = command("organisation", "correct", *treating.at_home, "--record", record, file)
    versions = command("organisation", "versions", *who.at_home, "--record", record)["versions"]
    require(
        [each["record"] for each in versions] == [record, made["record"]]
        and versions[1]["proof"]["replaces"] == record
        and all(each["root"] for each in versions),
        "both versions stand with their proofs, and the new one names the old",
        "两个版本均附证明，新版本指明所替换的旧版本",
    )
    unit = quantity.get("unit", "")
    proof(
        f"{wrong} {unit} → {quantity['value']} {unit}",
        f"{wrong} {unit} → {quantity['value']} {unit}",
    )
    for each in versions:
        proof(
            f"version {each['record']}: {each['status']}, root {each['root']} in block {each['height']}",
            f"版本 {each['record']}：{each['status']}，根 {each['root']}，位于区块 {each['height']}",
        )
    _note(who, treating, made["record"], file)


def _note(who: Somebody, treating: Somebody, record: str, file: Path) -> None:
    tell("the patient may add a note, but not rewrite a finding", "患者可以附注，但不能改写结论")
    text = said("I had eaten before the test.", "我检查前吃过早饭。")
    note = command("organisation", "note", *who.at_home, "--person", who.id, "--text", text)
    shown = command("organisation", "read-own", *treating.at_home, "--record", note["record"])
    require(
        (shown["content"], shown["author"]) == (text, who.id),
        "the doctor reads the patient's note",
        "医生读到患者的附注",
    )
    error = refused("organisation", "correct", *who.at_home, "--record", record, file)
    require(
        error["code"] == "reading.denied",
        "the patient may not correct the doctor's record",
        "患者不得更正医生的记录",
    )


def _measured(treating: Somebody, person: str) -> tuple[str, dict[str, Any]]:
    """Find a laboratory result with a measured value; gives its id and content."""
    entries = [each for each in listed(treating, person) if each["category"] == "laboratory"]
    for each in sorted(entries, key=lambda each: str(each["record"])):
        words = ("read-own", *treating.at_home, "--record", each["record"])
        content: dict[str, Any] = json.loads(command("organisation", *words)["content"])
        if "valueQuantity" in content:
            return each["record"], content
    raise AssertionError("the generator makes laboratory results")
