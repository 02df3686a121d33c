"""The patient takes a grant back with their own key, and the next reading is refused."""

from __future__ import annotations

from cast import doctor, invent, patient, room
from stage import Stage, command, proof, refused, require, say, tell

from chapters.reading import give, read


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "revoke: the patient takes a grant back, and the next reading is refused",
        "revoke：患者收回授权，下一次读取即被拒绝",
    )
    folder = room("revoke")
    who = patient(stage, folder, invent(46, 3)).who
    reader = doctor(stage, folder, stage.b, "doctor", invent(51, 2))
    tell("the patient grants, and the doctor reads", "患者授权，医生读取")
    given = give(stage, who, who.id, reader)
    found = read(reader, given["grant"], folder / "read.ndjson")
    require(bool(found), "the grant opens records", "授权可以打开记录")

    tell("one signature of the patient takes it back", "患者签一次名即可收回")
    taken = command("consent", "revoke", *who.on_chain, "--grant", given["grant"])
    error = refused("organisation", "read", *reader.at_home, "--grant", given["grant"])
    require(
        "grant_not_active" in str(error["parameters"].get("reasons", error["code"])),
        "the doctor's next reading is refused because the grant is not active",
        "医生的下一次读取因授权失效而被拒绝",
    )
    value = command("consent", "show", "--proof", "grants", "--", given["grant"])["value"]
    require(
        value["revoked"] == taken["height"],
        "the chain says in which block it ended",
        "链上写明在哪个区块失效",
    )
    (own,) = command("organisation", "grants", *who.at_home, "--person", who.id)["grants"]
    require(own["status"] == "revoked", "the patient sees it as taken back", "患者看到已收回")
    proof(
        f"revoked in block {taken['height']}, with a state proof; the {len(found)} records read before, "
        "the doctor has: no ledger takes that back",
        f"自区块 {taken['height']} 起失效，附状态证明；此前读到的 {len(found)} 条仍在医生手里，没有账本能收回",
    )
