"""The state tree read by its hashes, and two nodes compared by their addresses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.http.node import Node, problem
from tests.unit.node.doors import Answer, Shown, said
from tests.unit.node.states import change
from yilian.cli import main
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.node import remote_state
from yilian.node.config import Configuration, NodeFolder
from yilian.node.difference import Inner, NoTree, State, compare
from yilian.node.provider import Gateway, NoAnswer
from yilian.node.remote_state import Remote
from yilian.node.store import BeforeFirst, Store

KEY = b"a/key/that/differs"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with some people enrolled."""
    made = Node(tmp_path_factory.mktemp("node"))
    for each in range(5):
        made.person(f"person {each}")
    yield made
    made.close()


@pytest.fixture
def folder(node: Node, tmp_path: Path) -> Path:
    """A copy of the node's folder, of which nothing runs."""
    copy = NodeFolder(tmp_path / "copy")
    copy.path.mkdir()
    copy.write_configuration(Configuration(chain=node.cast.genesis.chain, organisations=[]))
    with node.engine.still():
        shutil.copytree(Path(node.engine.store._db.path()), copy.chain)
    return copy.path


def spoil(folder: Path) -> int:
    """Change what one key holds after the newest height; gives that height."""
    store = Store(NodeFolder(folder).chain)
    tip = store.tip()
    assert tip is not None
    change(store, {KEY: b"1"}, tip.height)
    store.close()
    return tip.height


def yilian(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*command, "--json"])
    return code, json.loads(capsys.readouterr().out or "{}")


def test_a_running_node_and_a_folder_that_differ_in_one_key(
    node: Node, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pair in ((node.url, str(folder)), (str(folder), node.url), (node.url, node.url)):
        assert yilian(capsys, "node", "diff-state", *pair) == (0, {"equal": True})
    spoil(folder)
    # The node goes on meanwhile; what it had at the folder's height is what counts.
    for each in range(3):
        node.person(f"later {folder} {each}")
    code, told = yilian(capsys, "node", "diff-state", node.url, str(folder))
    assert (code, told["equal"], told["key"]) == (1, False, KEY.decode())
    assert (told["one"], told["other"]) == (None, sha256(b"1").hex())
    code, told = yilian(capsys, "node", "diff-state", str(folder), node.url + "/")
    assert (code, told["one"], told["other"]) == (1, sha256(b"1").hex(), None)


def test_two_running_nodes_that_differ_in_one_key(
    node: Node, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    height = spoil(folder)
    store = Store(NodeFolder(folder).chain)
    state = State(store, height)

    def tree(query: dict[str, str]) -> Any:
        found = state.node(query.get("place", ""))
        if isinstance(found, Inner):
            return {"marks": [each.hex() for each in found.marks], "leaves": None}
        leaves = [{"hash": leaf.hex(), "key": key.decode()} for leaf, key in found.leaves]
        return {"marks": None, "leaves": leaves}

    def value(query: dict[str, str]) -> Any:
        found = state.value_hash(query["key"].encode())
        return {"hash": None if found is None else found.hex()}

    answers: dict[str, Answer] = {
        "/v1/genesis": lambda query: (200, store.genesis() or b""),
        "/v1/status": said({"height": height}),
        "/v1/state/tree": lambda query: (200, json.dumps(tree(query)).encode()),
        "/v1/state/hash": lambda query: (200, json.dumps(value(query)).encode()),
    }
    try:
        with Shown(answers) as shown:
            code, told = yilian(capsys, "node", "diff-state", node.url, shown.address)
        assert (code, told["key"]) == (1, KEY.decode())
        assert (told["one"], told["other"]) == (None, sha256(b"1").hex())
    finally:
        store.close()


def test_every_part_of_the_tree_is_what_the_store_holds(node: Node) -> None:
    gateway = Gateway(node.url)
    remote = Remote(gateway)
    state = State(node.engine.store)
    there = remote.at(state.height)
    for place in ("", "0", "f3", "a0b", "a0b1", "0" * 20, "f" * 63):
        assert there.node(place) == state.node(place), place
    assert compare(remote, Remote(gateway)) is None
    gateway.close()


def test_nothing_but_hashes_and_keys_is_shown(node: Node) -> None:
    height = node.engine.height
    for key, value in list(node.engine.store.scan(b""))[:10]:
        place = sha256(key).hex()[:3]
        while True:
            told = node.get(f"/v1/state/tree?height={height}&place={place}").json()
            assert set(told) == {"height", "place", "marks", "leaves"}
            if told["leaves"] is not None:
                break
            assert all(len(each) in (0, 64, 66) for each in told["marks"])
            place = sha256(key).hex()[: len(place) + 1]
        assert key.decode() in [each["key"] for each in told["leaves"]]
        assert all(set(each) == {"hash", "key"} for each in told["leaves"])
        found = node.client.get("/v1/state/hash", params={"height": height, "key": key.decode()})
        assert found.json() == {"height": height, "key": key.decode(), "hash": sha256(value).hex()}
    absent = node.get(f"/v1/state/hash?height={height}&key=nothing").json()
    assert absent["hash"] is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/state/tree", "bad_parameter"),
        ("/v1/state/tree?height=x", "bad_parameter"),
        ("/v1/state/tree?height=-1", "bad_parameter"),
        ("/v1/state/tree?height=1&place=g", "bad_parameter"),
        ("/v1/state/tree?height=1&place=A", "bad_parameter"),
        ("/v1/state/tree?height=1&place=%D9%A1", "bad_parameter"),
        (f"/v1/state/tree?height=1&place={'0' * 64}", "bad_parameter"),
        ("/v1/state/tree?height=1&height=1", "bad_parameter"),
        ("/v1/state/tree?height=1&depth=1", "bad_parameter"),
        ("/v1/state/tree?height=999999999", "not_yet"),
        ("/v1/state/hash?height=1", "bad_parameter"),
        ("/v1/state/hash?height=1&key=", "bad_parameter"),
        ("/v1/state/hash?height=1&key=%00", "bad_parameter"),
        (f"/v1/state/hash?height=1&key={'x' * 257}", "bad_parameter"),
        ("/v1/state/hash?key=x", "bad_parameter"),
        ("/v1/state/hash?height=999999999&key=x", "not_yet"),
        ("/v1/history?after=x", "bad_parameter"),
        ("/v1/history?below=1", "bad_parameter"),
    ],
)
def test_what_is_no_question_is_refused(node: Node, path: str, code: str) -> None:
    problem(node.get(path), code)


def test_a_chain_of_ones_own_has_no_turns(node: Node) -> None:
    assert node.get("/v1/history").json() == {"turns": [], "next": None}


# -- an address that lies --------------------------------------------------------------------------


def answers(node: Node, **changed: Answer) -> dict[str, Answer]:
    document = node.engine.store.genesis() or b""
    return {
        "/v1/genesis": lambda query: (200, document),
        "/v1/status": said({"height": node.engine.height}),
        **{f"/v1/{name.replace('_', '/')}": each for name, each in changed.items()},
    }


NONSENSE: dict[str, Any] = {
    "nothing": {},
    "both": {"marks": [""] * 16, "leaves": []},
    "fifteen": {"marks": [""] * 15, "leaves": None},
    "no hexadecimal digits": {"marks": ["x"] * 16, "leaves": None},
    "a short mark": {"marks": ["00"] * 16, "leaves": None},
    "numbers": {"marks": [1] * 16, "leaves": None},
    "no leaf": {"marks": None, "leaves": [1]},
    "a leaf without a key": {"marks": None, "leaves": [{"hash": "00" * 32}]},
    "a long key": {"marks": None, "leaves": [{"hash": "00" * 32, "key": "x" * 257}]},
    "a key that is none": {"marks": None, "leaves": [{"hash": "00" * 32, "key": "云"}]},
}


@pytest.mark.parametrize("told", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_is_no_tree_is_refused(
    node: Node, told: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with Shown(answers(node, state_tree=said(told))) as shown:
        for language in ("en", "zh-CN"):
            command = ["node", "diff-state", node.url, shown.address, "--language", language]
            code, found = yilian(capsys, *command)
            assert (code, found["error"]["code"]) == (1, "no_state_tree")
            assert "{" not in found["error"]["title"]


def test_a_tree_without_an_end_is_left(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_state, "MOST_ASKED", 70)
    endless = said({"marks": ["11" * 32] * 16, "leaves": None})
    hollow: dict[str, Answer] = {
        "endless": endless,
        "hollow": lambda query: (
            endless(query)
            if len(query.get("place", "")) < 6
            else (200, b'{"marks":null,"leaves":[]}')
        ),
    }
    for tree in hollow.values():
        with Shown(answers(node, state_tree=tree)) as shown:
            gateway, own = Gateway(shown.address), Gateway(node.url)
            with pytest.raises(NoTree):
                compare(Remote(own), Remote(gateway))
            gateway.close()
            own.close()
            assert len(shown.asked) <= 75


def test_an_address_without_a_node(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    with Shown({}) as shown:
        gone = shown.address
        assert yilian(capsys, "node", "diff-state", node.url, gone)[0] == 3
    code, found = yilian(capsys, "node", "diff-state", gone, node.url)
    assert (code, found["error"]["code"]) == (3, "no_state_there")
    with Shown({"/v1/genesis": said({"chain": 1})}) as shown, pytest.raises(NoAnswer):
        Remote(Gateway(shown.address))
    strange = answers(node) | {"/v1/status": said({"height": "7"})}
    with Shown(strange) as shown, pytest.raises(NoAnswer):
        Remote(Gateway(shown.address))


def test_heights_too_far_apart_and_another_chain(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = answers(node, state_tree=said({}, status=404)) | {"/v1/status": said({"height": 2**40})}
    with Shown(kept) as shown:
        gateway = Gateway(shown.address)
        with pytest.raises(BeforeFirst):
            Remote(gateway).at(1).node("")
        gateway.close()
        code, found = yilian(capsys, "node", "diff-state", node.url, shown.address)
        assert (code, found["error"]["code"]) == (2, "too_far_apart")
    other = codec.encode(msgspec.structs.replace(node.cast.genesis, chain="another"))
    with Shown(answers(node) | {"/v1/genesis": lambda query: (200, other)}) as shown:
        code, found = yilian(capsys, "node", "diff-state", node.url, shown.address)
        assert (code, found["error"]["code"]) == (2, "other_chain")
