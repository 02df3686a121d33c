"""`make demo`: a node, two hospitals, whole patients, one sharing, people's own stories, and proof.

Each step prints the command that anyone can run, and what it answered. DATA=folder takes your own
FHIR R4 bundles; ONCE=1 ends instead of leaving the node up; PORT= chooses the port. CHAPTER=name,name
plays only those chapters (see `chapters`), CHAPTER=none only the numbered steps.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import chapters
from cast import tag
from stage import (
    DEMO,
    NODE,
    ROOT,
    Somebody,
    Stage,
    Traders,
    Up,
    command,
    proof,
    require,
    said,
    say,
    see,
    show,
    up,
    write_story,
)

HOSPITAL_A = "hospital:云溪市第一人民医院:H-A-0001"
HOSPITAL_B = "hospital:Lakeside General Hospital:H-B-0002"
AUTHORITY = "authority:云溪市卫生健康委员会:A-0003"
TRADERS = (
    "maker:云溪制药有限公司:M-0004",
    "distributor:Northgate Wholesale:W-0005",
    "pharmacy:河滨药房:P-0006",
    "regulator:云溪市药品监督管理局:R-0007",
)
FOUNDERS = [
    word
    for each in (HOSPITAL_A, HOSPITAL_B, AUTHORITY, *TRADERS)
    for word in ("--organisation", each)
]


def data() -> Path:
    """Find the patients: DATA, the published Synthea bundles beside the clone, or our own."""
    if os.environ.get("DATA"):
        return Path(os.environ["DATA"])
    shared = Path(os.environ.get("YILIAN_SHARED", ROOT.parent / "shared"))
    folder = DEMO / "patients"
    folder.mkdir(parents=True)
    synthea = shared / "data" / "fhir" / "synthea"
    if synthea.is_dir():
        for each in sorted(synthea.glob("*-*-*-*-*.json.gz")):
            shutil.copy(each, folder)
    from yilian.gateway.fhir import sample

    sample.write(folder, seed=7, count=6 if synthea.is_dir() else 20, language="mixed")
    return folder


def main() -> None:
    start = time.monotonic()
    wanted = os.environ.get("CHAPTER")
    names = chapters.chosen(wanted)
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()

    say(
        "1. A node with two hospitals, a licensing authority, and those who trade in medicines",
        "1. 一个节点、两家医院、一个发证机关，以及药品流通各方",
    )
    made = command("init", NODE, *FOUNDERS)
    a, b, authority, *traders = (
        Somebody(each["id"], Path(each["operator_key"]), each["id"], each["name"])
        for each in made["organisations"]
    )
    stage = Stage(a, b, authority, Traders(*traders))
    node = up()
    try:
        # Whoever names chapters wants those; the numbered steps are the story without them.
        whole = not (wanted and names)
        played = story(stage) if whole else None
        chapters.play(names, stage)
    finally:
        node.stop()
    if played is not None:
        after(played.receipt, stage)
    node = up()
    try:
        if played is not None:
            invite(stage, played)
    except BaseException:
        node.stop()
        raise
    leave(node, time.monotonic() - start)


def invite(stage: Stage, played: Played) -> None:
    """Give links by which people of the story sign in to the portal."""
    say(
        "10. People of the story are invited to the portal; each link makes one passkey",
        "10. 邀请故事中的人登录门户；每个链接可建立一把通行密钥",
    )
    people = (
        ("the patient", "患者", stage.a, played.patient),
        ("the doctor", "医生", stage.b, played.doctor),
        ("hospital A's operator", "医院甲的管理员", stage.a, stage.a.id),
        (
            "the pharmacy's operator",
            "药店的管理员",
            stage.traders.pharmacy,
            stage.traders.pharmacy.id,
        ),
        ("the regulator", "监管机构", stage.traders.regulator, stage.traders.regulator.id),
    )
    invited = []
    for english, chinese, home, subject in people:
        words = ("organisation", "invite", *home.at_home, "--subject", subject)
        link = command(*words)["link"]
        proof(f"{english}: {link}", f"{chinese}：{link}")
        invited.append({"who": {"en": english, "zh-CN": chinese}, "link": link})
    write_story(invited)


def leave(node: Up, took: float) -> None:
    """Leave the node up until Ctrl-C, or end it where ONCE is set."""
    say(f"Done in {took:.0f} s.", f"完成，用时 {took:.0f} 秒。")
    if os.environ.get("ONCE"):
        node.stop()
        return
    port = node.answer["address"].rpartition(":")[2]
    language = said("en", "zh-CN")
    proof(
        f"Open http://localhost:{port}/{language}/story in a browser: this story and its people — stop it with Ctrl-C.",
        f"请在浏览器中打开 http://localhost:{port}/{language}/story：故事全程与其中的人物；按 Ctrl-C 停止。",
    )
    try:
        node.process.wait()
    except KeyboardInterrupt:
        node.stop()


class Played(NamedTuple):
    """What the numbered steps left: the receipt's file, the patient, the doctor."""

    receipt: Path
    patient: str
    doctor: str


def story(stage: Stage) -> Played:
    """Steps 2 to 6, with the node up."""
    first = take_in(stage)
    doctor = a_doctor(stage)
    shared = share_and_read(stage, first["person"], doctor)
    say(
        "6. A receipt, and what a verifier must be given to trust",
        "6. 取得回执和验证所需的信任文件",
    )
    receipt, trust = DEMO / "receipt.json", DEMO / "trust.json"
    command("receipt", shared["transaction"], "--out", receipt, "--save-trust", trust)
    return Played(receipt, first["person"], doctor.id)


def take_in(stage: Stage) -> dict[str, Any]:
    """Take in the bulk; gives how the first patient's bundle was loaded."""
    say(
        "2. Hospital A takes in whole patients: every resource encrypted, and anchored in batches",
        "2. 医院甲接收完整患者资料：逐条加密，按批上链存证",
    )
    loaded = command("organisation", "load", data(), *stage.a.at_home)
    proof(
        f"{loaded['bundles']} patients, {loaded['records']} records, "
        f"{loaded['records'] / loaded['seconds']:.0f} records/s",
        f"{loaded['bundles']} 名患者，{loaded['records']} 条记录，"
        f"每秒 {loaded['records'] / loaded['seconds']:.0f} 条",
    )
    first: dict[str, Any] = loaded["loaded"][0]
    anchored = command("records", "show", "--proof", "batches", "--", first["batch"])
    proof(
        f"batch {first['batch']}: root {anchored['value']['root']} in block {first['height']}",
        f"批次 {first['batch']}：根 {anchored['value']['root']}，位于区块 {first['height']}",
    )
    see(f"explorer/blocks/{first['height']}")
    return first


def a_doctor(stage: Stage) -> Somebody:
    """Give a doctor of hospital B a key, an id and a licence."""
    say(
        "3. A doctor of hospital B gets a key, an id and a licence",
        "3. 医院乙的医生取得密钥、标识和执业许可",
    )
    file = DEMO / "doctor.key"
    key = command("keys", "new", file, "--plain")
    enrolled = command(
        *("identity", "enrol-practitioner", *stage.b.on_chain),
        *("--new-key", file, "--tag", tag()),
    )
    doctor = enrolled["new"]["practitioner"]
    command(
        *("identity", "issue-licence", *stage.authority.on_chain),
        *("--practitioner", doctor, "--profession", "physician", "--ends", "+365d"),
    )
    proof(
        f"did:yilian:yilian:{doctor}  key {key['key_id']}",
        f"did:yilian:yilian:{doctor}  密钥 {key['key_id']}",
    )
    see(f"explorer/subjects/{doctor}")
    return Somebody(doctor, file, stage.b.id, "")


def share_and_read(stage: Stage, person: str, doctor: Somebody) -> dict[str, Any]:
    """Share one patient's laboratory results with the doctor, who reads them; gives the grant."""
    say(
        "4. One patient's laboratory results are shared with that doctor, for thirty days",
        "4. 将一名患者的检验结果共享给该医生，为期三十天",
    )
    shared = command(
        *("organisation", "share", *stage.a.at_home, "--person", person),
        *("--grantee", stage.b.id, "--practitioner", doctor.id),
        *("--categories", "laboratory", "--days", "30"),
    )
    proof(
        f"grant {shared['grant']} in block {shared['height']}; on the chain only a commitment: who, what and why stay off it",
        f"授权 {shared['grant']} 位于区块 {shared['height']}；链上只有承诺值，不含对象、内容和目的",
    )
    see(f"explorer/grants/{shared['grant']}")
    say(
        "5. The doctor reads them; each record is checked against the chain",
        "5. 医生读取；逐条与链上存证核对",
    )
    out = DEMO / "laboratory.ndjson"
    words = ("--grant", shared["grant"], "--out", out)
    read = command("organisation", "read", *doctor.at_home, *words)
    kinds = sorted(
        {json.loads(line)["resourceType"] for line in out.read_text("utf-8").splitlines()}
    )
    proof(
        f"{len(read['records'])} records, only {', '.join(kinds)}; the reading itself is journalled and anchored",
        f"{len(read['records'])} 条记录，仅含 {', '.join(kinds)}；本次读取已写入日志并上链",
    )
    return shared


def after(receipt: Path, stage: Stage) -> None:
    """With the node stopped: verify, flip one byte, find it, put it back."""
    say(
        "7. The node is stopped. A stranger verifies the receipt with one file of Python",
        "7. 节点已停止。陌生人用一个 Python 文件验证回执",
    )
    verifier = ROOT / "src" / "yilian" / "sdk" / "verify.py"
    words: list[str | Path] = [verifier, receipt, "--trust", DEMO / "trust.json"]
    show("python", *words)
    subprocess.run([sys.executable, "-I", *map(str, words)], cwd=ROOT, check=True)
    flip_a_record(stage)
    flip_a_block()


def flip_a_record(stage: Stage) -> None:
    say(
        "8. One byte of a stored record is flipped, and found",
        "8. 翻转一条已存记录的一个字节，并将其找出",
    )
    payload = largest(NODE / "organisations" / stage.a.id / "payloads", ".pack")
    flip(payload)
    node = up()
    found = command("organisation", "check", *stage.a.at_home, expect=1)
    (damaged,) = found["damaged"]
    proof(
        f"named: {damaged['subject']} {damaged['id']}",
        f"已指出：{damaged['subject']} {damaged['id']}",
    )
    node.stop()
    flip(payload)


def flip_a_block() -> None:
    say(
        "9. One byte of a stored block is flipped, and found; the node refuses to serve it",
        "9. 翻转一个已存区块的一个字节，并将其找出；节点拒绝对外服务",
    )
    block = largest(NODE / "chain", ".sst")
    with tempfile.TemporaryDirectory(dir=DEMO) as scratch:
        shutil.copy(block, scratch)
        flip(block)
        answer = command("node", "check", NODE, expect=1)
        proof(answer["error"]["title"], answer["error"]["title"])
        refused = command("up", NODE, "--port", "0", expect=4)
        require(not refused["ok"], "the node refuses to serve it", "节点拒绝对外服务")
        proof("the node refuses to serve it", "节点拒绝对外服务")
        shutil.copy(Path(scratch) / block.name, block)
    command("node", "check", NODE)
    proof("put back: all is well", "已复原：一切完好")


def largest(folder: Path, suffix: str = "") -> Path:
    files = [each for each in folder.rglob(f"*{suffix}") if each.is_file()]
    return max(files, key=lambda each: each.stat().st_size)


def flip(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.seek(file.stat().st_size // 3)
        byte = handle.read(1)
        handle.seek(-1, os.SEEK_CUR)
        handle.write(bytes([byte[0] ^ 1]))


if __name__ == "__main__":
    # However it ends, what it started ends with it: `atexit` runs after both.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
