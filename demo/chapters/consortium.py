"""Four members agree: one is killed and comes back, another lies and loses its vote.

It has a network of its own, beside the demo's node: four folders, four nodes, four engines.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cast import doctor, invent, patient, room
from stage import DEMO, ROOT, Somebody, Stage, Up, command, proof, refused, require, say, show, tell

from chapters.reading import give, read

FOUNDERS = {
    "A": "hospital:云溪市第一人民医院:H-A-0001",
    "B": "hospital:Lakeside General Hospital:H-B-0002",
    "C": "insurer:Eastgate Insurance:I-C-0003",
    "D": "authority:云溪市卫生健康委员会:A-D-0004",
}
BUILD_SECONDS = 1_200
SOON = 40.0


class Network(NamedTuple):
    """The network's folder, its members by label, and the commands that run it."""

    folder: Path
    members: Mapping[str, Somebody]
    running: dict[str, Up]

    @property
    def stage(self) -> Stage:
        """Give the members in the parts that the chapters know."""
        return Stage(self.members["A"], self.members["B"], self.members["D"])

    def start(self, label: str, *words: str | Path) -> Up:
        """Start a command as somebody would in a terminal of its own."""
        show("yilian", *words, "&")
        self.running[label] = Up(*words, log="consortium.log")
        return self.running[label]

    def stop(self) -> None:
        """End all of them."""
        for each in self.running.values():
            each.stop()


def play(stage: Stage) -> None:
    """Play the chapter, or say what it lacks and leave the rest of the demo to go on."""
    say(
        "consortium: four members agree; one is killed and comes back, another lies and is out",
        "consortium：四个成员共识；一个被杀掉后自行赶上，另一个作恶被除名",
    )
    if not _engine():
        return
    net = _found(room("consortium"))
    try:
        receipt = _share(net)
        _kill(net, receipt)
        _lie(net)
    finally:
        net.stop()


def _engine() -> bool:
    """Build the consensus engine where it is not there; tells why not where that fails."""
    from yilian.node.binary import EngineDiffers, EngineMissing, find_engine

    try:
        find_engine()
        return True
    except EngineDiffers as differs:
        proof(f"left out: {differs}", f"跳过本章：{differs}")
        return False
    except EngineMissing:
        tell(
            "CometBFT is built first, once: some minutes",
            "首次需要编译 CometBFT，约需几分钟，仅此一次",
        )
    show("make", "engine")
    said = _build()
    if not said:
        return True
    proof(
        f"left out, because the engine cannot be built here:\n{said}",
        f"跳过本章，因为此处无法编译引擎：\n{said}",
    )
    return False


def _build() -> str:
    """Build it; gives the last words where that failed, the next step among them."""
    with (DEMO / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [ROOT / "tools" / "engine.sh"], stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = process.wait(BUILD_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            code = -1
    if code == 0:
        return ""
    words = (DEMO / "engine.log").read_text("utf-8", "replace").splitlines()[-3:]
    return "\n".join(f"   {each}" for each in words or ["Next: make engine"])


def _found(folder: Path) -> Network:
    """Make the network and start it: three members together, the fourth by itself."""
    tell("a folder, keys and a place in consensus for each of four", "为四个成员各建目录、密钥和共识席位")
    net = folder / "net"
    founders = [word for name, rest in FOUNDERS.items() for word in ("--member", f"{name}:{rest}")]
    paces = ("--port", str(_ports()), "--empty-blocks", "3")
    made = command("network", "init", net, *founders, *paces)
    members = {
        each["name"]: Somebody(
            each["organisation"],
            Path(each["operator_key"]),
            each["organisation"],
            each["organisation_name"],
            each["gateway"],
        )
        for each in made["members"]
    }
    found = Network(net, members, {})
    tell(
        "each member is two processes, its node and its engine; D runs in a terminal of its own",
        "每个成员两个进程：节点和共识引擎；D 单独在一个终端运行",
    )
    found.start("others", "network", "up", net, "--only", "A,B,C")
    found.start("D", "up", net / "D")
    for each in found.running.values():
        require(bool(each.answer.get("ok")), "the members start", "各成员已启动")
    _settle(found)
    return found


def _ports() -> int:
    """Find forty neighbouring ports that are free, beside those of the demo's node."""
    for first in range(8_500, 16_000, 40):
        if all(_free(first + each) for each in range(40)):
            return first
    sys.exit("   no free ports / 没有空闲端口")


def _free(port: int) -> bool:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _settle(net: Network) -> None:
    """Wait until each member's organisation has all on the chain that it needs to work."""

    def settled() -> bool:
        return all(
            _get(f"{each.node}/v1/identity/endpoints/{each.id}") is not None
            for each in net.members.values()
        )

    _wait(settled, "all four have settled in", "四个成员均已就绪")


def _share(net: Network) -> Path:
    """A patient of A grants, a doctor of B reads; gives the grant's receipt."""
    stage, folder = net.stage, net.folder.parent
    tell(
        "records stay with A; a doctor of B reads them from node to node, by the patient's grant",
        "病历留在 A；B 的医生凭患者授权，跨节点读取",
    )
    who = patient(stage, folder, invent(46, 0)).who
    reader = doctor(stage, folder, stage.b, "doctor", invent(51, 1))
    given = give(stage, who, who.id, reader)
    found = read(reader, given["grant"], folder / "read.ndjson")
    require(bool(found), "B's doctor reads what A keeps", "B 的医生读到 A 保存的病历")
    proof(
        f"{len(found)} records, from A's vault over mutual TLS, each checked against B's own chain",
        f"{len(found)} 条记录，经双向 TLS 来自 A 的保险库，逐条与 B 自己的链核对",
    )
    receipt, trust = folder / "receipt.json", folder / "trust.json"
    command(
        *("receipt", given["transaction"], *stage.b.asks),
        *("--out", receipt, "--save-trust", trust),
    )
    seen = _status(net, "ABCD")
    same = seen["members"][0]
    proof(
        f"all four at height {same['height']}, state root {same['app_hash']}",
        f"四个成员同在高度 {same['height']}，状态根 {same['app_hash']}",
    )
    return _revocable(folder, who, reader, given["grant"])


def _revocable(folder: Path, who: Somebody, reader: Somebody, grant: str) -> Path:
    """Note what the next part needs: whose grant it is, and who reads by it."""
    file = folder / "grant.json"
    told = {"grant": grant, "who": [str(each) for each in who], "reader": [*map(str, reader)]}
    file.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    return file


def _get(url: str) -> Any:
    """Ask a gateway; None where it has not what was asked for."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (our own node)
            return json.load(answer)
    except urllib.error.HTTPError:
        return None
