"""A mother acts for her child while she is switched on, and the list says who acted for whom."""

from __future__ import annotations

from cast import doctor, in_custody, invent, person, room
from stage import Somebody, Stage, command, proof, refused, require, say, tell

from chapters.reading import give, listed, read


def play(stage: Stage) -> None:
    """Play the chapter."""
    say("child: a mother acts for her child", "child：母亲代孩子行事")
    folder = room("child")
    child, loaded = in_custody(stage, folder, invent(42, 0))
    drawn = invent(45, 0)
    tell(f"{drawn.name}, the mother, has a key of her own", f"母亲 {drawn.name} 有自己的密钥")
    mother = person(stage, folder, "mother", drawn)
    reader = doctor(stage, folder, stage.b, "doctor", invent(52, 3))

    tell("before she is named, she is a stranger", "指定之前，她与外人无异")
    words = ("organisation", "records", *mother.at_home, "--person", child)
    before = refused(*words)
    require(before["code"] == "forbidden", "a stranger lists nothing", "外人什么也看不到")
    ends = ("--ends", "+365d", "--on-behalf-of", child)
    powers = [word for each in ("grant", "read", "revoke") for word in ("--powers", each)]
    named = command(
        *("consent", "name-custodian", *stage.a.on_chain, "--custodian", mother.id),
        *(*powers, *ends),
    )
    entries = listed(mother, child)
    proof(
        f"named in block {named['height']}: she sees {len(entries)} of {loaded['records']} records",
        f"区块 {named['height']} 中指定：她可以看到 {loaded['records']} 条中的 {len(entries)} 条",
    )

    tell("she grants in the child's name, with her own key", "她用自己的密钥代孩子授权")
    given = give(stage, mother, child, reader)
    found = read(reader, given["grant"], folder / "read.ndjson")
    (grant,) = command("organisation", "grants", *stage.a.at_home, "--person", child)["grants"]
    require(
        bool(found) and grant["by"] == mother.id,
        "the grant opens records, and says that the mother gave it",
        "授权可以打开记录，并写明由母亲作出",
    )
    proof(
        f"{len(found)} records read under a grant given by {mother.id} on behalf of {child}",
        f"凭授权读取 {len(found)} 条；授权由 {mother.id} 代 {child} 作出",
    )
    _switch_off(stage, mother, child, given["grant"])


def _switch_off(stage: Stage, mother: Somebody, child: str, grant: str) -> None:
    tell("switched off, she is a stranger again, at once", "关闭之后，立即又与外人无异")
    switch = ("consent", "switch-custodian", *stage.a.on_chain, "--custodian", mother.id)
    command(*switch, "--no-on", "--on-behalf-of", child)
    after = refused("organisation", "records", *mother.at_home, "--person", child)
    revoke = ("consent", "revoke", *mother.on_chain, "--grant", grant)
    chain = refused(*revoke, "--on-behalf-of", child)
    require(
        (after["code"], chain["code"]) == ("forbidden", "identity.not_custodian"),
        "gateway and chain both refuse her",
        "网关和链都拒绝她",
    )
