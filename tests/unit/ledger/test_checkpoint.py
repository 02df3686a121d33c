"""Notes, checkpoints, tiles and log proofs: published facts, round trips, and what is refused."""

from __future__ import annotations

import base64
import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yilian.ledger import block as b
from yilian.ledger import checkpoint as notes
from yilian.ledger import codec, merkle, promotion
from yilian.ledger.checkpoint import Checkpoint, LogProof, Note, NoteSignature, VerifierKey
from yilian.ledger.errors import MALFORMED, Refusal

ADOPTED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "adopted/notes.json").read_text("utf-8")
)
SEED = bytes(range(32))
POINT = Checkpoint("yilian/chain/test", 7, merkle.sha256(b"root"))


def malformed(read: Any, *given_: Any) -> None:
    with pytest.raises(Refusal) as caught:
        read(*given_)
    assert caught.value.code is MALFORMED


# -- published facts -----------------------------------------------------------------------------


@pytest.mark.parametrize("told", ADOPTED["keys"], ids=lambda told: told["name"])
def test_published_keys_are_read_and_written_back(told: dict[str, Any]) -> None:
    key = VerifierKey.decode(told["vkey"])
    assert (key.name, key.kind, key.encode()) == (told["name"], told["kind"], told["vkey"])


@pytest.mark.parametrize("vkey", ADOPTED["bad_keys"])
def test_published_bad_keys_are_refused(vkey: str) -> None:
    malformed(VerifierKey.decode, vkey)


@pytest.mark.parametrize("told", ADOPTED["notes"], ids=lambda told: told["vkey"][:12])
def test_published_notes_are_read_and_their_signatures_hold(told: dict[str, Any]) -> None:
    key, note = VerifierKey.decode(told["vkey"]), Note.decode(told["note"].encode())
    (line,) = note.by(key)
    signed = line.signature + note.text.encode()
    assert nacl.bindings.crypto_sign_open(signed, key.public) == note.text.encode()
    assert note.encode().decode() == told["note"]


def test_the_published_note_is_made_again_from_its_seed() -> None:
    told = ADOPTED["notes"][1]
    _, secret = nacl.bindings.crypto_sign_seed_keypair(base64.b64decode(told["seed"])[1:])
    key, note = VerifierKey.decode(told["vkey"]), Note.decode(told["note"].encode())
    signature = nacl.bindings.crypto_sign(note.text.encode(), secret)[:64]
    made = Note(note.text, (NoteSignature(key.name, key.key_id, signature),))
    assert made.encode().decode() == told["note"]


def test_the_published_checkpoint_and_what_a_cosignature_of_it_signs() -> None:
    told = ADOPTED["checkpoint"]
    read = Checkpoint.decode(told["text"])
    assert (read.origin, read.size, read.text()) == (told["origin"], told["size"], told["text"])
    signed = notes.cosignature_text(read, 1679315147)
    assert signed.decode() == told["signed_at_1679315147"]


def test_published_tiles() -> None:
    for told in ADOPTED["tiles"]["paths"]:
        assert notes.tile_path(0, told["index"]) == f"tile/0/{told['path']}"
    for size, name in ((70_000, "of_70000"), (256, "of_256")):
        expected = []
        for level in ADOPTED["tiles"][name]:
            expected += [(level["level"], at, 256) for at in range(level["full"])]
            if level["partial"]:
                expected.append((level["level"], level["full"], level["partial"]))
        assert notes.tiles(size) == expected


# -- notes ---------------------------------------------------------------------------------------


def test_an_ml_dsa_cosignature_signs_label_name_time_origin_span_and_root() -> None:
    text = notes.subtree_text(POINT, 5, "witness.example/w")
    assert text == (
        b"subtree/v1\n\0\x11witness.example/w" + (5).to_bytes(8, "big") + b"\x11yilian/chain/test"
        b"\0\0\0\0\0\0\0\0" + (7).to_bytes(8, "big") + POINT.root
    )


names = st.from_regex("[!-*,-~]{1,40}", fullmatch=True)
lines = st.builds(
    NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90)
)


@settings(deadline=None)
@given(st.lists(lines, min_size=1, max_size=16), names, st.integers(1, 2**53 - 1))
def test_notes_come_back_as_they_were(
    signatures: Sequence[NoteSignature], name: str, size: int
) -> None:
    point = Checkpoint(name, size, merkle.sha256(name.encode()))
    note = Note(point.text(), tuple(signatures))
    assert Note.decode(note.encode()) == note
    assert Checkpoint.decode(note.text) == point


GOOD = Note(POINT.text(), (NoteSignature("k", b"1234", b"s" * 64),)).encode()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\n\n",
        GOOD[:-1],
        GOOD.replace(b"\n\n", b"\n"),
        GOOD + b"x\n",
        GOOD.replace("\u2014".encode(), b"-"),
        GOOD.replace(b" k ", b"  "),
        GOOD.replace(b" k ", b" k+ "),
        GOOD.replace(b"=", b""),
        GOOD.replace(b"MTIz", b"MTI\n"),
        GOOD.replace(b"yilian", b"yil\tan"),
        GOOD.replace(b"yilian", b"yil\xffan"),
        GOOD + b"x" * notes.MAX_NOTE,
        GOOD + GOOD.split(b"\n\n")[1] * notes.MAX_SIGNATURES,
    ],
)
def test_what_is_no_note(bad: bytes) -> None:
    malformed(Note.decode, bad)


@pytest.mark.parametrize(
    "bad",
    [
        POINT.text()[:-1],
        POINT.text() + "extension\n",
        POINT.text().replace("\n7\n", "\n07\n"),
        POINT.text().replace("\n7\n", "\n-7\n"),
        POINT.text().replace("\n7\n", "\n9007199254740992\n"),
        POINT.text().replace("\n7\n", "\n0\n"),
        POINT.text().replace("=", ""),
        POINT.text().replace("yilian/", "yilian /"),
        "\n" + POINT.text(),
    ],
)
def test_what_is_no_checkpoint(bad: str) -> None:
    malformed(Checkpoint.decode, bad)


def test_an_empty_log_has_the_root_of_nothing() -> None:
    assert Checkpoint.decode(Checkpoint("o", 0, merkle.EMPTY).text()).size == 0


@pytest.mark.parametrize(
    "bad", ["", "a+b", "a b+00000000+AA==", "a+0000+AA==", "+00000000+AAAA", "a+00000000+AA"]
)
def test_what_is_no_key(bad: str) -> None:
    malformed(VerifierKey.decode, bad)


def test_a_key_of_another_length_or_id_is_refused() -> None:
    for kind, length in ((1, 31), (4, 33), (6, 32), (5, 32), (6, 1313)):
        malformed(VerifierKey.decode, VerifierKey("name", kind, bytes(length)).encode())
    good = VerifierKey("name", 1, SEED)
    other = good.encode().replace(good.key_id.hex(), "00000000")
    malformed(VerifierKey.decode, other)


# -- the tree above tiles ------------------------------------------------------------------------


def leaves(count: int) -> list[bytes]:
    return [b"leaf %d" % at for at in range(count)]


def stored(entries: Sequence[bytes]) -> notes.Hashes:
    """Hashes of a list as tiles hold them, made by the definition."""

    def hashes(level: int, first: int, count: int) -> list[bytes]:
        span = 256**level
        found = []
        for at in range(first, first + count):
            whole = entries[at * span : (at + 1) * span]
            assert len(whole) == span, "only full subtrees are stored"
            found.append(merkle.root(whole))
        return found

    return hashes


@settings(deadline=None)
@given(st.integers(0, 700), st.data())
def test_roots_and_proofs_from_tiles_are_those_of_the_list(size: int, data: st.DataObject) -> None:
    entries = leaves(size)
    held = stored(entries)
    assert notes.root(held, size) == merkle.root(entries)
    if size:
        index = data.draw(st.integers(0, size - 1))
        assert notes.inclusion(held, index, size) == merkle.inclusion(entries, index)
        first = data.draw(st.integers(1, size))
        assert notes.consistency(held, first, size) == merkle.consistency(entries, first)
        small = data.draw(st.integers(1, size))
        assert notes.root(held, small) == merkle.root(entries[:small])


def test_three_levels_of_tiles() -> None:
    size = 65_536 + 300
    asked = []

    def hashes(level: int, first: int, count: int) -> list[bytes]:
        asked.append((level, first, count))
        return [merkle.sha256(b"%d %d" % (level, at)) for at in range(first, first + count)]

    notes.inclusion(hashes, 65_536 + 299, size)
    assert all(first // 256 == (first + count - 1) // 256 for _, first, count in asked)
    assert (2, 0, 1) in asked


@pytest.mark.parametrize("index", [-1, 5, 6])
def test_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        notes.inclusion(stored(leaves(5)), index, 5)
    with pytest.raises(IndexError):
        notes.consistency(stored(leaves(5)), 0, 5)


@settings(deadline=None)
@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_new_tiles_are_those_that_were_not_whole_before(one: int, other: int) -> None:
    before, size = sorted((one, other))
    old = set(notes.tiles(before))
    kept = {each for each in old if each[2] == 256}
    assert set(notes.tiles(size, before)) == set(notes.tiles(size)) - kept


@settings(deadline=None)
@given(
    st.one_of(st.just("entries"), st.integers(0, 63)), st.integers(0, 10**9), st.integers(1, 256)
)
def test_tile_names_come_back(level: int | str, index: int, width: int) -> None:
    assert notes.read_tile_path(notes.tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "tile/0",
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/x000/001",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/../../node.json",
        "tile/entries/000/..",
        "tile/0/x001/x001/x001/x001/x001/x001/000",
        "tile/0/000\n",
    ],
)
def test_what_is_no_tile_name(bad: str) -> None:
    malformed(notes.read_tile_path, bad)


def test_a_bundle_holds_each_entry_after_its_length() -> None:
    assert notes.bundle([b"a", b"bc" * 200]) == b"\0\x01a\x01\x90" + b"bc" * 200


# -- leaves and proofs ---------------------------------------------------------------------------


def header(height: int = 3) -> b.Header:
    digest = merkle.sha256(b"x")
    return b.Header(
        chain_id="test",
        height=height,
        time=1_800_000_000_123_456_789,
        last_commit_hash=digest,
        data_hash=digest,
        validators_hash=digest,
        next_validators_hash=merkle.sha256(b"next"),
        consensus_hash=digest,
        app_hash=merkle.sha256(b"app"),
        last_results_hash=digest,
        evidence_hash=digest,
        proposer_address=digest[:20],
    )


def test_a_leaf_says_what_the_header_says() -> None:
    text = notes.leaf(header())
    assert json.loads(text) == {
        "app_hash": merkle.sha256(b"app").hex(),
        "header_hash": header().hash().hex(),
        "height": 3,
        "next_validators_hash": merkle.sha256(b"next").hex(),
        "time": "1800000000123456789",
        "validators_hash": merkle.sha256(b"x").hex(),
    }
    assert codec.encode(json.loads(text)) == text
    assert notes.leaf_hash(text) == merkle.sha256(b"\0" + text)


@settings(deadline=None)
@given(st.integers(1, 40), st.data())
def test_log_proofs_come_back(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = tuple(notes.inclusion(stored(leaves(size)), index, size))
    proof = LogProof(index, path, GOOD)
    assert LogProof.decode(proof.encode()) == proof
    extra = proof.encode().replace(b"@v1\n", b"@v1\nextra YQ==\n", 1)
    assert LogProof.decode(extra) == proof


PROOF = LogProof(1, (merkle.sha256(b"a"), merkle.sha256(b"b")), GOOD).encode()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        PROOF.replace(b"@v1", b"@v2", 1),
        PROOF.replace(b"index 1", b"index 01", 1),
        PROOF.replace(b"index 1\n", b"", 1),
        PROOF.replace(b"index 1\n", b"index 1\nAAAA\n", 1),
        PROOF.replace(b"index 1\n", b"index 1\n" + b"A" * 44 + b"\n", 1),
        PROOF.replace(b"index", b"ind\xff", 1),
        PROOF.split(b"\n\n")[0],
        PROOF + b"x" * notes.MAX_NOTE,
    ],
)
def test_what_is_no_log_proof(bad: bytes) -> None:
    malformed(LogProof.decode, bad)


# -- our own vectors, made without the ledger ----------------------------------------------------

VECTORS = Path(__file__).parents[3] / "vectors" / "log"


def test_the_vectors_are_what_their_program_makes() -> None:
    made = runpy.run_path(str(VECTORS / "make.py"))["render"]()
    assert (VECTORS / "log.json").read_text("utf-8") == made, "run: python vectors/log/make.py"


def test_the_vectors_hold() -> None:
    told = json.loads((VECTORS / "log.json").read_text("utf-8"))
    entries = [each.encode() for each in told["entries"]]
    assert [notes.leaf_hash(each).hex() for each in entries] == told["leaf_hashes"]
    note = Note.decode(told["note"].encode())
    point = Checkpoint.decode(note.text)
    assert (point.origin, point.root.hex()) == (notes.origin("vectors"), told["root"])
    assert merkle.root(entries) == point.root
    seconds, witness = told["witness"]["seconds"], VerifierKey.decode(told["witness"]["vkey"])
    assert notes.cosignature_text(point, seconds).decode() == told["ed25519_signed"]
    assert notes.subtree_text(point, seconds, witness.name).hex() == told["ml_dsa_44_signed"]
    for key, text in (
        (VerifierKey.decode(told["log"]["vkey"]), note.text.encode()),
        (witness, told["ed25519_signed"].encode()),
    ):
        (line,) = note.by(key)
        signature = line.signature[-64:]
        assert nacl.bindings.crypto_sign_open(signature + text, key.public) == text
    for index, text in enumerate(told["proofs"]):
        proof = LogProof.decode(text.encode())
        assert proof.note == note.encode()
        root = merkle.root_from_inclusion(entries[index], proof.index, point.size, proof.path)
        assert (proof.index, root) == (index, point.root)


def test_the_vector_of_a_promotion_holds() -> None:
    told = json.loads((VECTORS / "log.json").read_text("utf-8"))["promotion"]
    record = codec.decode(told["record"].encode(), promotion.Promotion)
    promotion.check(record)
    assert promotion.statement(record.old, record.new).decode() == told["signed"]
