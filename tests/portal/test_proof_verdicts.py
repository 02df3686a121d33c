"""The browser's verifier and the one in Python give the same verdict, paper by paper."""

from __future__ import annotations

import base64
import collections
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.portal import judging, proof_papers
from tests.portal.proof_papers import Edit, Paper, verdict
from tests.rows.served import Served
from tests.scale import scale
from tests.unit.sdk.receipts import walk, with_
from yilian.ledger import codec

WHOLE = proof_papers.whole()


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser's verifier, bundled for Node."""
    return judging.build(tmp_path_factory.mktemp("judge"))


def test_the_vectors_are_what_their_program_makes() -> None:
    made = proof_papers.render()
    assert proof_papers.FILE.read_text("utf-8") == made, "run: python -m tests.portal.proof_papers"


def test_every_vector_is_judged_alike(script: Path) -> None:
    cases = json.loads(proof_papers.FILE.read_text("utf-8"))["cases"]
    papers = []
    for case in cases:
        paper = WHOLE[case["paper"]]
        edit = case.get("edit")
        if edit:
            put = base64.b64decode(edit["put"])
            paper = Edit(edit["part"], edit["at"], edit["removed"], put).of(paper)
        papers.append(paper)
    for case, told in zip(cases, judging.judge(script, papers), strict=True):
        assert told == case["verdict"], case


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Paper]:
    """Papers of a node that serves: a receipt, state proofs, and every record of a patient."""
    with Served(tmp_path_factory.mktemp("taken") / "node") as served:
        return _papers(served)


def _papers(served: Served) -> dict[str, Paper]:
    loaded = served.load(served.a)
    with served.client(served.a) as client:
        trust = json.dumps(client.trust()).encode()
        batch = json.dumps(client.state_proof(f"records/batch/{loaded['batch']}")).encode()
        absent = json.dumps(client.state_proof("records/batch/none")).encode()
        made = {
            "receipt": Paper(json.dumps(client.receipt(loaded["transaction"])).encode(), trust),
            "batch": Paper(batch, trust),
            "absent": Paper(absent, trust),
        }
    vault = served.node.organisations[served.a.id].vault
    for record in vault.records_of(loaded["person"])[:20]:
        (content,) = vault.read_own([record], served.a.id, "legal").values()
        proof = codec.encode(vault.proof(record, with_salt=True))
        made[record] = Paper(batch, trust, (), content, proof, served.a.id)
    return made


def test_the_papers_of_a_node_hold_in_both(script: Path, taken: dict[str, Paper]) -> None:
    assert len(taken) > 5
    for told, paper in zip(
        judging.judge(script, list(taken.values())), taken.values(), strict=True
    ):
        assert told == json.loads(json.dumps(verdict(paper)))
        assert told["verified"], told


def test_a_record_of_which_one_byte_differs_is_refused_by_both(
    script: Path, taken: dict[str, Paper]
) -> None:
    draw = random.Random(7)
    altered = []
    for paper in (each for each in taken.values() if each.content is not None):
        content = bytearray(paper.content or b"")
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        altered.append(paper._replace(content=bytes(content)))
    for told, paper in zip(judging.judge(script, altered), altered, strict=True):
        assert told == verdict(paper) == {"verified": False, "code": "content_differs"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(scale(1, 20)))
def test_random_changes_are_judged_alike(script: Path, seed: int) -> None:
    draw = random.Random(seed)
    papers = [_changed(draw, *draw.choice(list(WHOLE.items()))) for _ in range(500)]
    wanted = [json.loads(json.dumps(verdict(each))) for each in papers]
    for paper, theirs, ours in zip(papers, judging.judge(script, papers), wanted, strict=True):
        assert theirs == ours, paper
    codes = collections.Counter(each.get("code", "verified") for each in wanted)
    assert len(codes) >= 10, codes


def _changed(draw: random.Random, name: str, paper: Paper) -> Paper:
    parts = ["text", "text", "text", "trust"]
    parts += ["content", "proof", "proof"] if paper.content is not None else []
    if paper.log_proofs and draw.random() < 0.4:
        return paper._replace(log_proofs=(_bytes_changed(draw, paper.log_proofs[0]),))
    part = draw.choice(parts)
    if part == "content" or draw.random() < 0.3:
        whole: bytes = getattr(paper, part)
        return paper._replace(**{part: _bytes_changed(draw, whole)})
    changed = _value_changed(draw, json.loads(getattr(paper, part)))
    text = json.dumps(changed, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return paper._replace(**{part: text.encode()})


def _bytes_changed(draw: random.Random, whole: bytes) -> bytes:
    at = draw.randrange(len(whole))
    length = draw.choice((0, 1, 1, 1, 2, 16))
    put = draw.choice((b"", b"\x00", b'"', b"0", draw.randbytes(1), whole[at : at + 1] * 2))
    return whole[:at] + put + whole[at + length :]


def _value_changed(draw: random.Random, value: Any) -> Any:
    ways = list(walk(value))
    way, held = draw.choice(ways[1:])
    others = list(_others(draw, held, ways))
    return with_(value, *way, to=copy.deepcopy(draw.choice(others)))


def _others(draw: random.Random, held: Any, ways: list[Any]) -> Iterator[Any]:
    # Another value of the same document is most likely to have the right shape.
    yield from (each for _, each in draw.sample(ways, 3))
    if isinstance(held, bool) or held is None:
        yield from (0, "", {}, [])
    elif isinstance(held, int):
        yield from (held + 1, held - 1, -held, str(held), 2**53 - 1, 0)
    elif isinstance(held, str):
        yield from (held[:-1], held + "A", held.swapcase(), "", held[1:] + held[:1])
        if held.isdigit():
            yield from (str(int(held) + 1), str(2**63), "9" * 19, "0" + held)
    elif isinstance(held, list):
        yield from (held[:-1], held + held[-1:], held[::-1], [])
    elif isinstance(held, dict):
        name = draw.choice(list(held) or ["x"])
        yield from ({**held, "more": 1}, {key: held[key] for key in held if key != name})
