"""CometBFT's own light client, in Go, follows a consortium through changes of its validators."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import nacl.bindings
import pytest

from tests.foreign.light import judge as light
from tests.foreign.light.judge import Json, Judge, alterations, claim, light_blocks
from tests.network.members import Member, Running, send
from tests.scale import scale
from yilian.ledger import block_json, codec, genesis
from yilian.ledger.block import SECOND
from yilian.ledger.keys import Suites
from yilian.ledger.modules.governance.messages import SetValidator
from yilian.ledger.modules.governance.validators import key_proof
from yilian.node.engine import load_tree
from yilian.node.history import History
from yilian.node.store import Store
from yilian.sdk import drafts, verify

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

ALTERED_BLOCKS = scale(2, 20)
NEW_SEED = bytes(range(32))


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return light.build(tmp_path_factory.mktemp("light"))


def vote_power(running: Running, whose: Member, power: int) -> int:
    """Give a validator another power by vote; gives the height of the deciding vote."""
    proposal = drafts.fresh_id()
    action = SetValidator(organisation=whose.seat.organisation, power=power)
    with running["A"].client() as client:
        client.governance.propose(proposal=proposal, action=action)
    for each in "BC":
        with running[each].client() as client:
            done = client.governance.vote(proposal=proposal, approve=True)
    assert done.height is not None
    return done.height


def rename(running: Running, whose: Member) -> int:
    """Name another key to validate with, which nobody runs; gives the height."""
    public, secret = nacl.bindings.crypto_sign_seed_keypair(NEW_SEED)
    named = codec.to_text(public)
    text = key_proof(running.network.chain, whose.seat.organisation, named)
    proof = codec.to_text(nacl.bindings.crypto_sign(text, secret)[:64])
    with whose.client() as client:
        done = client.governance.name_validator(public=named, proof=proof)
    assert done.height is not None
    return done.height


class Changed:
    """Light blocks of a chain whose validators changed at two heights, from a stopped member."""

    def __init__(self, running: Running) -> None:
        running.agreed(3)
        with running["D"].client() as client:
            self.trust = client.trust()
        self.voted = vote_power(running, running["D"], 15)
        send(running, running["A"], [running["B"]])
        self.renamed = rename(running, running["C"])
        last = send(running, running["B"], [running["A"]])
        with running["A"].client() as client:
            self.receipt = client.receipt(last.hash)
        running.agreed(last.height + 3)
        running.stop()
        self.blocks = self._read(running["A"].folder.chain)

    @staticmethod
    def _read(folder: Path) -> list[Json]:
        store = Store(folder)
        try:
            document, tip = store.genesis(), store.tip()
            assert document is not None
            assert tip is not None
            first = genesis.read(document)
            history = History(store, load_tree(store, Suites(first.profile)), first)
            whole = range(1, store.newest_sealed(tip) + 1)
            return light_blocks(SimpleNamespace(store=store, history=history), whole)
        finally:
            store.close()

    def sets(self) -> list[int]:
        """The heights at which another set of validators signs for the first time."""
        names = [each["header"]["validators_hash"] for each in self.blocks]
        return [at + 1 for at in range(1, len(names)) if names[at] != names[at - 1]]


@pytest.fixture(scope="module")
def changed(running: Running) -> Changed:
    return Changed(running)


def test_it_follows_the_chain_through_both_changes(judge: Judge, changed: Changed) -> None:
    # What a block decides about validators holds from two heights later on.
    assert changed.sets() == [changed.voted + 2, changed.renamed + 2]
    blocks = changed.blocks
    step, jump = judge([claim(blocks), claim([blocks[0], blocks[-1]])])
    assert step.accepted
    assert jump.accepted


def test_every_altered_block_is_refused(judge: Judge, changed: Changed) -> None:
    blocks = changed.blocks
    places = [changed.voted + 2, changed.renamed + 2][:ALTERED_BLOCKS]
    places += list(range(2, len(blocks)))[: ALTERED_BLOCKS - len(places)]
    named = []
    for height in places:
        before, block = blocks[height - 2], blocks[height - 1]
        now = block_json.time_from_text(block["header"]["time"]) + SECOND
        named += [
            (f"{height} {name}", claim([before, spoiled], now=now))
            for name, spoiled in alterations(block, f"network {height}")
        ]
    verdicts = judge([each for _, each in named])
    accepted = [name for (name, _), given in zip(named, verdicts, strict=True) if not given.refused]
    assert accepted == []


def test_a_set_that_signs_no_more_is_not_followed(judge: Judge, changed: Changed) -> None:
    """The block after a change, with the validators of before it."""
    blocks = changed.blocks
    at = changed.renamed + 2
    old = {**blocks[at - 1], "validators": blocks[at - 2]["validators"]}
    good, bad = judge([claim([blocks[at - 2], blocks[at - 1]]), claim([blocks[at - 2], old])])
    assert good.accepted
    assert bad.refused


def test_a_trust_file_from_before_both_changes_leads_to_a_receipt_from_after(
    changed: Changed,
) -> None:
    assert len(changed.receipt["history"]) == 2
    told = verify.verify(json.dumps(changed.receipt), json.dumps(changed.trust))
    assert told.level == "agreed"
    assert told.height > changed.renamed
