"""Coverage-guided fuzzing with atheris (libFuzzer): one target for each reader of foreign bytes.

    python -m tests.fuzz.targets NAME FOLDER RUNS

runs one target on its seeds, which are written into the folder, until RUNS inputs were tried. Any
exception but the refusals that the reader declares ends it with an exit code other than 0, and the
input stays in the folder as `crash-...`. JSON is also changed by its structure: a byte changed at
random hardly ever leaves canonical JSON canonical.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import atheris

with atheris.instrument_imports(include=["yilian"]):
    import msgspec

    from tests.chain import STEP
    from tests.fuzz.packages import formats, written
    from tests.http.bodies import STRINGS, WRONG, places, text
    from tests.simulation import Dice, Simulation
    from tests.unit.sdk import receipts
    from yilian.gateway.fhir import intake, sample
    from yilian.ledger import block, block_json, codec, errors, transaction
    from yilian.ledger.errors import MALFORMED, NOT_CANONICAL, Code, Refusal
    from yilian.sdk import verify
    from yilian.vault import envelope, packages

LARGEST = 8_192
NUMBERS = (0, 1, -1, 2, 3, 7, 255, 2**31, 2**32, 2**53 - 1, 2**53, 2**63, 2**64, 10**40)


class Target(NamedTuple):
    """What to call with each input, the inputs to begin with, and whether they are JSON."""

    run: Callable[[bytes], None]
    seeds: Iterable[bytes]
    json: bool


# -- transactions --------------------------------------------------------------------------------


def transactions() -> Target:
    """`transaction.decode`, `Machine.check` and, where that lets it in, the rules."""
    simulation = Simulation("first", "atheris")
    for _ in range(25):
        simulation.step()
    chain = simulation.chain
    cast = (chain.hospital, chain.insurer, chain.authority, *simulation.actors())
    signers = {each.signer.id: each.signer for each in cast}

    def seal(raw: bytes) -> bytes:
        """Sign anew for the keys that are listed, else only signatures would be judged."""
        body, found, _ = raw.removeprefix(b'{"body":').rpartition(b',"signatures":')
        try:
            listed = json.loads(body)["signers"] if found else []
            keys = [signers[each] for each in listed]
        except (ValueError, KeyError, TypeError, RecursionError):
            return raw
        return transaction.assemble(body, [each.sign(transaction.DOMAIN + body) for each in keys])

    def run(data: bytes) -> None:
        for raw in dict.fromkeys((data, seal(data))):
            try:
                chain.machine.check(raw, chain.time + STEP)
            except Refusal as refusal:
                _coded(refusal)
                continue
            result = chain.apply(raw).results[0]
            assert result.code != errors.INTERNAL.number
            assert result.code == errors.OK or errors.by_number(result.code)

    return Target(run, [draw() for draw in simulation.drawers().values()], True)


def _coded(refusal: Refusal, *only: Code) -> None:
    assert errors.by_number(refusal.code.number) is refusal.code
    assert sorted(refusal.parameters) == list(refusal.code.parameters)
    assert not only or refusal.code in only
    msgspec.json.encode(refusal.parameters)


def _refuses_or(act: Callable[[], Any], *only: Code) -> Any:
    """Give what a reader gives, or None where it refuses, with one of the codes named."""
    try:
        return act()
    except Refusal as refusal:
        _coded(refusal, *only)
        return None


# -- blocks --------------------------------------------------------------------------------------


def blocks() -> Target:
    """`Block.decode`, `Commit.decode`, `Header.decode`, and what is done with what they give."""
    chain = receipts.FOUR
    header = chain.header(12)
    commit = chain.commit(header)
    seeds = [
        header.encode(),
        commit.encode(),
        block.Commit().encode(),
        block.Block(header, tuple(chain.txs), commit, (b"\x0a\x00",)).encode(),
        block.Block(header).encode(),
    ]

    def run(data: bytes) -> None:
        for type_ in (block.Block, block.Commit, block.Header):
            found = _refuses_or(partial(type_.decode, data), MALFORMED)
            if found is not None:
                assert found.encode() == data
                _use(found)

    def _use(found: Any) -> None:
        if isinstance(found, block.Block):
            assert found.block_id().hash == found.header.hash()
            _use(found.header)
        elif isinstance(found, block.Header):
            _told_again(block_json.header_to_json, block_json.header_from_json, found)
        else:
            found.hash()
            _told_again(block_json.commit_to_json, block_json.commit_from_json, found)
            count = partial(chain.validators.signed_power, chain.chain_id, found)
            _refuses_or(count, MALFORMED)

    return Target(run, seeds, False)


def _told_again(write: Callable[[Any], Any], read: Callable[[Any], Any], value: Any) -> None:
    """Hold that the JSON of a value, where it may be read at all, is read as the same value."""
    again = _refuses_or(lambda: read(json.loads(json.dumps(write(value)))), MALFORMED)
    assert again in (None, value)


# -- receipts and state proofs -------------------------------------------------------------------


def proofs() -> Target:
    """`sdk/verify.py`: nothing but `NotVerified`, and no proof of what the seeds do not prove."""
    chains = (receipts.ONE, receipts.FOUR)
    trusts = [text(each.trust()) for each in chains]
    found = [
        made
        for each in chains
        for made in (
            each.receipt(),
            each.receipt(index=4, code=9),
            each.state_proof(b"consent/grant/7"),
            each.state_proof(b"consent/grant/none"),
        )
    ]
    seeds = [text(each) for each in found]
    proved = {_said(verify.verify(seed, trusts[at // 4])) for at, seed in enumerate(seeds)}

    def true(said: tuple[str, str, int, str]) -> bool:
        """Tell whether it is so. The neighbours of an absent key prove other keys absent too."""
        absent = re.fullmatch("state key (.*) is absent", said[0], re.DOTALL)
        if absent is None:
            return said in proved
        there = absent[1].encode() in receipts.STATE
        return not there and any(said[1:] == each[1:] for each in proved)

    def run(data: bytes) -> None:
        for proof, trust in ((data, trusts[0]), (data, trusts[1]), (seeds[0], data)):
            with contextlib.suppress(verify.NotVerified):
                assert true(_said(verify.verify(proof, trust)))

    return Target(run, [*seeds, *trusts], True)


def _said(found: verify.Verified) -> tuple[str, str, int, str]:
    return found.proved, found.chain_id, found.height, found.level


# -- FHIR bundles --------------------------------------------------------------------------------


def bundles() -> Target:
    """`take_apart`: what it gives are pieces of the bundle, each of them text."""

    def run(data: bytes) -> None:
        try:
            taken = intake.take_apart(data)
        except Refusal as refusal:
            _coded(refusal)
            return
        assert taken.identity.system
        assert taken.identity.value
        for each in taken.resources:
            assert each.content in data
            each.content.decode("utf-8")

    return Target(run, [_few(each) for each in sample.bundles(1, 4)], True)


def _few(bundle: bytes) -> bytes:
    """Keep one resource of each type of a generated bundle."""
    value = json.loads(bundle)
    kinds = {each["resource"]["resourceType"]: each for each in value["entry"]}
    value["entry"] = [
        each for kind, each in kinds.items() if kind in ("Patient", "Observation", "Condition")
    ]
    return text(value)


# -- what vaults send each other -----------------------------------------------------------------


def vaults() -> Target:
    """The packages of vaults, keys, wraps and seals."""
    private = envelope.PrivateKey(b"\x01" + bytes(range(96)))
    info = envelope.binding("grant-package", grant="g")
    sealed = [b"\x01" + bytes(size) for size in (40, 1_200)]
    ids = [codec.to_text(bytes((each,)) * 16) for each in range(3)]
    every = formats()

    def opened(data: bytes) -> None:
        package = packages.GrantPackage(
            holder=ids[0], grantee=ids[1], grant=ids[2], recipient=private.public.id, sealed=data
        )
        assert codec.decode(codec.encode(package), packages.GrantPackage) == package
        for act in (
            partial(envelope.PublicKey, data),
            partial(envelope.PrivateKey, data),
            partial(envelope.unwrap, private, data, info),
            partial(envelope.open_sealed, bytes(32), data, info),
        ):
            _refuses_or(act)

    def run(data: bytes) -> None:
        opened(data)
        for format_ in every:
            found = _refuses_or(partial(codec.decode, data, format_), MALFORMED, NOT_CANONICAL)
            if found is None:
                continue
            assert codec.encode(found) == data
            if isinstance(found, packages.Released):
                for each in found.records:
                    _refuses_or(partial(envelope.check_inclusion, each.proof, "A" * 43))
            if isinstance(found, envelope.RecordProof):
                _refuses_or(partial(envelope.check_record, data, bytes(32), found, "A" * 43))

    return Target(run, [private.public.data, *sealed, *written()], True)


def planted() -> Target:
    """A reader with a fault, which has to be found."""

    def run(data: bytes) -> None:
        if data[:1] == b"[":
            raise KeyError("planted")

    return Target(run, [b'{"a":1}'], True)


TARGETS: dict[str, Callable[[], Target]] = {
    "transactions": transactions,
    "blocks": blocks,
    "proofs": proofs,
    "bundles": bundles,
    "vaults": vaults,
    "planted": planted,
}

# -- the engine ----------------------------------------------------------------------------------


def _by_structure(data: bytes, largest: int, seed: int) -> bytes:
    """Change one place of a JSON text, or its bytes where it is none."""
    dice = Dice(str(seed))
    try:
        value = json.loads(data) if dice.chance(60) else None
        found = list(places(value))
    except (ValueError, RecursionError):
        found = []
    if found:
        _change(dice, found)
        made = text(value)
        if len(made) <= largest:
            return made
    return bytes(atheris.Mutate(data, largest))


def _change(dice: Dice, found: list[tuple[Any, Any]]) -> None:
    place, key = dice.pick(found)
    how = dice.below(6)
    if how == 0:
        del place[key]
    elif how == 1:
        place[key] = dice.pick(WRONG)
    elif how == 2:
        place[key] = dice.pick(NUMBERS)
    elif how == 3:
        place[key] = dice.pick(STRINGS)
    elif how == 4:
        other, name = dice.pick(found)
        place[key] = json.loads(text(other[name]))
    elif isinstance(place, list):
        place.append(place[key])
    else:
        place[dice.pick(("extra", "type", "format"))] = place[key]


def main(name: str, folder: str, runs: str) -> None:
    """Fuzz one target; does not return."""
    target = TARGETS[name]()
    corpus = Path(folder) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    options = (
        f"-runs={runs}",
        "-seed=1",
        f"-max_len={LARGEST}",
        "-timeout=30",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={folder}/",
    )
    more = {"custom_mutator": _by_structure} if target.json else {}
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
