"""A doctor asks, the patient grants thirty days of one category, and the doctor reads only that."""

from __future__ import annotations

from cast import doctor, invent, patient, room
from stage import Somebody, Stage, command, proof, require, say, tell

from chapters.reading import listed, read

DAY_MS = 86_400_000


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "ask: a doctor asks, the patient grants thirty days, and the doctor reads only that",
        "ask：医生提出请求，患者授权三十天，医生只能读到这些",
    )
    folder = room("ask")
    who = patient(stage, folder, invent(46, 0)).who
    reader = doctor(stage, folder, stage.b, "doctor", invent(51, 1))
    asked = _ask(stage, who, reader)
    grant = _agree(stage, who, reader, asked)

    tell("the doctor reads", "医生读取")
    found = read(reader, grant, folder / "read.ndjson")
    entries = listed(who, who.id)
    laboratory = {each["record"] for each in entries if each["category"] == "laboratory"}
    require(
        bool(laboratory) and found == laboratory,
        "the doctor reads all laboratory records and nothing else",
        "医生读到全部检验记录，且仅此而已",
    )
    proof(
        f"{len(found)} of {len(entries)} records, all of them laboratory; each checked against the chain",
        f"{len(entries)} 条记录中的 {len(found)} 条，全部为检验类，逐条与链上存证核对",
    )


def _ask(stage: Stage, who: Somebody, reader: Somebody) -> str:
    """Ask by the patient's card; gives the question's id."""
    tell(
        "the patient has a card; whoever holds its code may ask, and learns nothing by asking",
        "患者持有一张卡；拿到卡上编码的人可以提出请求，但从请求中得不到任何信息",
    )
    card = command("organisation", "card", *stage.a.at_home, "--person", who.id)
    asked = command(
        "organisation",
        "ask",
        *reader.at_home,
        *("--holder", stage.a.id, "--card-text", card["text"], "--categories", "laboratory"),
        *("--reason", "follow-up", "--days", "30"),
    )
    chain = command("consent", "show", "asks", "--", asked["ask"])["value"]
    proof(
        f"block {asked['height']} has of it: {', '.join(sorted(chain))} – not who is asked, what or why",
        f"区块 {asked['height']} 中只有：{', '.join(sorted(chain))}，看不出问谁、问什么、为什么",
    )
    return str(asked["ask"])


def _agree(stage: Stage, who: Somebody, reader: Somebody, ask: str) -> str:
    """Answer the question with a grant; gives the grant's id."""
    tell("the patient sees the question and answers it", "患者看到请求并作出答复")
    (question,) = command("organisation", "asks", *who.at_home, "--person", who.id)["asks"]
    require(
        (question["ask"], question["asker"], question["status"]) == (ask, reader.id, "waiting"),
        "the question waits for the patient",
        "请求正在等待患者答复",
    )
    given = command(
        "organisation",
        "give",
        *who.at_home,
        *("--person", who.id, "--grantee", stage.b.id, "--practitioner", reader.id),
        *("--categories", ",".join(question["categories"]), "--days", str(question["days"])),
        *("--answers", ask),
    )
    grant = command("consent", "show", "grants", "--", given["grant"])["value"]
    require(
        grant["ends"] - grant["starts"] == 30 * DAY_MS,
        "the grant lasts thirty days",
        "授权为期三十天",
    )
    proof(
        f"grant {given['grant']} in block {given['height']}, signed with the patient's own key",
        f"授权 {given['grant']} 位于区块 {given['height']}，由患者本人的密钥签名",
    )
    return str(given["grant"])
