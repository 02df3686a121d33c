"""Status, genesis, trust, blocks and state proofs over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chain import Actor, Chain, name_of
from tests.http.node import JSON, UNKNOWN, WAIT, Node, problem
from yilian import __version__
from yilian.ledger import block_json
from yilian.ledger import genesis as geneses
from yilian.sdk.verify import main as verify


@pytest.fixture(scope="module")
def alice(node: Node) -> Actor:
    """A person of the hospital, so that there is a transaction."""
    return node.person("alice")


def test_status(node: Node, alice: Actor) -> None:
    """Where the node stands."""
    status = node.get("/v1/status").json()
    assert status["chain"] == "test"
    assert status["engine"] == "embedded"
    assert status["version"] == __version__
    assert status["pending"] == 0
    assert status["index_height"] <= status["height"]
    assert len(bytes.fromhex(status["app_hash"])) == 32


def test_genesis(node: Node) -> None:
    """The document of the chain, byte for byte."""
    answer = node.get("/v1/genesis")
    assert answer.content == node.engine.store.genesis()
    assert geneses.read(answer.content) == node.cast.genesis


def test_blocks(node: Node, alice: Actor) -> None:
    """Pages go down to the first block; a block shows its transactions, header and commit."""
    first = node.get("/v1/blocks?limit=1").json()
    heights = [first["blocks"][0]["height"]]
    link = f"/v1/blocks?before={first['next']}&limit=1"
    while link:
        answer = node.get(link)
        page = answer.json()
        heights += [each["height"] for each in page["blocks"]]
        link = answer.headers["link"].split(">")[0][1:] if "next" in page else ""
    assert heights == list(range(heights[0], 0, -1))
    block = node.get("/v1/blocks/2").json()
    assert [each["types"] for each in block["transactions"]] == [["identity.EnrolPerson"]]
    assert block["transactions"][0]["code"] == 0
    header = block_json.header_from_json(block["header"])
    assert header.hash().hex() == block["hash"]
    assert header.time == block["time"] * 10**6
    assert block_json.commit_from_json(block["commit"]).block_id.hash == header.hash()
    assert node.get("/v1/blocks/latest").json()["height"] >= 2


def test_a_state_proof_and_a_receipt_verify_offline(
    node: Node, alice: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the gateway hands out satisfies the verifier that shares no code with it."""
    trust = tmp_path / "trust.json"
    trust.write_bytes(node.get("/v1/trust").content)
    raw = node.cast.sign(node.cast.hospital, Chain.enrol_person("proved", None))
    name = node.post(raw).json()["hash"]
    for number, path in enumerate(
        (
            f"/v1/transactions/{name}/receipt",
            f"/v1/state?key=identity/subject/{alice.id}",
            f"/v1/state?key=identity/subject/{UNKNOWN}",
        )
    ):
        answer = node.get(path)
        assert answer.status_code == 200, answer.text
        file = tmp_path / f"{number}.json"
        file.write_bytes(answer.content)
        assert verify([str(file), "--trust", str(trust)]) == 0, capsys.readouterr()


def test_a_record_with_its_proof(
    node: Node, alice: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record is the very value that is proved."""
    answer = node.get(f"/v1/identity/subjects/{alice.id}?proof=true").json()
    assert json.loads(answer["proof"]["value"]) == answer["value"]
    assert int(answer["proof"]["header"]["height"]) == answer["height"] + 1
    (tmp_path / "trust.json").write_bytes(node.get("/v1/trust").content)
    (tmp_path / "proof.json").write_text(json.dumps(answer["proof"]))
    arguments = [str(tmp_path / "proof.json"), "--trust", str(tmp_path / "trust.json")]
    assert verify(arguments) == 0, capsys.readouterr()


def test_a_state_of_before(node: Node, alice: Actor) -> None:
    """An older height shows what was then; one to come and one not kept have their codes."""
    key = f"identity/subject/{name_of('later')}"
    height = node.engine.height
    node.must(node.cast.hospital, Chain.enrol_person("later", None))
    assert node.get(f"/v1/state?key={key}&height={height}").json()["value"] is None
    assert node.get(f"/v1/state?key={key}").json()["value"] is not None
    problem(node.get(f"/v1/state?key={key}&height={10**9}"), "not_yet", 409)


def test_a_height_that_is_not_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    """State proofs reach 100 heights back."""
    long = Node(tmp_path_factory.mktemp("long"))
    try:
        for each in range(104):
            raw = long.cast.sign(long.cast.hospital, Chain.enrol_person(f"row {each}", None))
            assert long.post(raw, WAIT).status_code == 200
        answer = long.get("/v1/state?key=x&height=1")
        assert problem(answer, "height_not_kept", 404)["parameters"] == {"height": 1}
    finally:
        long.close()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/status?x=1", "bad_parameter"),
        ("/v1/genesis?x", "bad_parameter"),
        ("/v1/trust?x=", "bad_parameter"),
        ("/v1/blocks?limit=0", "bad_parameter"),
        ("/v1/blocks?limit=201", "bad_parameter"),
        ("/v1/blocks?limit=1&limit=1", "bad_parameter"),
        ("/v1/blocks?limit=+1", "bad_parameter"),
        ("/v1/blocks?limit=1e2", "bad_parameter"),
        ("/v1/blocks?limit=%D9%A1", "bad_parameter"),
        ("/v1/blocks?before=-1", "bad_parameter"),
        ("/v1/blocks?before=99999999999999999999", "bad_parameter"),
        ("/v1/blocks?after=1", "bad_parameter"),
        ("/v1/blocks/0", "not_found"),
        ("/v1/blocks/999999", "not_found"),
        ("/v1/blocks/-1", "bad_parameter"),
        ("/v1/blocks/newest", "bad_parameter"),
        ("/v1/blocks/01", "bad_parameter"),
        ("/v1/state", "bad_parameter"),
        ("/v1/state?key=", "bad_parameter"),
        ("/v1/state?key=%00", "bad_parameter"),
        ("/v1/state?key=%E4%BA%91", "bad_parameter"),
        (f"/v1/state?key={'x' * 257}", "bad_parameter"),
        ("/v1/state?key=x&height=0", "bad_parameter"),
        ("/v1/state?key=x&height=x", "bad_parameter"),
        ("/v1/nothing", "not_found"),
        ("/v1/blocks/", "not_found"),
        ("//v1/blocks", "not_found"),
        ("/", "not_found"),
    ],
)
def test_bad_parameters(node: Node, path: str, code: str) -> None:
    """Malformed, repeated, unknown and out of range: each refused, none guessed."""
    problem(node.get(path), code)


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/genesis", "/v1/trust", "/v1/blocks", "/v1/blocks/1", "/v1/state"]
)
def test_wrong_methods_and_media(node: Node, path: str) -> None:
    """Reading is GET, and JSON."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        problem(node.client.request(method, path, headers=JSON), "method_not_allowed", 405)
    problem(node.get(f"{path}?key=x", accept="text/html;q=0.9, */*;q=0"), path_code(path))
    assert node.client.head(path).status_code in (200, 400)


def path_code(path: str) -> str:
    """A parameter that only /v1/state knows is refused before the media type is looked at."""
    return "not_acceptable" if path == "/v1/state" else "bad_parameter"
