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
from stage import (
    DEMO,
    ROOT,
    Somebody,
    Stage,
    Up,
    command,
    proof,
    quietly,
    refused,
    require,
    say,
    show,
    tell,
)

from chapters.reading import give, read

FOUNDERS = {
    "A": "hospital:云溪市第一人民医院:H-A-0001",
    "B": "hospital:Lakeside General Hospital:H-B-0002",
    "C": "insurer:Eastgate Insurance:I-C-0003",
    "D": "authority:云溪市卫生健康委员会:A-D-0004",
}
BUILD_SECONDS = 1_200
SOON = 90.0


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
        show("yilian", *words, goes_on=True)
        self.running[label] = Up(*words, log="consortium.log")
        return self.running[label]

    def stop(self) -> None:
        """End all of them."""
        for each in self.running.values():
            each.stop()


class Shared(NamedTuple):
    """A grant, whose it is and who reads by it; its receipt, and the trust file of that moment."""

    who: Somebody
    reader: Somebody
    grant: str
    receipt: Path
    trust: Path


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
        shared = _share(net)
        _kill(net, shared)
        _lie(net, shared)
    finally:
        net.stop()


def _engine() -> bool:
    """Build the consensus engine where it is not there; tells why not where that fails."""
    from yilian.node.binary import EngineDiffers, EngineMissing, find_engine

    try:
        find_engine()
        return True
    except EngineMissing:
        tell(
            "CometBFT is built first, once: some minutes",
            "首次需要编译 CometBFT，约需几分钟，仅此一次",
        )
    except EngineDiffers as differs:
        return _left_out(str(differs))
    show("make", "engine")
    said = _build()
    if said:
        return _left_out(said)
    try:
        find_engine()
    except (EngineMissing, EngineDiffers) as error:
        return _left_out(str(error))
    return True


def _left_out(why: str) -> bool:
    proof(
        f"left out, because the engine cannot be had here:\n   {why}",
        f"跳过本章，因为此处没有可用的共识引擎：\n   {why}",
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
    return "\n   ".join(words or ["Next: make engine"])


def _found(folder: Path) -> Network:
    """Make the network and start it: three members together, the fourth by itself."""
    tell(
        "a folder, keys and a place in consensus for each of four",
        "为四个成员各建目录、密钥和共识席位",
    )
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


def _share(net: Network) -> Shared:
    """Let a patient of A grant, and a doctor of B read; B's node gives the grant's receipt."""
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
    return Shared(who, reader, given["grant"], receipt, trust)


def _kill(net: Network, shared: Shared) -> None:
    """Kill one member; three go on without it; it comes back and catches up."""
    tell("D is killed; three of four go on without it", "D 被强制杀掉；其余三个照常出块")
    process = net.running["D"].process
    show("kill", "-9", str(process.pid))
    process.kill()
    process.wait()
    taken = command("consent", "revoke", *shared.who.on_chain, "--grant", shared.grant)
    error = refused("organisation", "read", *shared.reader.at_home, "--grant", shared.grant)
    require(
        "grant_not_active" in str(error["parameters"].get("reasons", error["code"])),
        "without D the patient takes the grant back, and B's doctor reads no more",
        "没有 D，患者照样收回授权，B 的医生不能再读",
    )
    seen = _status(net, "ABC")
    require(
        {each["name"] for each in seen["members"] if each["height"] is None} == {"D"},
        "D does not answer, and the others agree",
        "D 无应答，其余成员一致",
    )
    proof(
        f"revoked in block {taken['height']}, decided by three of four",
        f"区块 {taken['height']} 中收回授权，由四个成员中的三个决定",
    )

    tell("D is started again, and catches up by itself", "重新启动 D，它自行赶上")
    again = net.start("D", "up", net.folder / "D")
    require(bool(again.answer.get("ok")), "D starts again", "D 重新启动")
    seen = _status(net, "ABCD")
    there = command("consent", "show", *net.members["D"].asks, "grants", "--", shared.grant)
    require(
        there["value"]["revoked"] == taken["height"],
        "D has what was decided without it",
        "D 有了它不在时作出的决定",
    )
    same = seen["members"][-1]
    proof(
        f"D at height {same['height']} with the others, the same state root {same['app_hash']}",
        f"D 与其他成员同在高度 {same['height']}，状态根同为 {same['app_hash']}",
    )


def _lie(net: Network, shared: Shared) -> None:
    """Let C sign two votes for one height: it is named on the chain, and votes no more."""
    tell(
        "C's validator signs two votes for one height; A's engine gets both",
        "C 的验证者在同一高度签了两张票；两张都到了 A 的引擎",
    )
    words = (ROOT / "demo" / "lie.py", net.folder / "C", net.folder / "A")
    show("python", *words)
    said = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if said.returncode:
        sys.exit(f"   exit code {said.returncode}\n{said.stderr}")
    lie = json.loads(said.stdout)
    proof(
        f"height {lie['height']}: two blocks, two signatures of one key",
        f"高度 {lie['height']}：两个区块，同一把密钥的两个签名",
    )
    named = _named(net)
    tell("every member sees it, and C's vote counts no more", "每个成员都看到了，C 的票不再计入")
    seen = _status(net, "ABCD", lambda found: len(found["validators"]) == 3)
    liar = net.members["C"]
    require(
        liar.id not in {each["organisation"] for each in seen["validators"]},
        "C has no power left, and all four still agree",
        "C 已无表决权，四个成员的链仍然一致",
    )
    voters = ", ".join(
        name
        for name, each in net.members.items()
        if each.id in {voter["organisation"] for voter in seen["validators"]}
    )
    proof(
        f"{voters} vote now; all at height {seen['height']}, one state root",
        f"现在由 {voters} 表决；高度均为 {seen['height']}，状态根相同",
    )
    _prove(net, shared, lie, named)


def _named(net: Network) -> dict[str, Any]:
    """Wait for the event in which the chain names the liar, as B has it."""
    liar = net.members["C"]
    url = f"{net.members['B'].node}/v1/events?capability=governance&limit=200"
    show("curl", "-s", url)
    found: list[dict[str, Any]] = []

    def told() -> bool:
        events = (_get(url) or {"events": []})["events"]
        said = [each["event"] for each in events]
        found.extend(each for each in said if each["type"] == "governance.Misbehaved")
        return bool(found)

    _wait(told, "B's chain names C", "B 的链上指明了 C")
    event = found[0]
    proof(
        f"governance.Misbehaved: {liar.name} ({event['organisation']}), {event['kind']} at height "
        f"{event['height']}; its power is now {event['power']}",
        f"governance.Misbehaved：{liar.name}（{event['organisation']}），在高度 {event['height']} "
        f"{event['kind']}；表决权现为 {event['power']}",
    )
    return event


def _prove(net: Network, shared: Shared, lie: Mapping[str, Any], named: Mapping[str, Any]) -> None:
    """Check offline, with the trust file from before the lie, what the chain says of the liar."""
    tell(
        "a stranger checks it offline, with the trust file that was saved before",
        "外人用事先保存的信任文件离线验证",
    )
    folder, gateway = net.folder.parent, net.members["D"].node
    key = f"governance/misdeed/{lie['address']}/{lie['height']:016d}/{named['kind']}"
    out = folder / "misdeed.json"
    url = f"{gateway}/v1/state?key={urllib.parse.quote(key, safe='/')}"
    show("curl", "-s", "-o", out, url)
    answer = _get(url)
    require(answer is not None, "D proves what it has of C", "D 能证明 C 的作为")
    out.write_text(json.dumps(answer), "utf-8")
    checked = command("verify", out, shared.receipt, "--trust", shared.trust)
    require(
        checked["verified"] and all(each["level"] == "agreed" for each in checked["files"]),
        "the misdeed and the grant verify, signed by more than two thirds",
        "违规记录和授权均验证通过，由三分之二以上签署",
    )
    proof(
        "VERIFIED: what C did, and the patient's grant of before",
        "验证通过：C 的违规，以及此前患者的授权",
    )


def _status(
    net: Network, present: str, also: Callable[[Mapping[str, Any]], bool] = lambda found: True
) -> dict[str, Any]:
    """Show how the members stand, once those that are present stand at one height."""
    held: list[dict[str, Any]] = []

    def level() -> bool:
        found = _overview(net)
        there = [each for each in found["members"] if each["name"] in present]
        roots = {(each["height"], each["app_hash"]) for each in there}
        if len(roots) == 1 and None not in next(iter(roots)) and also(found):
            held.append(found)
        return bool(held)

    show("yilian", "network", "status", net.folder)
    _wait(level, f"{', '.join(present)} stand alike", f"{'、'.join(present)} 状态相同")
    require(bool(held[0]["agree"]), "no two members differ", "没有两个成员不一致")
    return held[0]


def _overview(net: Network) -> dict[str, Any]:
    """Ask once, without a word: blocks come between two answers, and then it is asked again."""
    return quietly("network", "status", net.folder)


def _wait(done: Callable[[], bool], english: str, chinese: str) -> None:
    """Ask until it is so; ends the demo where it is not so soon."""
    until = time.monotonic() + SOON
    while not done():
        require(time.monotonic() < until, english, chinese)
        time.sleep(0.2)


def _get(url: str) -> Any:
    """Ask a gateway; None where it has not what was asked for."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError:
        return None
