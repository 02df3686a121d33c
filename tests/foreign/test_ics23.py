"""Our state proofs before verifiers that others wrote: ICS-23 in Go and in JavaScript."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from yilian.ledger.keys import sha256
from yilian.ledger.tree import Tree, View

HARNESS = Path(__file__).resolve().parent / "ics23"
Judge = Callable[[list[dict[str, Any]]], list[bool]]

pytestmark = pytest.mark.slow


def prepared(folder: Path, tool: str, fetch: list[str]) -> None:
    """Copy the harness and let the tool's own client fetch what the lock file names."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed; with it, run: pytest {Path(__file__).name}")
    shutil.copytree(HARNESS, folder, dirs_exist_ok=True)
    done = subprocess.run(fetch, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the registry is out of reach; try: {' '.join(fetch)}\n{done.stderr[-500:]}")


def judge(command: list[str], folder: Path) -> Judge:
    def verdicts(claims: list[dict[str, Any]]) -> list[bool]:
        lines = "".join(json.dumps(claim) + "\n" for claim in claims)
        done = subprocess.run(
            command, cwd=folder, input=lines, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        given = [{"true": True, "false": False}[line] for line in done.stdout.split()]
        assert len(given) == len(claims)
        return given

    return verdicts


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    folder = tmp_path_factory.mktemp("go") / "ics23"
    prepared(folder, "go", ["go", "mod", "download"])
    subprocess.run(["go", "build", "-o", "judge", "."], cwd=folder, check=True, timeout=300)
    return judge(["./judge"], folder)


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    folder = tmp_path_factory.mktemp("javascript") / "ics23"
    if shutil.which("node") is None:
        pytest.skip("node is not installed; with it, run: pytest test_ics23.py")
    prepared(folder, "npm", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
    return judge(["node", "judge.js"], folder)


def state(count: int) -> dict[bytes, bytes]:
    made = {b"state/key/%d" % n: b'{"n":%d}' % n for n in range(count)}
    made.update({b"state/text/%d" % n: "云溪市第一人民医院".encode() for n in range(count // 10)})
    return made


def trees() -> Iterator[tuple[View, dict[bytes, bytes]]]:
    """Trees of many sizes, so that paths with and without empty children occur."""
    for count in (1, 2, 3, 5, 17, 100, 3000):
        held = state(count)
        yield Tree({}.get, split=4).stage(dict(held)), held


def claim(view: View, held: dict[bytes, bytes], key: bytes) -> dict[str, Any]:
    value = held.get(key)
    return {
        "root": view.root.hex(),
        "key": key.decode(),
        "value": None if value is None else value.decode(),
        "proof": view.prove(key, held.get),
    }


def claims(present: bool, absent: bool) -> list[dict[str, Any]]:
    made = []
    for view, held in trees():
        keys = list(held)[:: max(1, len(held) // 40)] if present else []
        keys += [b"absent/%d" % n for n in range(40)] if absent else []
        made += [claim(view, held, key) for key in keys]
    return made


def flipped(text: str, at: int) -> str:
    """Change one bit of a hex text, or of the last bits of an ASCII or other letter."""
    if not text:
        return "00"
    at %= len(text)
    return text[:at] + (chr(ord(text[at]) ^ 1)) + text[at + 1 :]


def flipped_hex(text: str, at: int) -> str:
    data = bytearray.fromhex(text) or bytearray(1)
    data[at % len(data)] ^= 1
    return data.hex()


def forged_existence(exist: dict[str, Any], at: int) -> Iterator[dict[str, Any]]:
    """Every way to spoil one existence proof, one at a time."""
    for field in ("key", "value"):
        yield {**exist, field: flipped(exist[field], at)}
    path = exist["path"]
    for n, step in enumerate(path):
        spoiled = [
            {**step, "prefix": flipped_hex(step["prefix"], at)},
            {**step, "suffix": flipped_hex(step["suffix"], at)},
            {"prefix": "01", "suffix": step["prefix"][2:]}
            if step["prefix"] != "01"
            else {"prefix": "01" + step["suffix"], "suffix": ""},
        ]
        for each in spoiled:
            yield {**exist, "path": [*path[:n], each, *path[n + 1 :]]}
        yield {**exist, "path": path[:n] + path[n + 1 :]}
        yield {**exist, "path": [*path[: n + 1], *path[n:]]}
    if path:
        yield {**exist, "path": path[::-1]} if path != path[::-1] else {**exist, "path": []}


def forged_existence_claims() -> list[dict[str, Any]]:
    made = []
    for number, good in enumerate(claims(present=True, absent=False)[::7]):
        exist = good["proof"]["exist"]
        made += [
            {**good, "proof": {"exist": spoiled}} for spoiled in forged_existence(exist, number)
        ]
        made.append({**good, "root": flipped_hex(good["root"], number)})
        made.append({**good, "value": good["value"] + " "})
        made.append({**good, "key": good["key"] + "0"})
    return made


def forged_absence_claims() -> list[dict[str, Any]]:
    made = []
    for view, held in trees():
        if len(held) < 5:
            continue
        order = sorted(held, key=sha256)
        proofs = {key: view.prove(key, held.get)["exist"] for key in order}  # type: ignore[typeddict-item]
        for number in range(12):
            good = claim(view, held, b"absent/%d" % number)
            left, right = good["proof"]["nonexist"]["left"], good["proof"]["nonexist"]["right"]
            pairs: list[tuple[Any, Any]] = [(right, left), (left, left), (right, right)]
            pairs += [(left, None), (None, right)] if left and right else []
            if left and order.index(left["key"].encode()) > 0:
                farther = order[order.index(left["key"].encode()) - 1]
                pairs.append((proofs[farther], right))
            if right and order.index(right["key"].encode()) < len(order) - 1:
                farther = order[order.index(right["key"].encode()) + 1]
                pairs.append((left, proofs[farther]))
            pairs += [(each, right) for each in forged_existence(left, number)] if left else []
            pairs += [(left, each) for each in forged_existence(right, number)] if right else []
            made += [{**good, "proof": {"nonexist": {"left": a, "right": b}}} for a, b in pairs]
        for n in range(1, len(order) - 1, max(1, len(order) // 10)):
            # A key that is there, claimed absent between its neighbours, or beside itself.
            before, key, after = (proofs[each] for each in order[n - 1 : n + 2])
            for a, b in ((before, after), (before, key), (key, after), (before, None), (None, key)):
                made.append(
                    {
                        "root": view.root.hex(),
                        "key": key["key"],
                        "value": None,
                        "proof": {"nonexist": {"left": a, "right": b}},
                    }
                )
    return made


def test_go_accepts_presence_and_absence(go: Judge) -> None:
    good = claims(present=True, absent=True)
    assert any(each["value"] is None for each in good)
    assert go(good) == [True] * len(good)


def test_go_refuses_forged_presence(go: Judge) -> None:
    forged = forged_existence_claims()
    assert len(forged) > 500
    assert go(forged) == [False] * len(forged)


def test_go_refuses_forged_absence(go: Judge) -> None:
    forged = forged_absence_claims()
    assert len(forged) > 500
    assert go(forged) == [False] * len(forged)


def test_javascript_accepts_presence(javascript: Judge) -> None:
    good = claims(present=True, absent=False)
    assert javascript(good) == [True] * len(good)


def test_javascript_refuses_forged_presence(javascript: Judge) -> None:
    forged = forged_existence_claims()
    assert javascript(forged) == [False] * len(forged)


def test_the_forgeries_differ_from_what_they_forge() -> None:
    for good in claims(present=True, absent=False)[:20]:
        exist = copy.deepcopy(good["proof"]["exist"])
        for spoiled in forged_existence(exist, 3):
            assert spoiled != exist
        assert exist == good["proof"]["exist"]
