"""Malformed and hostile transactions: each gets a coded refusal, and none changes the state.

About 3,000 cases by default; `YILIAN_SCALE=100` and more make a million of them.
"""

from __future__ import annotations

import msgspec
import pytest

from tests.cases import outside_envelope, spent_by
from tests.chain import PROFILES, STEP, Chain
from tests.fuzz.hostile import Hostile
from tests.scale import SCALE
from tests.simulation import Dice, Simulation
from yilian.ledger import errors, transaction
from yilian.ledger.errors import Refusal
from yilian.ledger.machine import Applied
from yilian.ledger.spending import Spending
from yilian.ledger.state import State

CASES = 3_000 if SCALE < 100 else 1_000_000
PER_BLOCK = 25
KINDS = sorted(Hostile(Chain(), Chain().hospital, b"", Dice("")).kinds())

SHORT_OF_STANDING = set(range(errors.MALFORMED.number, errors.SENDER_NOT_SIGNER.number + 1)) - {
    errors.EXPIRES_TOO_LATE.number,
    errors.KEY_REVOKED.number,
}
"""Refusals found before a signature is known to be the sender's: these change nothing at all."""


def _valid(simulation: Simulation, dice: Dice) -> Hostile:
    """Give a maker of hostile texts from a transaction that would be accepted now."""
    chain = simulation.chain
    while True:
        raw = dice.pick(list(simulation.drawers().values()))()
        if len(raw) < 6_000 and chain.apply(raw).results[0].code == errors.OK:
            break
    body = transaction.decode(raw).body
    pool = (chain.hospital, chain.insurer, chain.authority, *simulation.actors())
    actor = next(each for each in pool if each.signer.id == body.signers[0])
    return Hostile(chain, actor, raw, dice)


def _nonce(raw: bytes) -> tuple[str, str]:
    body = transaction.decode(raw).body
    return body.sender, body.nonce


def _refused(chain: Chain, raw: bytes) -> int:
    """Hold what must hold of `check` on a hostile text; gives the code."""
    try:
        chain.machine.check(raw, chain.time + STEP)
    except Refusal as found:
        refusal = found
    else:
        return errors.OK
    assert errors.by_number(refusal.code.number) is refusal.code
    for value in refusal.parameters.values():
        assert isinstance(value, int | str)
    msgspec.json.encode(refusal.parameters)
    return refusal.code.number


def _hold(chain: Chain, raws: list[bytes]) -> Applied:
    """Apply hostile texts and hold that they changed what a refusal may change, and no more."""
    applied = chain.apply(*raws)
    idle = chain.apply(*[b"{}"] * len(raws))
    assert outside_envelope(applied) == outside_envelope(idle)
    early = [each for each in applied.results if each.code in SHORT_OF_STANDING]
    late = len(applied.results) - len(early)
    spent, used = spent_by(applied, chain.memory.content)
    assert 0 <= spent <= late
    assert 0 <= used <= 2 * late
    assert all(each.code != errors.OK for each in applied.results)
    return applied


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_hostile_transactions_are_refused_with_a_code(profile: str) -> None:
    simulation = Simulation(profile, "fuzz")
    for _ in range(25):
        simulation.step()
    chain, dice = simulation.chain, Dice(f"hostile {profile}")
    drawn = dict.fromkeys(KINDS, 0)
    codes: set[int] = set()
    count = CASES // len(PROFILES)
    for at in range(0, count, PER_BLOCK):
        if at % 200 == 0:
            hostile = _valid(simulation, dice)
        makers = hostile.kinds()
        raws: list[bytes] = []
        while len(raws) < PER_BLOCK:
            kind = KINDS[sum(drawn.values()) % len(KINDS)]
            raw = makers[kind]()
            drawn[kind] += 1
            if raw != hostile.raw:
                raws.append(raw)
        raws = [raw for raw in raws if not _still_means_it(chain, raw)]
        told = [_refused(chain, raw) for raw in raws]
        results = _hold(chain, raws).results
        codes.update(each.code for each in results)
        spent: set[tuple[str, str]] = set()
        for raw, check, result in zip(raws, told, results, strict=True):
            if result.code == errors.NONCE_SPENT.number and check == errors.OK:
                assert _nonce(raw) in spent, "spent by an earlier text of the same block alone"
            elif result.code in SHORT_OF_STANDING:
                assert check != errors.OK, (result.code, raw[:200])
            else:
                assert check in (result.code, errors.OK), raw[:200]
                spent.add(_nonce(raw))
    assert all(drawn.values())
    assert errors.INTERNAL.number not in codes
    assert {each.number for each in WANTED} <= codes


WANTED = (
    errors.MALFORMED,
    errors.NOT_CANONICAL,
    errors.WRONG_CHAIN,
    errors.EXPIRED,
    errors.UNKNOWN_KEY,
    errors.BAD_SIGNATURE,
    errors.SIGNATURES_MISSING,
    errors.SIGNER_REPEATED,
    errors.SENDER_NOT_SIGNER,
)


def _still_means_it(chain: Chain, raw: bytes) -> bool:
    """Tell whether a text that was changed and signed anew is a sound transaction after all."""
    return chain.apply(raw).results[0].code == errors.OK


def test_a_valid_transaction_is_accepted_after_all_that() -> None:
    simulation = Simulation("first", "fuzz")
    hostile = _valid(simulation, Dice("valid"))
    _hold(simulation.chain, [maker() for maker in hostile.kinds().values()][:5])
    assert simulation.chain.block(hostile.raw).results[0].code == errors.OK


def test_replays_are_refused_however_often() -> None:
    simulation = Simulation("first", "replay")
    for _ in range(15):
        simulation.step()
    chain = simulation.chain
    before = chain.app_hash
    applied = _hold(chain, simulation.sent[-60:] * 2)
    assert chain.app_hash == before
    assert errors.NONCE_SPENT.number in {each.code for each in applied.results}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_text_is_not_the_valid_one(kind: str) -> None:
    simulation = Simulation("first", "kinds")
    dice = Dice(kind)
    hostile = _valid(simulation, dice)
    assert any(hostile.kinds()[kind]() != hostile.raw for _ in range(5))


def test_one_that_spends_too_much_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation("first", "replay")
    _replay(simulation, 15)
    monkeypatch.setattr(Spending, "require_unspent", lambda *_: None)
    with pytest.raises(AssertionError):
        _replay(simulation, 25)


def _replay(simulation: Simulation, steps: int) -> None:
    """Go on, and after each block send again what was sent not long ago."""
    for _ in range(steps):
        simulation.step()
        _hold(simulation.chain, simulation.sent[-60:])


@pytest.mark.parametrize("depth", [100, 1_000, 10_000, 30_000])
@pytest.mark.parametrize("brackets", [b"[]", b'{"a":}'])
def test_deep_nesting_is_malformed(depth: int, brackets: bytes) -> None:
    chain = Chain()
    open_, close = brackets[:-1], brackets[-1:]
    for text in (open_ * depth + close * depth, b'{"body":' + open_ * depth):
        result = chain.apply(text).results[0]
        assert result.code in (errors.MALFORMED.number, errors.TOO_LARGE.number)


def test_state_is_untouched_by_a_read_of_it() -> None:
    chain = Chain()
    state = State(chain.memory)
    assert list(state.scan(b"identity/"))
    assert state.changes() == {}
