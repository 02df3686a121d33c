"""What is wrong with a member's node, in the order in which one thing explains the next.

Every finding has a word (its text says what it means and what to do next), whether it stops the
node from taking part, and what was found. Nothing is changed, and nothing secret is read.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import httpx

from yilian.bootstrap import engine_process
from yilian.bootstrap.outside_diagnosis import outside_findings
from yilian.bootstrap.overview import LAGS, Address, Overview, get, overview
from yilian.ledger.genesis import read
from yilian.ledger.keys import Suites
from yilian.ledger.modules.governance.state import LAWS_KNOWN, law
from yilian.ledger.state import State
from yilian.node.binary import NEXT, EngineDiffers, EngineMissing, find_engine
from yilian.node.config import Configuration, ConfigurationError, Consensus, NodeFolder
from yilian.node.engine import load_tree
from yilian.node.home import EngineHome
from yilian.node.store import Store, StoreBusy, StoreDamaged

CLOCK_SECONDS = 5.0
DISK_LOW, DISK_OUT = 2 * 2**30, 200 * 2**20
STALE_INTERVALS, STALE_SLACK = 3, 5.0
"""A block carries the time of the votes on the one before it, so it is an interval old at birth."""

RETRIES = Path("/proc/sys/net/ipv4/tcp_retries2")
MOST_RETRIES = 6
"""So many sendings again take 25 s at the least; the kernel's own 15 take fifteen minutes."""

REACHES_IN = 2.0
LAST_WORDS = 20_000

Mark = Literal["good", "warning", "bad"]

_SPOKEN = (
    ("address already in use", "engine_port"),
    ("wrong Block.Header.AppHash", "engine_diverged"),
    ("wrong Block.Header.LastResultsHash", "engine_diverged"),
    ("AppHash mismatch", "engine_diverged"),
    ("app block height", "engine_behind_node"),
    ("no space left on device", "disk_out"),
    ("auth failure", "engine_peer_key"),
    ("resource temporarily unavailable", "engine_locked"),
)
"""Parts of what the engine says when it stops, and the finding that explains each."""


_ORDERLY = "use of closed network connection"
"""The engine calls an error what is part of every stop in good order."""


class Finding(NamedTuple):
    """One thing that was looked at; `code` names its text."""

    code: str
    state: Mark
    parameters: Mapping[str, int | str] = MappingProxyType({})


class Patient(NamedTuple):
    """The node that is looked at."""

    folder: NodeFolder
    configuration: Configuration
    consensus: Consensus
    gateway: str
    runs: bool


def diagnose(path: Path) -> list[Finding]:
    """Look at a member's folder and all around it."""
    found = list(_program())
    folder = NodeFolder(path)
    try:
        configuration = folder.configuration()
    except ConfigurationError as error:
        return [*found, Finding("configuration", "bad", {"reason": str(error)})]
    for code, good, told in outside_findings(folder, configuration):
        found.append(Finding(code, "good" if good else "bad", told))
    consensus = configuration.consensus
    if consensus is None:
        return [*found, Finding("no_member", "bad", {"folder": str(path)})]
    host = configuration.host if configuration.host not in _ANY else "127.0.0.1"
    gateway = f"http://{f'[{host}]' if ':' in host else host}:{configuration.port}"
    with httpx.Client(timeout=REACHES_IN) as http:
        runs = get(http, gateway, "/livez") is not None
    patient = Patient(folder, configuration, consensus, gateway, runs)
    for each in _CHECKS:
        found += each(patient)
    return found


_OWN_MACHINE = ("127.0.0.1", "localhost", "::1")
_ANY = ("0.0.0.0", "::")  # noqa: S104 (what was configured, not where to listen)


def _program() -> Iterator[Finding]:
    try:
        yield Finding("binary", "good", {"path": str(find_engine())})
    except EngineMissing as missing:
        yield Finding("binary_missing", "bad", {"looked": ", ".join(missing.looked), "next": NEXT})
    except EngineDiffers as differs:
        told: dict[str, int | str] = {
            "path": str(differs.path),
            "found": differs.found,
            "next": NEXT,
        }
        yield Finding("binary_differs", "bad", told)


def _parts(patient: Patient) -> Iterator[Finding]:
    home = EngineHome(patient.folder.engine)
    whole = patient.folder.chain.exists() and home.exists() and patient.folder.members_key.exists()
    where: dict[str, int | str] = {"folder": str(patient.folder.path)}
    yield Finding("folder", "good", where) if whole else Finding("folder_parts", "bad", where)


def _modes(patient: Patient) -> Iterator[Finding]:
    path = patient.folder.path
    secret = [path / "validator.key", path / "validator.key.next", path / "members.key"]
    secret += [path / "log.key", *(path / "organisations").glob("*.operator.key")]
    secret += [*(path / "organisations").glob("*.master-key")]
    secret += [path / "engine" / "config" / each for each in _ENGINE_KEYS]
    open_ones = [each for each in secret if each.exists() and each.stat().st_mode & 0o077]
    for each in open_ones:
        yield Finding("key_open", "bad", {"path": str(each)})
    if not (path / "validator.key").exists():
        yield Finding("key_missing", "bad", {"path": str(path / "validator.key")})
    elif not open_ones:
        yield Finding("key_files", "good")
    if (path / "validator.key.next").exists():
        yield Finding("rotation_unfinished", "warning", {"folder": str(path)})


_ENGINE_KEYS = ("priv_validator_key.json", "node_key.json")


def _disk(patient: Patient) -> Iterator[Finding]:
    free = shutil.disk_usage(patient.folder.path).free
    told: dict[str, int | str] = {"free": free // 2**20, "folder": str(patient.folder.path)}
    if free < DISK_OUT:
        yield Finding("disk_out", "bad", told)
    else:
        yield (
            Finding("disk_low", "warning", told)
            if free < DISK_LOW
            else Finding("disk", "good", told)
        )


def _running(patient: Patient) -> Iterator[Finding]:
    home = EngineHome(patient.folder.engine)
    told: dict[str, int | str] = {
        "folder": str(patient.folder.path),
        "gateway": patient.gateway,
    }
    processes = engine_process.processes(home)
    if engine_process.is_frozen(home) and processes is not None:
        yield Finding("frozen", "bad", {**told, "node": processes[0], "engine": processes[1]})
    elif patient.runs and processes is None:
        yield Finding("engine_down", "bad", told)
    elif patient.runs:
        yield Finding("runs", "good", told)
    else:
        yield Finding("stopped", "bad", told)
        yield from _ports(patient)
        yield from _store(patient)


def _ports(patient: Patient) -> Iterator[Finding]:
    """Of a node that does not run: whether others hold its ports."""
    wanted = [(patient.configuration.host, patient.configuration.port)]
    wanted.append((patient.consensus.host, patient.consensus.port))
    if patient.configuration.members is not None:
        door = patient.configuration.members
        wanted.append((door.host, door.port))
    taken = [each for each in wanted if not _free(*each)]
    for host, port in taken:
        yield Finding("port_taken", "bad", {"host": host, "port": port})
    if not taken:
        yield Finding("ports", "good")


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, port))
        except OSError:
            return False
    return True


def _store(patient: Patient) -> Iterator[Finding]:
    """Of a node that does not run: whether its store opens, and holds the state that it says."""
    told: dict[str, int | str] = {"folder": str(patient.folder.path)}
    try:
        with contextlib.closing(Store(patient.folder.chain)) as store:
            document, tip = store.genesis(), store.tip()
            if document is None or tip is None:
                yield Finding("store_empty", "bad", told)
                return
            tree = load_tree(store, Suites(read(document).profile))
            if tree.root != tip.app_hash:
                yield Finding("store_damaged", "bad", {**told, "what": f"height {tip.height}"})
                return
            yield Finding("store", "good", {"height": tip.height})
            yield from _law(law(State(store)).next, law(State(store)).height, tip.height)
    except StoreBusy:
        yield Finding("store_busy", "bad", told)
    except StoreDamaged as damaged:
        yield Finding("store_damaged", "bad", {**told, "what": damaged.what})


def _law(following: int | None, height: int | None, now: int) -> Iterator[Finding]:
    if following is None or height is None:
        return
    told: dict[str, int | str] = {"version": following, "height": height, "now": now}
    known = following in LAWS_KNOWN
    yield Finding("law_coming", "good", told) if known else Finding("law_unknown", "bad", told)


def _clock(patient: Patient) -> Iterator[Finding]:
    """Compare this machine's clock with what other members' gateways say (HTTP `Date`)."""
    offsets = []
    with httpx.Client(timeout=REACHES_IN) as http:
        for each in patient.consensus.peers:
            if each.gateway is None:
                continue
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
                said = http.get(f"{each.gateway}/livez").headers["date"]
                offsets.append(time.time() - parsedate_to_datetime(said).timestamp())
    if not offsets:
        return
    middle = sorted(offsets)[len(offsets) // 2]
    wrong = abs(middle) > CLOCK_SECONDS
    told: dict[str, int | str] = {"seconds": round(middle)}
    yield Finding("clock_wrong", "bad", told) if wrong else Finding("clock", "good", told)


def _lines(patient: Patient) -> Iterator[Finding]:
    """Look how long this machine holds on to a silent connection, where members are elsewhere."""
    if all(each.host in _OWN_MACHINE for each in patient.consensus.peers):
        return
    try:
        retries = int(RETRIES.read_text())
    except (OSError, ValueError):
        return
    told: dict[str, int | str] = {"retries": retries, "most": MOST_RETRIES}
    if retries > MOST_RETRIES:
        yield Finding("cut_lines_held", "warning", told)
    else:
        yield Finding("cut_lines", "good", told)


def _peers(patient: Patient) -> Iterator[Finding]:
    away = []
    for each in patient.consensus.peers:
        try:
            socket.create_connection((each.host, each.port), REACHES_IN).close()
        except OSError:
            away.append(each)
    for each in away:
        told: dict[str, int | str] = {"name": each.name, "host": each.host, "port": each.port}
        yield Finding("peer_away", "warning", told)
    total = len(patient.consensus.peers)
    if total and len(away) == total:
        yield Finding("peers_all_away", "bad")
    elif not away:
        yield Finding("peers", "good", {"count": total})


def _words(patient: Patient) -> Iterator[Finding]:
    """Explain the last words of an engine that does not run."""
    if engine_process.processes(EngineHome(patient.folder.engine)) is not None:
        return
    path = patient.folder.engine / "engine.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_WORDS))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return
    spoken = [
        each
        for each in lines
        if (each.startswith("ERROR") or '"level":"error"' in each) and _ORDERLY not in each
    ][-5:]
    for part, code in _SPOKEN:
        if any(part in each for each in spoken):
            yield Finding(code, "bad", {"folder": str(patient.folder.path), "free": 0})
            return
    if spoken:
        yield Finding("engine_said", "warning", {"words": _plain(spoken[-1])})


def _plain(line: str) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        told = json.loads(line)
        return f"{told.get('_msg', '')} {told.get('err', '')}".strip()[:300]
    return line[:300]


def _chain(patient: Patient) -> Iterator[Finding]:
    """Compare heights, hashes and votes with the other members."""
    own = Address(patient.folder.path.name, patient.gateway, None, patient.folder.path)
    others = [Address(each.name, each.gateway) for each in patient.consensus.peers if each.gateway]
    seen = overview([own, *others], REACHES_IN)
    me = seen.members[0]
    if me.height is not None:
        yield from _height(patient, seen)
        yield from _law_of(patient, me.height)
    yield from _voting(patient, seen)


def _height(patient: Patient, seen: Overview) -> Iterator[Finding]:
    me = seen.members[0]
    assert me.height is not None
    if not seen.agree:
        yield Finding("differs", "bad", {"folder": str(patient.folder.path)})
    told: dict[str, int | str] = {"height": me.height, "newest": seen.height}
    behind = seen.lag(me) >= LAGS
    yield Finding("behind", "warning", told) if behind else Finding("height", "good", told)
    age = time.time() - (me.time or 0) / 1000
    limit = STALE_SLACK + STALE_INTERVALS * patient.consensus.empty_blocks_ms / 1000
    if me.height and age > limit and not behind:
        away = sum(1 for each in seen.members if each.height is None)
        yield Finding("stale", "bad", {"seconds": round(age), "away": away})
    if me.problem == "not_ready":
        yield Finding("not_ready", "bad", {"folder": str(patient.folder.path)})


def _law_of(patient: Patient, height: int) -> Iterator[Finding]:
    with httpx.Client(timeout=REACHES_IN) as http:
        found = get(http, patient.gateway, "/v1/governance/law/current")
    if found is not None:
        value = found["value"]
        yield from _law(value.get("next"), value.get("height"), height)


def _voting(patient: Patient, seen: Overview) -> Iterator[Finding]:
    told: dict[str, int | str] = {"folder": str(patient.folder.path)}
    organisation = patient.configuration.organisations[0].id
    if not patient.consensus.vote:
        yield Finding("does_not_vote", "warning", told)
    with httpx.Client(timeout=REACHES_IN) as http:
        for member in seen.members:
            if member.height is None:
                continue
            if get(http, member.gateway, f"/v1/governance/members/{organisation}") is None:
                yield Finding("not_a_member", "warning", told)
            break
    own = [each for each in seen.voters if each.organisation == organisation]
    if seen.voters and not own:
        yield Finding("no_power", "warning", told)
    elif own and own[0].signed:
        yield Finding("votes", "good", {"power": own[0].power})
    elif own and patient.consensus.vote:
        yield Finding("vote_missing", "warning", {"height": seen.compared or 0})


_CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    _parts,
    _modes,
    _disk,
    _running,
    _words,
    _peers,
    _clock,
    _lines,
    _chain,
)
