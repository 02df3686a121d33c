"""What `docs/formats/supply.md` says: recomputed by the standard library alone, and by our code."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chain import Memory
from yilian.gateway.epcis import event_hash, json_form
from yilian.gateway.supply import anchors, notes, openings, pedigree
from yilian.gateway.supply.histories import events_levels
from yilian.gateway.supply.on_chain import TitleView
from yilian.gateway.supply.openings import Opening
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.state import (
    NULLIFIERS,
    OWNERS,
    POSTS,
    Owned,
    Owners,
    Posted,
    Spent,
    nullifier_key,
    post_key,
)
from yilian.ledger.state import State

ROOT = Path(__file__).parents[4]
VECTORS = ROOT / "vectors" / "titles"
DOCUMENT = ROOT / "docs" / "formats" / "supply.md"
MADE = runpy.run_path(str(VECTORS / "make.py"))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = json.loads((VECTORS / "titles.json").read_text("utf-8"))
    return found


@pytest.fixture
def state(told: dict[str, Any]) -> State:
    """A chain that has the posts, and the product's owner."""
    found = State(Memory())
    for each in told["posts"]:
        who, interval = each["organisation"], each["interval"]
        root = codec.to_text(bytes.fromhex(each["root"]))
        POSTS.put(found, post_key(who, interval), Posted(root=root, time=interval * 10_000))
        for slot, nullifier in enumerate(each["nullifiers"]):
            name = nullifier_key(who, codec.to_text(bytes.fromhex(nullifier)))
            NULLIFIERS.put(found, name, Spent(interval=interval, slot=slot))
    maker = told["posts"][0]["organisation"]
    OWNERS.put(found, "09520001000010", Owners(entries=(Owned(organisation=maker, since=0),)))
    found.keep()
    return found


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def test_the_vectors_are_what_their_program_makes() -> None:
    made = MADE["render"]()
    assert (VECTORS / "titles.json").read_text("utf-8") == made, (
        "run: python vectors/titles/make.py"
    )


def test_the_example_in_the_document_is_that_of_the_program() -> None:
    text = DOCUMENT.read_text("utf-8")
    (block,) = re.findall(r"^```text\n(maker .*?)^```$", text, re.S | re.M)
    shown = dict(re.split(r" {2,}", line) for line in block.splitlines())
    assert shown == MADE["example"]()


def test_the_programs_domains_are_those_in_the_document() -> None:
    text = DOCUMENT.read_text("utf-8")
    for domain in ("holder", "claim", "note", "nullifier", "title", "origin", "end", "post"):
        assert f"yilian-supply-{domain}/1" in text


def test_notes_and_nullifiers(told: dict[str, Any]) -> None:
    for each in told["notes"]:
        secret, holder = raw(each["secret"]), each["holder"]
        assert notes.holder_key(secret).hex() == each["key"]
        assert notes.claim(holder, raw(each["key"])).hex() == each["claim"]
        assert notes.note(raw(each["claim"]), raw(each["salt"])).hex() == each["commitment"]
        assert notes.nullifier(holder, secret).hex() == each["nullifier"]
    end = told["end"]
    assert notes.end(end["word"], raw(end["salt"])).hex() == end["commitment"]


def test_posts(told: dict[str, Any]) -> None:
    events = {7: raw(told["event"]["leaf"])}
    for each in told["posts"]:
        blind, (key, value) = notes.noise(raw(each["seed"]))
        leaves = {raw(name): raw(value) for name, value in each["leaves"].items()}
        titles = notes.TitleTree({**leaves, key: value}).root
        root = events_levels(blind, events.get(each["interval"], b""))[-1][0]
        assert (root.hex(), titles.hex()) == (each["events_root"], each["titles_root"])
        assert notes.post_root(root, titles).hex() == each["root"]
        noise = [notes.dummy(raw(each["seed"]), slot).hex() for slot in range(1, 8)]
        assert each["nullifiers"][1:] == noise


def test_an_event_and_its_proof(told: dict[str, Any], state: State) -> None:
    (event,) = json_form.parse_json(told["event"]["text"].encode()).events
    assert event is not None
    assert json_form.encode(event).decode() == told["event"]["text"]
    assert event_hash.prehash(event, "2.0") == told["event"]["prehash"]
    proof = told["event_proof"].encode()
    assert anchors.verify(proof, state).event_hash == event_hash.event_hash(event)
    for field in ("salt", "text", "titles_root", "event_hash"):
        changed = json.loads(proof)
        first = changed[field][20]
        changed[field] = changed[field][:20] + ("1" if first == "0" else "0") + changed[field][21:]
        with pytest.raises(Refusal, match=r"supply\.event_differs"):
            anchors.verify(json.dumps(changed).encode(), state)


def test_a_pedigree_is_checked_alike_by_both(told: dict[str, Any], state: State) -> None:
    document = pedigree.decode(told["pedigree"].encode())
    assert pedigree.encode(document).decode() == told["pedigree"]
    (pack, course), *rest = pedigree.check(document, TitleView(state)).items()
    maker, pharmacy = (told["posts"][each]["organisation"] for each in (0, 2))
    assert (pack, rest) == (told["packs"][0], [])
    assert (course.holders, course.note.holder) == (((maker, 7), (maker, 8)), pharmacy)
    posted = {
        (each["organisation"], each["interval"]): (
            raw(each["root"]),
            [raw(nullifier) for nullifier in each["nullifiers"]],
        )
        for each in told["posts"]
    }
    assert MADE["checks"](told["pedigree"], posted)
    other = told["pedigree"].replace(told["packs"][0], told["packs"][1])
    assert not MADE["checks"](other, posted)
    with pytest.raises(Refusal, match=r"supply\.title_path"):
        pedigree.check(pedigree.decode(other.encode()), TitleView(state))


def test_an_end_is_checked_alike_by_both(told: dict[str, Any], state: State) -> None:
    document = msgspec.json.decode(told["ended"], type=pedigree.Ended)
    assert pedigree.encode(document).decode() == told["ended"]
    (pack, ending), *rest = pedigree.check_ended(document, TitleView(state)).items()
    maker, pharmacy = (told["posts"][each]["organisation"] for each in (0, 2))
    assert (pack, rest) == (told["packs"][0], [])
    assert ending.holders == ((maker, 7), (maker, 8), (pharmacy, 9))
    assert (ending.end.word, ending.end.salt.hex()) == ("dispensed", told["end"]["salt"])
    posted = {
        (each["organisation"], each["interval"]): (
            raw(each["root"]),
            [raw(nullifier) for nullifier in each["nullifiers"]],
        )
        for each in told["posts"]
    }
    assert MADE["checks"](told["ended"], posted)
    other = told["ended"].replace("dispensed", "stolen")
    assert not MADE["checks"](other, posted)
    changed = msgspec.json.decode(other, type=pedigree.Ended)
    with pytest.raises(Refusal, match=r"supply\.title_path"):
        pedigree.check_ended(changed, TitleView(state))
    with pytest.raises(Refusal, match=r"supply\.proof_malformed"):
        pedigree.decode(told["ended"].encode())


def test_an_opening_opens_its_post_exactly(told: dict[str, Any], state: State) -> None:
    opening = msgspec.json.decode(told["opening"], type=Opening)
    assert msgspec.json.encode(opening, order="sorted").decode() == told["opening"]
    assert openings.opens(opening, state)
    for changed in (
        msgspec.structs.replace(opening, moves=opening.moves[:1]),
        msgspec.structs.replace(opening, seed=bytes(32)),
        msgspec.structs.replace(opening, spends=()),
    ):
        assert not openings.opens(changed, state)
