"""The verifier of witnesses and promotions: what holds is told, all else has its own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.sdk.archives import NOW, A, B, C, Cosigner, Log, log_key, log_of, pinned, record
from tests.unit.sdk.receipts import FOUR, ONE, START, Chain, text, with_
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import checkpoint as notes
from yilian.ledger.checkpoint import Checkpoint, LogProof, Note, NoteSignature
from yilian.ledger.promotion import Promotion
from yilian.ledger.receipt import LightBlock, Promoted
from yilian.sdk import verify as v
from yilian.sdk import verify_log

RECEIPT = FOUR.receipt()
LOG = log_of(RECEIPT)
ADOPTED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "adopted/notes.json").read_text("utf-8")
)


def check(paper: Any, trust: Any, *proofs: bytes, published: Sequence[Path] = ()) -> v.Verified:
    return verify_log.verify(text(paper), text(trust), proofs, published)


def code_of(paper: Any, trust: Any, *proofs: bytes, published: Sequence[Path] = ()) -> str:
    with pytest.raises(v.NotVerified) as caught:
        check(paper, trust, *proofs, published=published)
    assert caught.value.detail
    return caught.value.code


def signed(*witnesses: Cosigner, log: Log = LOG, seconds: int = NOW) -> bytes:
    lines = [line for each in witnesses for line in each.lines(log.point, seconds)]
    return log.proof(*lines)


# -- archived ------------------------------------------------------------------------------------


def test_without_witnesses_it_is_the_plain_verifier() -> None:
    assert check(RECEIPT, FOUR.trust()) == v.verify(text(RECEIPT), text(FOUR.trust()))


def test_two_of_three_witnesses_make_it_archived() -> None:
    trust = pinned(FOUR.trust(), A, B, C, threshold=2)
    told = check(RECEIPT, trust, signed(A, C))
    assert (told.level, told.witnesses) == ("archived", (A.name, C.name))
    assert told.witnessed == "2026-03-01T08:01:00Z"
    assert told.warnings == ()


def test_a_state_proof_is_archived_too() -> None:
    paper = FOUR.state_proof(b"none")
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert check(paper, trust, signed(A, log=log_of(paper))).level == "archived"


def test_each_witness_may_have_a_checkpoint_of_its_own() -> None:
    trust = pinned(FOUR.trust(now_s=3000), A, B, threshold=2)
    larger = log_of(RECEIPT, 90)
    told = check(RECEIPT, trust, signed(A), signed(B, log=larger, seconds=NOW + 100))
    assert told.witnessed == "2026-03-01T08:02:40Z"
    # The time is the one by which enough had signed.
    trust["witness_threshold"] = 1
    assert check(RECEIPT, trust, signed(A), signed(B, seconds=NOW + 9)).witnessed.endswith("01:00Z")


def test_two_keys_of_one_witness_are_one_witness() -> None:
    trust = pinned(FOUR.trust(), A, B, threshold=2)
    assert code_of(RECEIPT, trust, signed(A)) == "too_few_witnesses"
    assert code_of(RECEIPT, trust, signed(A), signed(A)) == "too_few_witnesses"


@pytest.mark.parametrize("kind", [0, 1])
def test_one_kind_of_cosignature_is_enough(kind: int) -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert check(RECEIPT, trust, LOG.proof(A.lines(LOG.point, NOW)[kind])).level == "archived"


def test_where_ml_dsa_is_missing_its_keys_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_log, "ML_DSA", False)
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert check(RECEIPT, trust, signed(A)).level == "archived"
    modern = LOG.proof(A.lines(LOG.point, NOW)[1])
    assert code_of(RECEIPT, trust, modern) == "too_few_witnesses"


def test_unknown_signatures_are_passed_over() -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    stranger = NoteSignature(A.name, b"none", bytes(72))
    assert check(RECEIPT, trust, LOG.proof(stranger, *A.lines(LOG.point, NOW))).level == "archived"


def test_one_signer_stays_told() -> None:
    paper = ONE.receipt()
    trust = pinned(ONE.trust(), A, threshold=1)
    told = check(paper, trust, signed(A, log=log_of(paper)))
    assert (told.level, told.warnings) == ("archived", (verify_log.ONE_SIGNER,))


def test_after_the_period_the_witnesses_time_counts() -> None:
    strangers = Chain((10,) * 4, label="stranger").trust()["validators"]
    for now_s, plain in ((7200, "trust_expired"), (60, None)):
        trust = pinned(FOUR.trust(now_s=now_s), A, threshold=1)
        # Half of the pinned validators are others: the jump rule, within the period.
        trust["validators"] = trust["validators"][:2] + strangers[2:]
        if plain:
            assert code_of(RECEIPT, trust) == plain
        assert check(RECEIPT, trust, signed(A)).level == "archived"
    late = signed(A, seconds=NOW + 5000)
    trust = {**trust, "now": "2030-01-01T00:00:00Z"}
    assert code_of(RECEIPT, trust, late) == "trust_expired"


def _other_header(proof: LogProof) -> LogProof:
    return LogProof(3, (*proof.path[:-1], bytes(32)), proof.note)


def _other_place(proof: LogProof) -> LogProof:
    return LogProof(proof.index + 1, proof.path, proof.note)


def _no_way(proof: LogProof) -> LogProof:
    return LogProof(proof.index, proof.path[1:], proof.note)


@pytest.mark.parametrize("bend", [_other_header, _other_place, _no_way])
def test_a_way_that_does_not_lead_to_the_root(bend: Callable[[LogProof], LogProof]) -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    proof = bend(LogProof.decode(signed(A)))
    assert code_of(RECEIPT, trust, proof.encode()) == "not_in_log"


def test_another_header_is_not_in_the_log() -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    other = FOUR.receipt(index=1)
    assert code_of(other, trust, signed(A)) == "not_in_log"
    assert check(other, trust).level == "agreed"


def test_a_log_of_another_chain() -> None:
    log = log_of(RECEIPT, chain="other")
    assert code_of(RECEIPT, pinned(FOUR.trust(), A, threshold=1), signed(A, log=log)) == "wrong_log"


def test_where_log_keys_are_pinned_one_must_have_signed() -> None:
    trust = pinned(FOUR.trust(), A, threshold=1, log_keys=[log_key().encode()])
    assert check(RECEIPT, trust, signed(A)).level == "archived"
    trust["log_keys"] = [log_key(label="another").encode()]
    assert code_of(RECEIPT, trust, signed(A)) == "log_not_signed"


def test_a_known_key_whose_signature_is_wrong_spoils_the_note() -> None:
    trust = pinned(FOUR.trust(), A, B, threshold=1)
    for at in range(2):
        lines = list(A.lines(LOG.point, NOW))
        wrong = lines[at].signature[:-1] + bytes((lines[at].signature[-1] ^ 1,))
        lines[at] = NoteSignature(A.name, lines[at].key_id, wrong)
        proof = LOG.proof(*lines, *B.lines(LOG.point, NOW))
        assert code_of(RECEIPT, trust, proof) == "bad_cosignature"
        # The time is signed too.
        lines = list(A.lines(LOG.point, NOW))
        early = notes.timestamped(NOW - 1, lines[at].signature[8:])
        lines[at] = NoteSignature(A.name, lines[at].key_id, early)
        assert code_of(RECEIPT, trust, LOG.proof(*lines)) == "bad_cosignature"
    short = NoteSignature(A.name, A.keys[0].key_id, b"short")
    assert code_of(RECEIPT, trust, LOG.proof(short)) == "bad_cosignature"


def test_a_cosignature_of_another_size_or_root_is_wrong() -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    other = log_of(RECEIPT, 41)
    assert code_of(RECEIPT, trust, LOG.proof(*A.lines(other.point, NOW))) == "bad_cosignature"


def test_a_witness_ahead_of_the_readers_clock() -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert code_of(RECEIPT, trust, signed(A, seconds=NOW + 60)) == "witness_from_future"


@pytest.mark.parametrize("threshold", [0, 2, None])
def test_a_threshold_that_does_not_fit(threshold: int | None) -> None:
    trust = pinned(FOUR.trust(), A, threshold=threshold or 0)
    if threshold is None:
        del trust["witness_threshold"]
    trust["witness_threshold"] = threshold if threshold is not None else 3
    assert code_of(RECEIPT, trust, signed(A)) == "no_witnesses"


def test_a_trust_file_without_witnesses_archives_nothing() -> None:
    assert code_of(RECEIPT, FOUR.trust(), signed(A)) == "no_witnesses"
    plain = {**FOUR.trust(), "witnesses": [log_key().encode()], "witness_threshold": 1}
    assert code_of(RECEIPT, plain, signed(A)) == "no_witnesses"


@pytest.mark.parametrize("vkey", ["", "a", *ADOPTED["bad_keys"]])
def test_a_key_that_is_none(vkey: str) -> None:
    trust = {**FOUR.trust(), "witnesses": [vkey], "witness_threshold": 1}
    assert code_of(RECEIPT, trust, signed(A)) in ("malformed", "outdated_algorithm")


GOOD = signed(A)


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("unsupported_format", b""),
        ("unsupported_format", GOOD[1:]),
        ("malformed", GOOD.split(b"\n\n")[0]),
        ("malformed", GOOD.replace(b"index ", b"index 0", 1)),
        ("malformed", GOOD.replace(b"index 12\n", b"", 1)),
        ("malformed", GOOD.replace(b"index 12\n", b"index 12\nA\n", 1)),
        ("malformed", GOOD[:-1]),
        ("malformed", GOOD + b"x"),
        ("malformed", GOOD.replace(b"\n40\n", b"\n040\n", 1)),
        ("malformed", GOOD.replace(b"\n40\n", b"\n40\r\n", 1)),
        ("malformed", GOOD.replace("\u2014".encode(), b"\xff", 1)),
        ("not_in_log", GOOD.replace(b"index 12", b"index 40", 1)),
        ("too_large", GOOD + b"x" * verify_log.MAX_NOTE),
    ],
    ids=range(13),
)
def test_what_is_no_log_proof(code: str, bad: bytes) -> None:
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert code_of(RECEIPT, trust, bad) == code


def test_any_flipped_bit_of_a_log_proof_is_refused_or_means_the_same() -> None:
    trust, good = pinned(FOUR.trust(), A, threshold=1), LOG.proof(A.lines(LOG.point, NOW)[0])
    own = good.index("\u2014 yilian".encode())
    own_end = good.index(b"\n", own)
    expected = check(RECEIPT, trust, good)
    for at in range(len(good)):
        bent = bytearray(good)
        bent[at] ^= 1 << at % 8
        try:
            told = check(RECEIPT, trust, bytes(bent))
        except v.NotVerified:
            continue
        # Only the log's own line, which this trust file does not pin, may be anything.
        assert own <= at <= own_end, (at, bytes(bent))
        assert told == expected


def test_published_facts_are_read_alike() -> None:
    for told in ADOPTED["keys"]:
        key = verify_log.read_key(told["vkey"])
        assert (key.name, key.kind) == (told["name"], told["kind"])
    for bad in ADOPTED["bad_keys"]:
        with pytest.raises(v.NotVerified):
            verify_log.read_key(bad)


# -- published folders ---------------------------------------------------------------------------


def medium(folder: Path, log: Log, *witnesses: Cosigner, day: str | None = None) -> Path:
    """Write a log as a witness publishes it."""
    lines = [line for each in witnesses for line in each.lines(log.point, NOW)]
    note = Note(log.point.text(), tuple(lines)).encode()
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / ("checkpoint" if day is None else f"checkpoints/{day}")).write_bytes(note)
    hashes = [notes.leaf_hash(each) for each in log.entries]
    for level, index, width in notes.tiles(log.point.size):
        span = 256**level
        first = index * 256
        tile = [
            notes.fold(hashes[at * span : (at + 1) * span]) for at in range(first, first + width)
        ]
        path = folder / notes.tile_path(level, index, width)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(tile))
    return folder


@pytest.mark.parametrize("size", [13, 40, 256, 257, 700])
def test_a_folder_is_as_good_as_a_proof(tmp_path: Path, size: int) -> None:
    folder = medium(tmp_path, log_of(RECEIPT, size), A)
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert check(RECEIPT, trust, published=[folder]).level == "archived"


def test_the_earliest_checkpoint_that_holds_it_is_taken(tmp_path: Path) -> None:
    medium(tmp_path, log_of(RECEIPT, 5), A, day="2026-03-01")
    medium(tmp_path, log_of(RECEIPT, 20), A, day="2026-03-02")
    medium(tmp_path, log_of(RECEIPT, 300), A)
    proof = verify_log.Published(tmp_path).proof(notes.leaf(header_of(RECEIPT)), 12)
    assert (proof.place, proof.checkpoint.size) == (12, 20)
    assert verify_log.read_proof(verify_log.write_proof(proof)) == proof


def header_of(paper: dict[str, Any]) -> b.Header:
    return bj.header_from_json(paper["next_header"])


def test_the_place_need_not_be_the_height(tmp_path: Path) -> None:
    header = header_of(RECEIPT)
    entries = tuple(notes.leaf(header) if at == 2 else b"%d" % at for at in range(9))
    origin = notes.origin("test-chain")
    log = Log(entries, 2, Checkpoint(origin, 9, notes.root(hashes_of(entries), 9)))
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert check(RECEIPT, trust, published=[medium(tmp_path, log, A)]).level == "archived"


def hashes_of(entries: Sequence[bytes]) -> notes.Hashes:
    return lambda level, first, count: [
        notes.leaf_hash(each) for each in entries[first : first + count]
    ]


def _no_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").unlink()


def _no_tile(folder: Path) -> None:
    (folder / "tile/0/001").unlink()


def _cut_tile(folder: Path) -> None:
    (folder / "tile/0/001").write_bytes(bytes(31))


def _changed_tile(folder: Path) -> None:
    (folder / "tile/0/001").write_bytes(bytes(8192))


def _no_leaf(folder: Path) -> None:
    (folder / "tile/0/000").write_bytes(bytes(8192))


@pytest.mark.parametrize("bend", [_no_checkpoint, _no_tile, _cut_tile, _changed_tile, _no_leaf])
def test_a_folder_that_does_not_hold(tmp_path: Path, bend: Callable[[Path], None]) -> None:
    log = log_of(RECEIPT, 600)
    folder = medium(tmp_path, log, A)
    bend(folder)
    (folder / "tile/1/000.p/2").write_bytes(bytes(64))
    trust = pinned(FOUR.trust(), A, threshold=1)
    assert code_of(RECEIPT, trust, published=[folder]) == "not_in_log"


# -- promotions ----------------------------------------------------------------------------------

OLD = Chain((10,) * 4, label="old", chain_id="old-chain", height=40)
NEW = Chain((10,) * 4, label="new", chain_id="new-chain", height=40)
THIRD = Chain((10,) * 4, label="third", chain_id="third-chain", height=40)


def promoted(*links: Any, chain: Chain = NEW) -> dict[str, Any]:
    told = [each.to_json() if isinstance(each, Promoted) else each for each in links]
    return {**chain.receipt(), "promotions": told}


def test_a_trust_file_of_the_old_chain_is_enough() -> None:
    paper = promoted(Promoted(record(OLD, NEW)))
    told = check(paper, OLD.trust())
    assert (told.level, told.chain_id) == ("agreed", "new-chain")
    assert check(paper, NEW.trust()).level == "agreed"
    with pytest.raises(v.NotVerified, match="wrong_chain"):
        v.verify(text(paper), text(OLD.trust()))


def test_a_chain_that_one_member_wrote_alone_stays_told() -> None:
    alone = Chain((10,), label="alone", chain_id="old-chain")
    assert check(promoted(Promoted(record(alone, NEW))), alone.trust()).level == "one signer"


def test_two_promotions_and_a_trust_file_from_between() -> None:
    first, second = Promoted(record(OLD, NEW)), Promoted(record(NEW, THIRD, height=25))
    paper = promoted(first, second, chain=THIRD)
    for chain in (OLD, NEW, THIRD):
        assert check(paper, chain.trust()).chain_id == "third-chain"
    assert code_of(promoted(second, first, chain=THIRD), OLD.trust()) == "wrong_chain"
    assert code_of(promoted(second, chain=THIRD), OLD.trust()) == "wrong_chain"


def test_the_old_chain_changed_its_validators_before() -> None:
    later = Chain((10,) * 4, label="later", chain_id="old-chain")
    header = OLD.header(9, next_validators_hash=later.validators.hash())
    block = LightBlock(header, OLD.commit(header), OLD.validators, later.validators)
    link = Promoted(record(later, NEW), (block,))
    assert check(promoted(link), OLD.trust()).level == "agreed"
    assert code_of(promoted(Promoted(record(later, NEW))), OLD.trust()) == "wrong_validators"


def test_a_promoted_chain_is_archived_under_its_own_log() -> None:
    paper = promoted(Promoted(record(OLD, NEW)))
    trust = pinned(OLD.trust(), A, threshold=1)
    assert check(paper, trust, signed(A, log=log_of(paper, 50))).level == "archived"


def link_of(chain: Chain = OLD, **told: Any) -> dict[str, Any]:
    return Promoted(record(chain, NEW, **told)).to_json()


def forged_mark() -> dict[str, Any]:
    return with_(link_of(), "record", "signatures", 0, "signature", to="A" * 86)


@pytest.mark.parametrize(
    ("code", "link"),
    [
        ("not_enough_power", link_of(signers=list(OLD.key_of)[:2])),
        ("repeated_vote", link_of(signers=[*OLD.key_of, *list(OLD.key_of)[:1]])),
        ("bad_signature", forged_mark()),
        ("bad_signature", with_(link_of(), "record", "old", "height", to=21)),
        ("bad_signature", with_(link_of(), "record", "new", "time", to=1)),
        ("wrong_validators", link_of(Chain((10,) * 4, label="x", chain_id="old-chain"))),
        ("wrong_chain", link_of(Chain((10,) * 4, label="old", chain_id="another"))),
        ("height_not_above_trust", link_of(height=1, time=(START + 9 * b.SECOND) // 10**6)),
        ("header_from_future", link_of(time=(START + 7200 * b.SECOND) // 10**6)),
        ("time_not_monotone", link_of(time=(START - b.SECOND) // 10**6)),
        ("unsupported_format", with_(link_of(), "record", "format", to="yilian-promotion/2")),
        ("malformed", with_(link_of(), "record", "old", "header", to="A" * 44)),
        ("malformed", with_(link_of(), "record", "old", "header", to="A+" * 21 + "A")),
        ("malformed", with_(link_of(), "more", to=1)),
        ("malformed", []),
    ],
)
def test_a_promotion_that_does_not_hold(code: str, link: Any) -> None:
    assert code_of(promoted(link), OLD.trust()) == code


def test_after_the_period_the_old_chain_promotes_nothing() -> None:
    paper = promoted(Promoted(record(OLD, NEW)))
    assert code_of(paper, OLD.trust(now_s=7200)) == "trust_expired"


def test_what_is_not_needed_must_hold_all_the_same() -> None:
    assert code_of(promoted(forged_mark()), NEW.trust()) == "bad_signature"
    assert code_of({**NEW.receipt(), "promotions": {}}, NEW.trust()) == "malformed"


def test_the_record_of_the_ledger_is_the_one_that_is_read() -> None:
    told = msgspec.to_builtins(record(OLD, NEW))
    assert msgspec.convert(told, Promotion) == record(OLD, NEW)
    assert sorted(told) == ["format", "new", "old", "signatures"]
