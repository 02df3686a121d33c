"""Papers that every verifier must judge alike: `python -m tests.portal.proof_papers` writes them.

Whole ones of a chain under the real law, signed by one validator and by four; what a history, a
promotion, witnesses and another state hash add; a record in its batch. And every one of them with
one byte altered in each region, and in other spellings. The expected verdict of a paper is that of
`yilian.sdk.verify_log`. Everything follows from labels: same program, same file.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tests import chain as law
from tests.unit.sdk import archives, receipts, test_verify_history
from yilian.gateway.content import check
from yilian.ledger import block as b
from yilian.ledger import codec
from yilian.ledger import receipt as papers
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.messages import EnrolAgent
from yilian.ledger.modules.records.messages import AnchorBatch
from yilian.sdk import verify, verify_log
from yilian.sdk.trust import check_number
from yilian.vault import envelope, leaves

FILE = Path(__file__).resolve().parents[2] / "vectors" / "proofs" / "proofs.json"
FORMAT = "yilian-proof-vectors/1"
SECOND = 10**9
CONTENTS = tuple(
    json.dumps(
        {"resourceType": "Observation", "valueQuantity": {"unit": "mmol/L", "value": value}},
        separators=(",", ":"),
    ).encode()
    for value in ("5.4", "6.1", "血糖")
)


class Paper(NamedTuple):
    """What is handed to a verifier: all bytes. With a `content`, `text` proves its batch."""

    text: bytes
    trust: bytes
    log_proofs: tuple[bytes, ...] = ()
    content: bytes | None = None
    proof: bytes = b""
    organisation: str = ""


def verdict(paper: Paper) -> dict[str, Any]:
    """Judge a paper by the Python verifiers, in the words that the vectors hold."""
    try:
        if paper.content is not None:
            return _record_verdict(paper, paper.content)
        told = verify_log.verify(paper.text, paper.trust, paper.log_proofs)._asdict()
    except verify.NotVerified as reason:
        return {"verified": False, "code": reason.code}
    except Refusal as reason:
        return {"verified": False, "code": reason.code.name}
    except Exception as reason:
        code = getattr(reason, "code", None)
        if not isinstance(code, str):
            raise
        return {"verified": False, "code": code}
    return {"verified": True, **told, "height": str(told["height"])}


def _record_verdict(paper: Paper, content: bytes) -> dict[str, Any]:
    proof = codec.decode(paper.proof, envelope.RecordProof)
    told, batch = check._batch(paper.text, proof.batch, paper.trust, verify.verify)
    check._check_record(content, proof, paper.organisation, batch)
    return {"verified": True, "record": proof.record, "level": told.level}


# -- a chain under the real law -------------------------------------------------------------------


class Real(NamedTuple):
    """A chain that ran, and what it left: one block of three transactions, and the state after."""

    signer: receipts.Chain
    chain: law.Chain
    before: bytes
    raws: tuple[bytes, ...]
    results: list[Any]
    height: int


def _real(powers: tuple[int, ...], profile: str = "first") -> Real:
    chain = law.Chain(law.PROFILES[profile])
    agent = chain.agent()
    before = chain.app_hash
    stranger = EnrolAgent(agent=agent.id, key=chain.signer("again").key)
    raws = (
        chain.sign(chain.hospital, EnrolAgent(agent=law.name_of("b"), key=chain.signer("b").key)),
        chain.sign(agent, AnchorBatch(batch=law.name_of("batch"), root=_root(), size=3)),
        chain.sign(chain.hospital, stranger),
    )
    applied = chain.block(*raws)
    signer = receipts.Chain(powers, chain_id=chain.genesis.chain, height=chain.height)
    return Real(signer, chain, before, raws, applied.results, chain.height)


def _root() -> str:
    return leaves.root(leaves.unpack(_packed()))


def _packed() -> bytes:
    return leaves.pack(
        leaves.Entry(law.name_of(f"record {at}"), envelope.commitment(_salt(at), content), None)
        for at, content in enumerate(CONTENTS)
    )


def _salt(at: int) -> bytes:
    return sha256(b"salt %d" % at).digest()


def _headers(real: Real) -> tuple[b.Header, b.Header]:
    moment = real.chain.time * 10**6
    header = real.signer.header(
        real.height, time=moment, data_hash=b.data_hash(real.raws), app_hash=real.before
    )
    following = real.signer.header(
        real.height + 1,
        time=moment + SECOND,
        last_block_id=b.BlockId(header.hash(), b.PartSetHeader(1, sha256(b"parts").digest())),
        last_results_hash=b.results_hash([papers.tx_result(each) for each in real.results]),
        app_hash=real.chain.app_hash,
    )
    return header, following


def _receipt(real: Real, index: int) -> Any:
    header, following = _headers(real)
    block = b.Block(header, real.raws)
    signer = real.signer
    return papers.receipt(
        index, block, real.results, following, signer.commit(following), signer.validators
    )


def _state(real: Real, key: str) -> Any:
    _, following = _headers(real)
    view = real.chain.tree.stage({})
    held = real.chain.memory.get
    signer = real.signer
    return papers.state_proof(
        key.encode(), held, view, following, signer.commit(following), signer.validators
    )


def _trust(real: Real) -> Any:
    """A trust file of the chain's first height, read a minute after the papers were made."""
    header, _ = _headers(real)
    told = papers.trust(header, real.signer.validators, 3600, real.chain.genesis.profile.hash)
    start = receipts.bj.time_to_text(header.time - 60 * SECOND)
    now = receipts.bj.time_to_text(header.time + 60 * SECOND)
    return {**told, "height": 1, "time": start, "now": now}


def _record(real: Real, at: int) -> Paper:
    entry = leaves.unpack(_packed())[at]
    proof = envelope.RecordProof(
        record=entry.record,
        commitment=entry.commitment,
        batch=law.name_of("batch"),
        index=at,
        total=len(CONTENTS),
        path=leaves.path(_packed(), at),
        salt=codec.to_text(_salt(at)),
    )
    batch = f"records/batch/{law.name_of('batch')}"
    return Paper(
        _text(_state(real, batch)),
        _text(_trust(real)),
        (),
        CONTENTS[at],
        codec.encode(proof),
        real.chain.hospital.id,
    )


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# -- whole papers --------------------------------------------------------------------------------


def whole() -> dict[str, Paper]:
    """Papers as they are made, by name: all of them hold but those that say otherwise."""
    one, four = _real((10,)), _real((10, 10, 10, 10))
    return {**_plain("one", one), **_plain("four", four), **_special(), **_ways(), **_refused()}


def _plain(name: str, real: Real) -> dict[str, Paper]:
    trust = _text(_trust(real))
    batch = f"records/batch/{law.name_of('batch')}"
    return {
        f"{name}, an anchored batch": Paper(_text(_receipt(real, 1)), trust),
        f"{name}, a refused transaction": Paper(_text(_receipt(real, 2)), trust),
        f"{name}, a key that is there": Paper(_text(_state(real, batch)), trust),
        f"{name}, a key that is not": Paper(_text(_state(real, "consent/grant/none")), trust),
        f"{name}, a record in its batch": _record(real, 1),
    }


def _special() -> dict[str, Paper]:
    other = _real((10,), "second")
    silent = receipts.Chain((10, 10, 10, 10), flags=[b.COMMIT, b.ABSENT, b.COMMIT, b.COMMIT])
    nothing = receipts.Chain((10, 10, 10, 10), flags=[b.COMMIT, b.NIL, b.COMMIT, b.COMMIT])
    empty = receipts.Chain((10,))
    late = receipts.FOUR.trust(now_s=7200)
    heavy = receipts.Chain((100, 10, 10, 10))
    return {
        "a state under SHA3-256": Paper(
            _text(_state(other, "records/batch/none")), _text(_trust(other))
        ),
        "one of four is silent": _of(silent),
        "one of four votes for no block": _of(nothing),
        "nothing is in an empty state": Paper(
            _text(empty.state_proof(b"any")), _text(empty.trust())
        ),
        "after the trusting period": Paper(_text(receipts.FOUR.receipt()), _text(late)),
        "a majority in one hand": _of(heavy),
    }


def _of(chain: receipts.Chain) -> Paper:
    return Paper(_text(chain.receipt()), _text(chain.trust()))


def _ways() -> dict[str, Paper]:
    sets = test_verify_history.SETS
    walked = Paper(_text(test_verify_history.receipt()), _text(sets[0].trust()))
    witnessed = archives.pinned(receipts.FOUR.trust(), archives.A, archives.B, threshold=2)
    # One kind of key each: the newer kind is passed over where it is not known.
    witnessed["witnesses"] = [each.keys[0].encode() for each in (archives.A, archives.B)]
    log = archives.log_of(receipts.FOUR.receipt())
    lines = [each.lines(log.point)[0] for each in (archives.A, archives.B)]
    half, jump = receipts.FOUR.trust(), receipts.Chain((10, 10, 10, 10), label="stranger").trust()
    half["validators"] = half["validators"][:2] + jump["validators"][2:]
    return {
        "over three changes of validators": walked,
        "half of the pinned still sign": Paper(_text(receipts.FOUR.receipt()), _text(half)),
        "two witnesses": Paper(
            _text(receipts.FOUR.receipt()), _text(witnessed), (log.proof(*lines),)
        ),
        "over a promotion": _promoted(),
        "those who handed over sign on": Paper(_text(sets[0].receipt()), _text(sets[0].trust())),
        "before they handed over": Paper(_text(_early().receipt()), _text(sets[0].trust())),
    }


def _early() -> receipts.Chain:
    """The first of the sets, at a height at which it still signs."""
    return dataclasses.replace(test_verify_history.SETS[0], height=5)


def _promoted() -> Paper:
    old = receipts.Chain((10, 10, 10), label="old", chain_id="old-chain")
    new = receipts.Chain((10, 10, 10, 10), label="new", chain_id="new-chain", height=30)
    record = archives.record(old, new)
    link = papers.Promoted(record).to_json()
    return Paper(_text({**new.receipt(), "promotions": [link]}), _text(old.trust()))


def _refused() -> dict[str, Paper]:
    four = receipts.FOUR
    stranger = receipts.Chain((10, 10, 10, 10), label="stranger")
    few = receipts.Chain((10, 10, 10), flags=[b.COMMIT, b.COMMIT, b.ABSENT])
    missing = dataclasses.replace(four, chain_id="other")
    return {
        "strangers signed": Paper(_text(stranger.receipt()), _text(four.trust())),
        "two thirds are not enough": _of(few),
        "another chain": Paper(_text(missing.receipt()), _text(four.trust())),
        "ahead of the reader's clock": Paper(
            _text(four.receipt()), _text({**half_trust(), "now": "2026-03-01T08:00:02Z"})
        ),
        "a forged step of the history": Paper(
            _text({**test_verify_history.receipt(), "history": _forged()}),
            _text(test_verify_history.SETS[0].trust()),
        ),
    }


def half_trust() -> Any:
    """A trust file that knows two of four validators."""
    trust = receipts.FOUR.trust()
    strangers = receipts.Chain((10, 10, 10, 10), label="stranger").trust()["validators"]
    return {**trust, "validators": trust["validators"][:2] + strangers[2:]}


def _forged() -> Any:
    return test_verify_history.forged_signature(test_verify_history.history())


# -- altered papers ------------------------------------------------------------------------------


class Edit(NamedTuple):
    """A change of bytes: at `at` of a part of the paper, `removed` bytes become `put`."""

    part: str
    at: int
    removed: int
    put: bytes

    def of(self, paper: Paper) -> Paper:
        """The paper with the change."""
        whole: bytes = getattr(paper, self.part)
        changed = whole[: self.at] + self.put + whole[self.at + self.removed :]
        return paper._replace(**{self.part: changed})


def edits(paper: Paper) -> Iterator[Edit]:
    """One byte altered in every value of the paper, and other spellings of it."""
    for part in ("text", "proof", "content"):
        whole: bytes = getattr(paper, part) or b""
        for start, end in regions(whole):
            at = (start + end) // 2
            yield Edit(part, at, 1, _another(whole[at : at + 1]))
    yield from _spellings(paper.text)


def regions(text: bytes) -> list[tuple[int, int]]:
    """Where the values of a JSON text stand, without quotes; names of members are left out."""
    found, at = [], 0
    while at < len(text):
        if text[at : at + 1] == b'"':
            end = at + 1
            while text[end : end + 1] != b'"':
                end += 2 if text[end : end + 1] == b"\\" else 1
            if end > at + 1 and text[end + 1 : end + 2] != b":":
                found.append((at + 1, end))
            at = end + 1
        elif text[at : at + 1].isdigit():
            end = at
            while text[end : end + 1].isdigit():
                end += 1
            found.append((at, end))
            at = end
        else:
            at += 1
    return found


def _another(letter: bytes) -> bytes:
    """A letter of the same kind: a digit for a digit, so that the shape may still hold."""
    code = letter[0]
    if letter.isdigit():
        return b"%d" % ((code - 47) % 10)
    return bytes((code ^ 1,)) if letter.isalpha() else b"_"


def _spellings(text: bytes) -> Iterator[Edit]:
    yield Edit("text", 0, 0, b"\xef\xbb\xbf")
    yield Edit("text", 0, 0, b" \t\r\n")
    yield Edit("text", len(text), 0, b"\n")
    yield Edit("text", len(text), 0, b"{}")
    yield Edit("text", len(text) - 1, 1, b"")
    yield Edit("text", 1, 0, b'"format":"yilian-receipt/1",')
    yield Edit("text", 1, 0, b'"more":1.5,')
    yield Edit("text", 1, 0, b'"more":"\\ud800",')
    yield Edit("text", 1, 0, b'"more":"\xff",')
    yield Edit("text", 1, 0, b'"more":' + b"[" * 2_000 + b"]" * 2_000 + b",")
    yield Edit("text", 1, 0, b'"__proto__":{},')
    place = text.find(b'"index":')
    if place > 0:
        yield Edit("text", place + 8, 0, b"-")
        yield Edit("text", place + 8, 0, b"0")
        yield Edit("text", place + 8, 1, b"9007199254740993")


# -- the file ------------------------------------------------------------------------------------

ALTERED = (
    "one, an anchored batch",
    "four, a refused transaction",
    "four, a key that is there",
    "one, a key that is not",
    "four, a record in its batch",
    "over a promotion",
    "two witnesses",
)


def make() -> dict[str, Any]:
    """All of the file: papers by name, and the cases, each a paper with at most one change."""
    named = whole()
    cases: list[dict[str, Any]] = [
        {"case": name, "paper": name, "verdict": verdict(paper)} for name, paper in named.items()
    ]
    for name in ALTERED:
        for edit in edits(named[name]):
            told = {**edit._asdict(), "put": _b64(edit.put)}
            cases.append({"paper": name, "edit": told, "verdict": verdict(edit.of(named[name]))})
    return {
        "format": FORMAT,
        "made_by": "python -m tests.portal.proof_papers",
        "papers": {name: _written(paper) for name, paper in named.items()},
        "cases": cases,
    }


def _written(paper: Paper) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "text": paper.text.decode(),
        "trust": paper.trust.decode(),
        "fingerprint": check_number(paper.trust),
    }
    if paper.log_proofs:
        told["log_proofs"] = [each.decode() for each in paper.log_proofs]
    if paper.content is not None:
        told["content"] = paper.content.decode()
        told["proof"] = paper.proof.decode()
        told["organisation"] = paper.organisation
    return told


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def render() -> str:
    """The file's text: one line for each case."""
    made = make()
    lines = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in made.pop("cases"))
    head = json.dumps(made, ensure_ascii=False, indent=1)
    return f'{head[:-2]},\n "cases": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(render(), "utf-8")
