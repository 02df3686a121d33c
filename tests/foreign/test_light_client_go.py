"""Our chains before CometBFT's own light client, in Go: followed where good, else refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import nacl.bindings
import pytest

from tests.chain import CHAIN_ID, VALIDATOR_SEED, Chain, engine
from tests.foreign.light import judge as light
from tests.foreign.light.judge import Json, Judge, alterations, claim, light_block, light_blocks
from yilian.ledger import block_json
from yilian.ledger.block import (
    ABSENT,
    COMMIT,
    NIL,
    SECOND,
    ZERO_TIME,
    BlockId,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    Validator,
    ValidatorSet,
    Version,
    vote_sign_bytes,
)
from yilian.sdk import verify

pytestmark = pytest.mark.slow

BLOCKS = 12
GENESIS_TIME = 1_767_225_600 * SECOND


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return light.build(tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """The light blocks of a chain that the embedded engine made, proof blocks among them."""
    running, cast = engine(tmp_path_factory.mktemp("chain") / "node")
    with running:
        while running.height < BLOCKS:
            label = f"person {running.height}"
            message = Chain.enrol_person(label, cast.signer(label).key)
            done = running.submit(cast.sign(cast.hospital, message)).result(timeout=30)
            assert done.code == 0
        return light_blocks(running, range(1, BLOCKS + 1))


class Seat:
    """A validator of a made chain, with its secret."""

    def __init__(self, label: str) -> None:
        seed = sha256(b"seat " + label.encode()).digest()
        self.public, self.secret = nacl.bindings.crypto_sign_seed_keypair(seed)

    def vote(self, header: Header, block_id: BlockId, moment: int, flag: int = COMMIT) -> CommitSig:
        """Vote for a block, or for none (`NIL`), or leave the place empty (`ABSENT`)."""
        if flag == ABSENT:
            return CommitSig(ABSENT, b"", ZERO_TIME, b"")
        named = block_id if flag == COMMIT else BlockId()
        text = vote_sign_bytes(header.chain_id, header.height, 0, named, moment)
        signature = nacl.bindings.crypto_sign(text, self.secret)[:64]
        return CommitSig(flag, sha256(self.public).digest()[:20], moment, signature)


def validator_set(seats: dict[str, int]) -> ValidatorSet:
    return ValidatorSet(Validator(Seat(label).public, power) for label, power in seats.items())


def sealed(header: Header, seats: dict[str, int], **flags: int) -> Json:
    """Have a header signed by its validators; `flags` says who votes otherwise."""
    block_id = BlockId(header.hash(), PartSetHeader(1, sha256(b"parts").digest()))
    by_key = {Seat(label).public: label for label in seats}
    validators = validator_set(seats)
    votes = []
    for number, each in enumerate(validators.validators):
        label = by_key[each.public_key]
        flag = flags.get(label, COMMIT)
        votes.append(Seat(label).vote(header, block_id, header.time + number, flag))
    return light_block(header, Commit(header.height, 0, block_id, tuple(votes)), validators)


def council(sets: Sequence[dict[str, int]], start: int = 1000, **flags: int) -> list[Json]:
    """Make a chain of several validators, one set for each height from `start`."""
    made: list[Json] = []
    last = BlockId()
    for number, seats in enumerate(sets):
        following = sets[min(number + 1, len(sets) - 1)]
        header = Header(
            chain_id="council-2",
            height=start + number,
            time=GENESIS_TIME + number * SECOND + 7,
            last_block_id=last,
            last_commit_hash=sha256(b"commit %d" % number).digest(),
            data_hash=sha256(b"data %d" % number).digest(),
            validators_hash=validator_set(seats).hash(),
            next_validators_hash=validator_set(following).hash(),
            consensus_hash=sha256(b"parameters").digest(),
            app_hash=sha256(b"state %d" % number).digest(),
            last_results_hash=sha256(b"results").digest(),
            evidence_hash=sha256(b"").digest(),
            proposer_address=validator_set(seats).validators[0].address,
        )
        made.append(sealed(header, seats, **flags))
        last = block_json.block_id_from_json(made[-1]["commit"]["block_id"])
    return made


FOUR = {"a": 10, "b": 10, "c": 10, "d": 10}


def resigned(block: Json, **changes: Any) -> Json:
    """Have the embedded chain's own validator sign a header that it must not sign."""
    header = msgspec.structs.replace(block_json.header_from_json(block["header"]), **changes)
    block_id = BlockId(header.hash(), PartSetHeader(1, sha256(b"parts").digest()))
    public, secret = nacl.bindings.crypto_sign_seed_keypair(VALIDATOR_SEED)
    text = vote_sign_bytes(header.chain_id, header.height, 0, block_id, header.time)
    signature = nacl.bindings.crypto_sign(text, secret)[:64]
    vote = CommitSig(COMMIT, sha256(public).digest()[:20], header.time, signature)
    commit = Commit(header.height, 0, block_id, (vote,))
    return light_block(header, commit, block_json.validators_from_json(block["validators"]))


def require_refused(judge: Judge, named: list[tuple[str, Json]]) -> None:
    """Have every claim refused, in every way in which the client can go."""
    verdicts = judge([each for _, each in named])
    passed = [name for (name, _), given in zip(named, verdicts, strict=True) if not given.refused]
    assert passed == []


def test_an_embedded_chain_is_followed_height_by_height(judge: Judge, embedded: list[Json]) -> None:
    (given,) = judge([claim(embedded)])
    assert given.accepted
    assert len(given.steps) == BLOCKS - 1
    assert given.sequential == light.SUCCESS


def test_an_embedded_chain_is_followed_by_jumps(judge: Judge, embedded: list[Json]) -> None:
    jumps = [[embedded[at] for at in path] for path in ((0, 11), (0, 5, 11), (2, 4), (3, 4, 9))]
    for given in judge([claim(path) for path in jumps]):
        assert given.accepted
        assert given.sequential == ""


@pytest.mark.parametrize("path", [(5, 6), (0, 11)], ids=["adjacent", "jump"])
def test_every_altered_block_is_refused(
    judge: Judge, embedded: list[Json], path: tuple[int, int]
) -> None:
    trusted, block = (embedded[at] for at in path)
    named = [
        (name, claim([trusted, spoiled], now=now_after(block)))
        for name, spoiled in alterations(block, f"altered {path}")
    ]
    assert len(named) > 110
    require_refused(judge, named)


def now_after(block: Json) -> int:
    return block_json.time_from_text(block["header"]["time"]) + SECOND


def ours(trusted: Json, block: Json, now: int) -> str:
    """Ask the project's own verifier about a step on which the validators stay the same."""
    following = {"next_validators": trusted["validators"]}
    try:
        step = [verify.light_block(each | following) for each in (trusted, block)]
    except verify.NotVerified:
        return verify.INVALID
    return verify.verify_step(step[0], step[1], now, light.YEAR * SECOND, verify.DRIFT)


def test_our_own_verifier_says_the_same(judge: Judge, embedded: list[Json]) -> None:
    four = council([FOUR] * 4)
    steps = [(chain[0], chain[at]) for chain in (embedded, four) for at in (1, 3)]
    cases = [("good", trusted, block, now_after(block)) for trusted, block in steps]
    for trusted, block in steps:
        cases += [
            (name, trusted, spoiled, now_after(block))
            for name, spoiled in alterations(block, "both")
        ]
    theirs = judge([claim([trusted, block], now=now) for _, trusted, block, now in cases])
    differing = [
        name
        for (name, trusted, block, now), given in zip(cases, theirs, strict=True)
        if (ours(trusted, block, now) == verify.SUCCESS) != given.accepted
    ]
    assert differing == []


def test_an_altered_block_on_the_way_is_where_the_client_stops(
    judge: Judge, embedded: list[Json]
) -> None:
    spoiled = dict(alterations(embedded[5], "on the way"))["header.app_hash"]
    (given,) = judge([claim([*embedded[:5], spoiled, *embedded[6:]])])
    assert given.steps[:-1] == [light.SUCCESS] * 4
    assert given.steps[-1] != light.SUCCESS
    assert given.sequential != light.SUCCESS
    assert given.skipping == light.SUCCESS


def test_an_altered_trusted_block_is_refused(judge: Judge, embedded: list[Json]) -> None:
    trusted = embedded[4]
    for name, spoiled in alterations(trusted, "trusted"):
        (given,) = judge([claim([spoiled, embedded[5]], trusted, now_after(embedded[5]))])
        assert given.refused, name


def test_what_the_validator_itself_must_not_sign_is_refused(
    judge: Judge, embedded: list[Json]
) -> None:
    trusted, block = embedded[3], embedded[7]
    now = now_after(block)
    before = block_json.time_from_text(trusted["header"]["time"])
    good = claim([trusted, resigned(block)], now=now)
    assert judge([good])[0].accepted
    changes: dict[str, dict[str, Any]] = {
        "the trusted block's time": {"time": before},
        "an earlier time": {"time": before - SECOND},
        "a time to come": {"time": now + 11 * SECOND},
        "another chain": {"chain_id": CHAIN_ID + "-2"},
        "no chain": {"chain_id": ""},
        "another validator set": {"validators_hash": sha256(b"others").digest()},
        "another protocol": {"version": Version(10, 1)},
    }
    named = [
        (name, claim([trusted, resigned(block, **change)], now=now))
        for name, change in changes.items()
    ]
    named.append(("the trusted height again", claim([trusted, resigned(trusted)], now=now)))
    named.append(("a lower height", claim([trusted, embedded[1]], now=now)))
    verdicts = judge([each for _, each in named])
    for (name, _), given in zip(named, verdicts, strict=True):
        assert given.steps[-1] != light.SUCCESS, name
    require_refused(judge, named[:-2])


def test_trust_ends_with_its_period(judge: Judge, embedded: list[Json]) -> None:
    path, period = [embedded[3], embedded[4]], 3600
    ends = block_json.time_from_text(path[0]["header"]["time"]) + period * SECOND
    good, late = judge([claim(path, now=now, period=period) for now in (ends - 1, ends)])
    assert good.accepted
    assert late.refused
    assert "expired" in late.steps[-1]


def test_strangers_who_sign_everything_right_are_refused(
    judge: Judge, embedded: list[Json]
) -> None:
    strangers = {"x": 10, "y": 10}
    named = []
    for at in (4, 9):
        header = block_json.header_from_json(embedded[at]["header"])
        their_set = validator_set(strangers).hash()
        forged = msgspec.structs.replace(
            header, validators_hash=their_set, next_validators_hash=their_set
        )
        named.append((f"height {at}", claim([embedded[3], sealed(forged, strangers)])))
    require_refused(judge, named)
    adjacent, jump = judge([each for _, each in named])
    assert adjacent.steps[-1].startswith("INVALID")
    assert jump.steps[-1].startswith("NOT_ENOUGH_TRUST")


def test_a_chain_of_four_is_followed(judge: Judge) -> None:
    blocks = council([FOUR] * 6)
    for given in judge([claim(blocks), claim([blocks[0], blocks[5]])]):
        assert given.accepted


@pytest.mark.parametrize("flag", [ABSENT, NIL], ids=["absent", "nil"])
def test_three_of_four_suffice_and_two_do_not(judge: Judge, flag: int) -> None:
    three = council([FOUR] * 3, d=flag)
    two = council([FOUR] * 3, c=flag, d=flag)
    good, bad = judge([claim(three), claim([council([FOUR])[0], two[1]])])
    assert good.accepted
    assert bad.refused


def test_a_heavier_validator_counts_as_much_as_its_power(judge: Judge) -> None:
    seats = {"a": 100, "b": 20, "c": 20}
    alone = council([seats] * 2, b=ABSENT, c=ABSENT)
    without = council([seats] * 2, a=ABSENT)
    good, bad = judge([claim(alone), claim([alone[0], without[1]])])
    assert good.accepted
    assert bad.refused


def test_every_altered_block_of_four_is_refused(judge: Judge) -> None:
    blocks = council([FOUR] * 4)
    for path in ((0, 1), (0, 3)):
        trusted, block = (blocks[at] for at in path)
        named = [
            (name, claim([trusted, spoiled], now=now_after(block)))
            for name, spoiled in alterations(block, f"four {path}")
        ]
        require_refused(judge, named)


def changing() -> Iterator[dict[str, int]]:
    """One seat changes at a time, until nobody of the first four is left."""
    labels = "abcdefghij"
    for number in range(7):
        yield dict.fromkeys(labels[number : number + 4], 10)


def test_changing_validators_are_followed_and_a_jump_too_far_needs_a_block_between(
    judge: Judge,
) -> None:
    blocks = council(list(changing()))
    whole, near, far = judge(
        [claim(blocks), claim([blocks[0], blocks[2]]), claim([blocks[0], blocks[4]])]
    )
    assert whole.accepted
    assert near.accepted
    assert far.steps[-1].startswith("NOT_ENOUGH_TRUST")
    assert far.skipping != light.SUCCESS


def test_a_validator_that_left_may_not_sign_the_next_height(judge: Judge) -> None:
    blocks = council([*[FOUR] * 2, {"a": 10, "b": 10, "c": 10, "e": 10}])
    header = block_json.header_from_json(blocks[2]["header"])
    unchanged = msgspec.structs.replace(header, validators_hash=validator_set(FOUR).hash())
    good, bad = judge([claim(blocks), claim([blocks[1], sealed(unchanged, FOUR)])])
    assert good.accepted
    assert bad.refused


def test_the_alterations_alter_one_thing_and_leave_the_block_alone() -> None:
    block = council([FOUR])[0]
    text = msgspec.json.encode(block)
    made = dict(alterations(block, "once"))
    assert len(made) == len(list(alterations(block, "once")))
    assert all(msgspec.json.encode(each) != text for each in made.values())
    assert msgspec.json.encode(block) == text
    assert {name.split(".")[0] for name in made} > {"header", "commit", "validators"}
