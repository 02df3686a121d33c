"""A patient is forgotten: what no law keeps is destroyed, what a law keeps is sealed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cast import invent, patient, room
from stage import Somebody, Stage, command, proof, refused, require, said, say, tell

from chapters.reading import listed


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "erasure: what no law keeps is destroyed, what a law keeps is sealed",
        "erasure：法律不要求保存的予以销毁，要求保存的予以封存",
    )
    tell(
        "time cannot be waited for here: the patient's own note has no term of retention and stands "
        "for a record whose term is over; the clinical records are inside theirs",
        "演示中等不到期限届满：患者自己的附注没有保存期限，代表期满的记录；病历则尚在保存期内",
    )
    folder = room("erasure")
    owner = patient(stage, folder, invent(41, 1))
    who = owner.who
    text = ("--text", said("I would rather forget this.", "这件事我不想再提。"))
    noted = command("organisation", "note", *who.at_home, "--person", who.id, *text)
    note, batch = noted["record"], ("records", "show", "batches", "--", noted["batch"])
    clinical = min(each["record"] for each in listed(who, who.id) if each["record"] != note)
    before = command(*batch)["value"]["root"]

    _erase(who, note, owner.records)
    _opens_no_more(stage, who, note, clinical, folder / "duty.json")

    tell("old proofs still verify", "旧的证明仍然有效")
    receipt, trust = folder / "receipt.json", folder / "trust.json"
    command("receipt", owner.transaction, "--out", receipt, "--save-trust", trust)
    command("verify", receipt, "--trust", trust)
    after = command(*batch)["value"]["root"]
    require(
        before == after,
        "the root of the destroyed note is as it was",
        "已销毁附注所在批次的根未变",
    )
    proof(
        f"VERIFIED; root {after} stands, and what it commits to is gone",
        f"验证通过；根 {after} 仍在，其内容已不存在",
    )


def _erase(who: Somebody, note: str, records: int) -> None:
    tell("one command of the patient erases all of it", "患者一条命令即可抹除全部")
    done = command("organisation", "erase", *who.at_home, "--person", who.id)
    parts = {each["certificate"]["extent"]: each for each in done["parts"]}
    require(
        {each["record"] for each in parts["destroyed"]["certificate"]["records"]} == {note}
        and len(parts["sealed"]["certificate"]["records"]) == records,
        "the note is destroyed, and every clinical record is sealed",
        "附注已销毁，病历全部封存",
    )
    until = datetime.fromtimestamp(parts["sealed"]["certificate"]["until"] / 1000, UTC)
    proof(
        f"destroyed: 1 record (block {parts['destroyed']['height']}); sealed until {until:%Y-%m-%d}: "
        f"{records} records (block {parts['sealed']['height']})",
        f"销毁：1 条（区块 {parts['destroyed']['height']}）；封存至 {until:%Y-%m-%d}："
        f"{records} 条（区块 {parts['sealed']['height']}）",
    )


def _opens_no_more(stage: Stage, who: Somebody, note: str, clinical: str, out: Path) -> None:
    tell(
        "neither opens again for anybody's treatment or curiosity", "此后无论治疗还是好奇，都打不开"
    )
    gone = refused("organisation", "read-own", *who.at_home, "--record", note)
    sealed = refused("organisation", "read-own", *who.at_home, "--record", clinical)
    require(
        gone["code"] in ("reading.denied", "vault_record_unknown")
        and "record_sealed" in str(sealed["parameters"].get("reasons")),
        "the note is gone, and the sealed record says that it is sealed",
        "附注已不存在，封存的记录注明已封存",
    )
    tell(
        "for its duty to keep the hospital still opens the sealed record, and never the note",
        "医院为履行保存义务仍可打开封存的病历，附注则永远打不开",
    )
    duty = ("--purpose", "retention-duty")
    words = ("organisation", "read-own", *stage.a.at_home, "--record")
    kept = command(*words, clinical, *duty, "--out", out)
    lost = refused(*words, note, *duty)
    require(
        kept["status"] == "sealed" and lost["code"] in ("reading.denied", "vault_record_unknown"),
        "the sealed record opens for the duty to keep, and the destroyed one does not",
        "封存的病历可为保存义务打开，已销毁的不能",
    )
