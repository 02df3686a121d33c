"""`make demo`: a node, two hospitals, whole patients, one sharing, and proof of every step.

Each step prints the command that anyone can run, and what it answered. DATA=folder takes your own
FHIR R4 bundles; ONCE=1 ends instead of leaving the node up; PORT= chooses the port.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DEMO = ROOT / ".demo"
NODE = DEMO / "node"
CHINESE = os.environ.get("YILIAN_LANGUAGE", os.environ.get("LANG", "")).lower().startswith("zh")

HOSPITAL_A = "hospital:云溪市第一人民医院:H-A-0001"
HOSPITAL_B = "hospital:Lakeside General Hospital:H-B-0002"
AUTHORITY = "authority:云溪市卫生健康委员会:A-0003"
FOUNDERS = [
    word for each in (HOSPITAL_A, HOSPITAL_B, AUTHORITY) for word in ("--organisation", each)
]


def say(english: str, chinese: str) -> None:
    print(
        f"\n\033[1m{chinese if CHINESE else english}\033[0m"
        if sys.stdout.isatty()
        else f"\n== {chinese if CHINESE else english}",
        flush=True,
    )


def proof(english: str, chinese: str) -> None:
    print(f"   {chinese if CHINESE else english}", flush=True)


def command(*words: str | Path, expect: int = 0, quiet: bool = False) -> dict[str, Any]:
    """Run a command as it is printed; gives what `--json` answered."""
    shown = ["yilian", *(str(each).replace(f"{ROOT}/", "") for each in words)]
    if not quiet:
        print(f"   $ {shlex.join(shown)}", flush=True)
    ran = subprocess.run(
        [str(BIN / "yilian"), *map(str, words), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != expect:
        sys.exit(f"   exit code {ran.returncode}, expected {expect}\n{ran.stdout}{ran.stderr}")
    return dict(json.loads(ran.stdout))


class Up:
    """A running node and its address."""

    def __init__(self, port: int) -> None:
        self.log = (DEMO / "node.log").open("ab")
        self.process = subprocess.Popen(
            [str(BIN / "yilian"), "up", str(NODE), "--port", str(port), "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        self.answer = json.loads(self.process.stdout.readline() or "{}")

        atexit.register(self.stop)

    def stop(self) -> None:
        """End the node and wait until its stores are closed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


def up() -> Up:
    """Start the node at PORT, or at a free port where that one is taken."""
    shown = NODE.relative_to(ROOT)
    wanted = int(os.environ.get("PORT", "8420"))
    for port in (wanted, 0):
        print(f"   $ yilian up {shown}" + (f" --port {port}" if port != 8420 else ""), flush=True)
        started = Up(port)
        if started.answer.get("ok"):
            os.environ["YILIAN_NODE"] = started.answer["address"]
            return started
        proof(f"port {port} is taken; taking a free one", f"端口 {port} 已被占用;改用空闲端口")
    sys.exit(f"   the node does not start; see {DEMO.relative_to(ROOT)}/node.log")


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
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()

    say(
        "1. A node with two hospitals and a licensing authority",
        "1. 一个节点、两家医院、一个发证机关",
    )
    made = command(
        "init",
        NODE,
        *FOUNDERS,
    )
    a, b, authority = made["organisations"]
    node = up()
    try:
        receipt = story(a, b, authority)
    finally:
        node.stop()
    after(receipt, a)
    node = up()
    took = time.monotonic() - start
    say(f"Done in {took:.0f} s.", f"完成,用时 {took:.0f} 秒。")
    if os.environ.get("ONCE"):
        node.stop()
        return
    proof(
        f"The node serves at {node.answer['address']}/docs — stop it with Ctrl-C.",
        f"节点地址 {node.answer['address']}/docs,按 Ctrl-C 停止。",
    )
    try:
        node.process.wait()
    except KeyboardInterrupt:
        node.stop()


def story(a: dict[str, Any], b: dict[str, Any], authority: dict[str, Any]) -> Path:
    as_a = ("--organisation", a["id"], "--sender", a["id"], "--key", a["operator_key"])
    say(
        "2. Hospital A takes in whole patients: every resource encrypted, and anchored in batches",
        "2. 医院甲接收完整患者资料:逐条加密,按批上链存证",
    )
    loaded = command("organisation", "load", data(), *as_a)
    proof(
        f"{loaded['bundles']} patients, {loaded['records']} records, "
        f"{loaded['records'] / loaded['seconds']:.0f} records/s",
        f"{loaded['bundles']} 名患者,{loaded['records']} 条记录,"
        f"每秒 {loaded['records'] / loaded['seconds']:.0f} 条",
    )
    first = loaded["loaded"][0]
    anchored = command("records", "show", "batches", first["batch"], "--proof")
    proof(
        f"batch {first['batch']}: root {anchored['value']['root']} in block {first['height']}",
        f"批次 {first['batch']}:根 {anchored['value']['root']},位于区块 {first['height']}",
    )

    say(
        "3. A doctor of hospital B gets a key, an id and a licence",
        "3. 医院乙的医生取得密钥、标识和执业许可",
    )
    doctor_key = DEMO / "doctor.key"
    key = command("keys", "new", doctor_key, "--plain")
    enrolled = command(
        "identity",
        "enrol-practitioner",
        "--key",
        b["operator_key"],
        "--sender",
        b["id"],
        "--new-key",
        doctor_key,
        "--tag",
        tag(),
    )
    doctor = enrolled["new"]["practitioner"]
    command(
        "identity",
        "issue-licence",
        "--key",
        authority["operator_key"],
        "--sender",
        authority["id"],
        "--practitioner",
        doctor,
        "--profession",
        "physician",
        "--ends",
        "+365d",
    )
    proof(
        f"did:yilian:yilian:{doctor}  key {key['key_id']}",
        f"did:yilian:yilian:{doctor}  密钥 {key['key_id']}",
    )

    say(
        "4. One patient's laboratory results are shared with that doctor, for thirty days",
        "4. 将一名患者的检验结果共享给该医生,为期三十天",
    )
    shared = command(
        "organisation",
        "share",
        *as_a,
        "--person",
        first["person"],
        "--grantee",
        b["id"],
        "--practitioner",
        doctor,
        "--categories",
        "laboratory",
        "--days",
        "30",
    )
    proof(
        f"grant {shared['grant']} in block {shared['height']}; on the chain only a commitment: who, what and why stay off it",
        f"授权 {shared['grant']} 位于区块 {shared['height']};链上只有承诺值,不含对象、内容和目的",
    )

    say(
        "5. The doctor reads them; each record is checked against the chain",
        "5. 医生读取;逐条与链上存证核对",
    )
    out = DEMO / "laboratory.ndjson"
    read = command(
        "organisation",
        "read",
        "--organisation",
        b["id"],
        "--sender",
        doctor,
        "--key",
        doctor_key,
        "--grant",
        shared["grant"],
        "--out",
        out,
    )
    kinds = sorted(
        {json.loads(line)["resourceType"] for line in out.read_text("utf-8").splitlines()}
    )
    proof(
        f"{len(read['records'])} records, only {', '.join(kinds)}; the reading itself is journalled and anchored",
        f"{len(read['records'])} 条记录,仅含 {', '.join(kinds)};本次读取已写入日志并上链",
    )

    say(
        "6. A receipt, and what a verifier must be given to trust",
        "6. 取得回执和验证所需的信任文件",
    )
    receipt, trust = DEMO / "receipt.json", DEMO / "trust.json"
    command("receipt", shared["transaction"], "--out", receipt, "--save-trust", trust)
    return receipt


def after(receipt: Path, a: dict[str, Any]) -> None:
    """With the node stopped: verify, flip one byte, find it, put it back."""
    trust = DEMO / "trust.json"
    say(
        "7. The node is stopped. A stranger verifies the receipt with one file of Python",
        "7. 节点已停止。陌生人用一个 Python 文件验证回执",
    )
    verifier = ROOT / "src" / "yilian" / "sdk" / "verify.py"
    words = [
        verifier.relative_to(ROOT),
        receipt.relative_to(ROOT),
        "--trust",
        trust.relative_to(ROOT),
    ]
    print(f"   $ python {shlex.join(map(str, words))}", flush=True)
    subprocess.run([sys.executable, "-I", *map(str, words)], cwd=ROOT, check=True)

    say(
        "8. One byte of a stored record is flipped, and found",
        "8. 翻转一条已存记录的一个字节,并将其找出",
    )
    payload = largest(NODE / "organisations" / a["id"] / "payloads", ".pack")
    flip(payload)
    node = up()
    words_a = ("--organisation", a["id"], "--sender", a["id"], "--key", a["operator_key"])
    found = command("organisation", "check", *words_a, expect=1)
    proof(
        f"named: {found['damaged'][0]['subject']} {found['damaged'][0]['id']}",
        f"已指出:{found['damaged'][0]['subject']} {found['damaged'][0]['id']}",
    )
    node.stop()
    flip(payload)

    say(
        "9. One byte of a stored block is flipped, and found; the node refuses to serve it",
        "9. 翻转一个已存区块的一个字节,并将其找出;节点拒绝对外服务",
    )
    block = largest(NODE / "chain", ".sst")
    with tempfile.TemporaryDirectory(dir=DEMO) as scratch:
        shutil.copy(block, scratch)
        flip(block)
        answer = command("node", "check", NODE, expect=1)
        proof(answer["error"]["title"], answer["error"]["title"])
        refused = command("up", NODE, "--port", "0", expect=4)
        proof("the node refuses to serve it", "节点拒绝对外服务")
        assert not refused["ok"]
        shutil.copy(Path(scratch) / block.name, block)
    command("node", "check", NODE)
    proof("put back: all is well", "已复原:一切完好")


def tag() -> str:
    """A registry's keyed check; here a random one stands for the doctor's number."""
    import base64

    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


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
    main()
