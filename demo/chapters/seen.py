"""Who saw my data: every reading and every refusal stands in the patient's list, with its proof."""

from __future__ import annotations

from cast import doctor, invent, patient, room
from stage import Somebody, Stage, command, proof, refused, require, say, tell

from chapters.reading import give, listed, read


def play(stage: Stage) -> None:
    """Play the chapter."""
    say("seen: who saw my data", "seen：谁看过我的资料")
    folder = room("seen")
    who = patient(stage, folder, invent(44, 0)).who
    reader = doctor(stage, folder, stage.b, "doctor", invent(51, 3))
    curious = doctor(stage, folder, stage.a, "curious", invent(51, 0))

    tell("one doctor reads with a grant", "一位医生凭授权读取")
    given = give(stage, who, who.id, reader)
    found = read(reader, given["grant"], folder / "read.ndjson")
    tell(
        "another, of hospital A itself, has no part in the treatment and tries a record",
        "另一位是医院甲自己的医生，与治疗无关，也想看一条记录",
    )
    record = min(each["record"] for each in listed(who, who.id))
    error = refused("organisation", "read-own", *curious.at_home, "--record", record)
    require(
        error["code"] == "reading.denied",
        "a doctor without a treatment relation is refused",
        "没有治疗关系的医生被拒绝",
    )

    _list(who, reader, curious, found, record)

    tell("the hospital's audit trail says the same", "医院的审计记录与此一致")
    trail = command("organisation", "audit", *stage.a.at_home, "--actor", curious.id)
    entries = [each["entry"] for each in trail["entries"]]
    require(
        "reading.denied" in {each["refusal"] for each in entries},
        "the audit trail has the refused call",
        "审计记录中有被拒绝的调用",
    )
    (entry,) = (each for each in entries if each["refusal"] == "reading.denied")
    proof(
        f"the call {entry['operation']} of that doctor, answered {entry['status']}",
        f"该医生的调用 {entry['operation']}，答复 {entry['status']}",
    )


def _list(who: Somebody, reader: Somebody, curious: Somebody, found: set[str], record: str) -> None:
    tell("the patient asks who saw", "患者查询谁看过")
    seen = command("organisation", "who-saw", *who.at_home, "--person", who.id)["disclosures"]
    read_by = [each for each in seen if each["reader"]["id"] == reader.id]
    require(
        {name for each in read_by for name in each["records"]} == found
        and {each["outcome"] for each in read_by} == {"permit"},
        "the list has exactly the records that the doctor got",
        "列表与医生读到的记录完全一致",
    )
    denied = [each for each in seen if each["reader"]["id"] == curious.id]
    require(
        [(each["outcome"], each["records"]) for each in denied] == [("deny", [record])],
        "the refused attempt stands in the list too",
        "被拒绝的尝试也在列表中",
    )
    for each in (read_by[0], denied[0]):
        named, reasons = each["reader"], "".join(f" ({name})" for name in each["reasons"])
        proof(
            f"{each['outcome']}{reasons}: {named['name']}, {named['organisation_name']}, "
            f"{each['purpose']}, records: {len(each['records'])}",
            f"{each['outcome']}{reasons}：{named['name']}，{named['organisation_name']}，"
            f"{each['purpose']}，{len(each['records'])} 条记录",
        )
    own = [each for each in seen if each["reader"]["id"] not in (reader.id, curious.id)]
    require(not own, "nobody else saw anything", "此外无人看过")
