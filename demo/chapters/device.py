"""A device is lost: two of three guardians bring back the key, and then the reading."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from cast import Patient, decide, invent, patient, room, write
from stage import Somebody, Stage, command, proof, refused, require, say, tell

WAIT_MS = 2_000


class Guardian(NamedTuple):
    """A guardian: signing key and salt, and the two halves of the reading key."""

    id: str
    key: Path
    salt: str
    commitment: str
    reading: Path
    public: Path


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "device: the device is lost; two of three guardians bring back key and reading",
        "device：设备丢失；三位监护人中的两位即可找回密钥和阅读能力",
    )
    folder = room("device")
    owner = patient(stage, folder, invent(43, 1))
    guardians = _name_guardians(folder, owner.who)
    shares = _share_reading(folder, owner.who, guardians)
    _shorten_the_wait(stage)
    new = _recover_key(stage, folder, owner.who, guardians[:2])
    _read_again(folder, new, owner, list(zip(guardians, shares, strict=True))[:2])


def _name_guardians(folder: Path, who: Somebody) -> list[Guardian]:
    tell(
        "while all is well: three guardians are named, as salted commitments",
        "平时：指定三位监护人，链上只有加盐承诺值",
    )
    guardians = []
    for number in (1, 2, 3):
        key = folder / f"guardian-{number}.key"
        command("keys", "new", key, "--plain")
        made = command("keys", "guardian", key)
        reading, public = folder / f"reading-{number}.key", folder / f"reading-{number}.json"
        command("organisation", "reading-key", reading, "--public", public)
        name = command("keys", "id")["id"]
        guardians.append(Guardian(name, key, made["salt"], made["commitment"], reading, public))
    named = [word for each in guardians for word in ("--guardians", each.commitment)]
    command("identity", "set-guardians", *who.on_chain, "--threshold", "2", *named)
    return guardians


def _share_reading(folder: Path, who: Somebody, guardians: list[Guardian]) -> list[Path]:
    tell(
        "the reading keys are sealed under a secret that the three share",
        "阅读密钥用三人分持的秘密封存",
    )
    out = folder / "shares"
    given = [word for each in guardians for word in ("--guardian", f"{each.id}={each.public}")]
    words = ("guard-reading", *who.at_home, "--person", who.id, "--threshold", "2")
    made = command("organisation", *words, *given, "--out", out)
    names = ",".join(each.id for each in guardians)
    words = ("shares-handed-over", *who.at_home, "--person", who.id)
    done = command("organisation", *words, "--bundle", str(made["number"]), "--guardians", names)
    require(done["stands"], "the bundle stands", "密钥包已生效")
    return [out / f"{made['number']}-{each.id}.json" for each in guardians]


def _shorten_the_wait(stage: Stage) -> None:
    tell(
        "a new key waits 24 hours, so that the old one can cancel; for this story alone the members "
        "vote the wait down to two seconds",
        "新密钥要等 24 小时才生效，以便旧密钥撤销；仅为演示，成员投票把等待时间降到两秒",
    )
    chosen = ("--action", "set_parameter", "--name", "recovery_delay_ms", "--value", str(WAIT_MS))
    height = decide(stage, *chosen)
    proof(f"decided in block {height}", f"区块 {height} 中通过")


def _recover_key(stage: Stage, folder: Path, lost: Somebody, approving: list[Guardian]) -> Somebody:
    tell("the device is gone; a new one makes a key", "设备丢了；新设备生成新密钥")
    key = folder / "new.key"
    command("keys", "new", key, "--plain")
    recovery = command("keys", "id")["id"]
    approvals: list[str | Path] = []
    for number, each in enumerate(approving, 1):
        words = ("--recovery", recovery, "--person", lost.id, "--new-key", key)
        made = command("keys", "approve", each.key, *words, "--salt", each.salt)
        approvals += ("--approvals", write(folder / f"approval-{number}.json", made))
    asked = ("identity", "propose-recovery", *stage.a.on_chain, "--recovery", recovery)
    whose = ("--person", lost.id, "--new-key", key)
    few = refused(*asked, *whose, *approvals[:2])
    require(
        few["code"] == "identity.not_enough_guardians",
        "one guardian alone does not suffice",
        "仅一位监护人不够",
    )
    command(*asked, *whose, *approvals)
    value = _waited(recovery)
    require(
        value.get("status") == "done", "the new key counts after the wait", "等待期满后新密钥生效"
    )
    proof("the new key counts", "新密钥已生效")
    old = refused("organisation", "grants", *lost.at_home, "--person", lost.id)
    require(old["code"] == "key_revoked", "the lost key is dead", "丢失的密钥已失效")
    return lost._replace(key=key)


def _waited(recovery: str) -> dict[str, Any]:
    """Ask for a recovery until the chain's own timer has ended it, for a minute at most."""
    value: dict[str, Any] = {}
    until = time.monotonic() + 60
    time.sleep(WAIT_MS / 1000)
    while time.monotonic() < until:
        value = command("identity", "show", "recoveries", "--", recovery)["value"]
        if value.get("status", "waiting") != "waiting":
            break
        time.sleep(1)
    return value


def _read_again(
    folder: Path, new: Somebody, owner: Patient, held: list[tuple[Guardian, Path]]
) -> None:
    tell(
        "the two guardians hand their shares back for a new reading key, and the records open",
        "两位监护人把份额交还给新的阅读密钥，病历重新打开",
    )
    reading, public = folder / "reading-new.key", folder / "reading-new.json"
    command("organisation", "reading-key", reading, "--public", public)
    answers: list[str | Path] = []
    for number, (guardian, share) in enumerate(held, 1):
        answer = folder / f"answer-{number}.json"
        words = ("--reading-key", guardian.reading, "--recipient", public, "--out", answer)
        command("organisation", "hand-back", share, *words)
        answers += ("--answer", answer)
    whose = ("--person", new.id, "--reading-key", reading)
    out = folder / "read.ndjson"
    found = command("organisation", "read-again", *new.at_home, *whose, *answers, "--out", out)
    require(
        len(found["records"]) == owner.records,
        "every record opens again on the new device",
        "新设备上每条记录都能重新打开",
    )
    proof(
        f"{len(found['records'])} records opened on the new device, each checked against the chain",
        f"新设备上打开 {len(found['records'])} 条记录，逐条与链上存证核对",
    )
