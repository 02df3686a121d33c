"""A recall goes through the trade: found, set aside, answered to who issued it, proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.unit.gateway.members.world import House, until
from tests.unit.gateway.supply.pack_events import event, seen
from tests.unit.gateway.supply.recalling import Chain, gtin, of, pack
from yilian.gateway.members import there
from yilian.gateway.practice import notices
from yilian.gateway.supply import recall_answers
from yilian.gateway.supply.recall_answers import SignedAnswer
from yilian.gateway.supply.recall_progress import Row
from yilian.gateway.supply.steps import PARTY
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.sdk import drafts
from yilian.vault.desk_formats import Staff

WAIT = 40
COUNTS = ("held", "away", "coming", "dispensed", "ended", "derived")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    made = Chain(tmp_path_factory.mktemp("recalls"))
    yield made
    made.close()


def rows(chain: Chain, recall: str) -> dict[str, Row]:
    return {each.organisation: each for each in of(chain.maker).recalling.progress.table(recall)}


def counts(row: Row) -> dict[str, int]:
    assert row.answer is not None
    return {name: getattr(row.answer, name) for name in COUNTS if getattr(row.answer, name)}


def expect(chain: Chain, recall: str, wanted: dict[House, dict[str, int]]) -> dict[str, Row]:
    """Wait until the issuer has these answers."""

    def come() -> dict[str, Row] | None:
        found = rows(chain, recall)
        for house, each in wanted.items():
            row = found[house.id]
            if row.answer is None or counts(row) != each:
                return None
        return found

    try:
        found: dict[str, Row] = until(come, WAIT)
    except AssertionError:
        said = {name: row.answer and counts(row) for name, row in rows(chain, recall).items()}
        raise AssertionError(said) from None
    return found


def standings(house: House, units: list[str]) -> list[str]:
    found = [of(house).packs.find(each) for each in units]
    return ["" if each is None else each.standing for each in found]


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        call()
    return refusal.value.code.name


def test_exactly_the_recalled_packs_are_set_aside(chain: Chain) -> None:
    maker, (trader, shop) = chain.maker, chain.others
    lot, other = [pack(each) for each in range(1, 7)], [pack(7), pack(8)]
    chain.do(maker, "commission", lot, lot="L1")
    chain.do(maker, "commission", other, lot="L2")
    chain.held(maker, lot + other)
    chain.give(maker, trader, [*lot[:4], other[0]])
    chain.give(trader, shop, [*lot[:2], other[0]])
    chain.do(shop, "dispense", lot[:1])
    recall = chain.recall(lots=["L1"])
    found = expect(
        chain,
        recall,
        {
            maker: {"held": 2, "away": 4},
            trader: {"held": 2, "away": 2},
            shop: {"held": 1, "dispensed": 1},
        },
    )
    assert {each.heard for each in found.values()} == {"told"}
    assert standings(shop, [*lot[:2], other[0]]) == ["dispensed", "recalled", "active"]
    assert standings(trader, lot[2:4]) == ["recalled", "recalled"]
    assert standings(maker, [*lot[4:], other[1]]) == ["recalled", "recalled", "active"]
    assert refused(lambda: chain.do(shop, "dispense", lot[1:2])) == "supply.recalled"
    assert refused(lambda: chain.do(trader, "ship", lot[2:3], to=shop.id)) == "supply.recalled"
    chain.do(shop, "dispense", other[:1])
    # Released it is not: the chain still says that it is recalled.
    assert refused(lambda: chain.do(shop, "release", lot[1:2])) == "supply.recalled"
    # Each answer is anchored: the issuer has the proof against the chain.
    until(lambda: all(each.interval is not None for each in rows(chain, recall).values()), WAIT)
    (signed,) = of(maker).recalling.progress.answers(recall, shop.id)
    assert signed.proof is not None
    checked = recall_answers.check(signed, shop.id, chain.world.engine.state())
    assert checked.answer.dispensed == 1
    assert checked.interval is not None
    # People look and say so; when the pack goes to be destroyed the look still holds.
    of(shop).recalling.recalls.confirm(recall, shop.id)
    until(lambda: rows(chain, recall)[shop.id].heard == "answered", WAIT)
    chain.do(shop, "destroy", lot[1:2])
    found = expect(chain, recall, {shop: {"ended": 1, "dispensed": 1}})
    assert found[shop.id].heard == "answered"
    # Once it has ended, what is set aside may be released by hand, and is not by itself.
    maker.organisation.write(supply.EndRecall(recall=recall))
    until(lambda: not of(trader).directory.recalled(gtin(), "L1", ""))
    assert standings(trader, lot[2:3]) == ["recalled"]
    chain.do(trader, "release", lot[2:3])
    assert standings(trader, lot[2:3]) == ["active"]


def test_what_arrives_later_is_set_aside_then(chain: Chain) -> None:
    maker, (trader, _) = chain.maker, chain.others
    lot = [pack(20), pack(21)]
    chain.do(maker, "commission", lot, lot="L20")
    chain.held(maker, lot)
    shipment = chain.sent(maker, trader, lot)
    recall = chain.recall(lots=["L20"])
    found = expect(chain, recall, {maker: {"away": 2}, trader: {}})
    chain.do(trader, "receive", lot, shipment=shipment)
    assert standings(trader, lot) == ["recalled", "recalled"]
    after = expect(chain, recall, {trader: {"held": 2}})
    before, now = found[trader.id].answer, after[trader.id].answer
    assert before is not None
    assert now is not None
    assert now.number > before.number
    assert len(of(maker).recalling.progress.answers(recall, trader.id)) >= 2


def test_by_serial_and_extended(chain: Chain) -> None:
    maker = chain.maker
    lot = [pack(30), pack(31), pack(32)]
    chain.do(maker, "commission", lot, lot="L30")
    recall = chain.recall(serials=[serial_digest(gtin(), "S000030")])
    expect(chain, recall, {maker: {"held": 1}})
    assert standings(maker, lot) == ["recalled", "active", "active"]
    maker.organisation.write(supply.ExtendRecall(recall=recall, lots=["L30"], serials=[]))
    expect(chain, recall, {maker: {"held": 3}})
    assert standings(maker, lot) == ["recalled"] * 3


def test_what_was_made_of_recalled_packs_goes_along(chain: Chain) -> None:
    """A trader makes others of a recalled pack and ships them: only it can tell the receiver."""
    maker, (trader, shop) = chain.maker, chain.others
    first, new, more = pack(40), pack(1, gtin(2)), pack(2, gtin(2))
    chain.do(maker, "commission", [first], lot="L40")
    chain.held(maker, [first])
    chain.give(maker, trader, [first])
    since = of(trader).packs.find(first)
    assert since is not None
    at = since.since - 1_780_000_000_000
    ilmd = {"cbvmda:lotNumber": "R40"}
    mixed = event("TransformationEvent", at + 1, "commissioning", ilmd=ilmd)
    mixed |= {"inputEPCList": [first], "outputEPCList": [new, more]}
    parties = {
        "sourceList": [{"type": "owning_party", "source": PARTY + trader.id}],
        "destinationList": [{"type": "owning_party", "destination": PARTY + shop.id}],
    }
    shipped = seen(at + 2, [new], "shipping", "in_transit") | parties
    received = seen(at + 3, [new], "receiving", "in_progress") | parties
    of(trader).repository.capture_one(mixed, trader.id)
    of(trader).repository.capture_one(shipped, trader.id)
    # The shop sees how the pack was shipped, not what it was made of.
    of(shop).repository.capture_one(shipped, trader.id)
    of(shop).repository.capture_one(received, shop.id)
    until(lambda: standings(shop, [new]) == ["active"])
    recall = chain.recall(lots=["L40"])
    expect(
        chain,
        recall,
        {
            trader: {"held": 1, "away": 1, "ended": 1, "derived": 2},
            shop: {"held": 1, "derived": 1},
            maker: {"away": 1},
        },
    )
    assert standings(shop, [new]) == ["recalled"]
    assert standings(trader, [more]) == ["recalled"]
    # A word about packs of somebody else counts for nothing.
    chain.do(maker, "commission", [pack(41)], lot="L41")
    own = until(lambda: of(maker).packs.find(pack(41)))
    of(maker).recalling.recalls.hear(trader.id, recall, [pack(41), "nonsense"])
    of(maker).recalling.recalls.follow()
    assert own.standing == "active"
    assert standings(maker, [pack(41)]) == ["active"]


def test_a_word_of_no_recall_is_refused(chain: Chain) -> None:
    trader = chain.others[0]
    at_shop = chain.others[1].organisation
    gone = drafts.fresh_id()
    peers = trader.organisation.peers
    assert peers is not None
    for operation, asked, expected in (
        (there.SUPPLY_RECALLED, {"recall": gone, "units": [pack(1)]}, "members.not_about_caller"),
        (there.SUPPLY_RECALLED, {"recall": gone, "units": []}, "malformed"),
        (there.SUPPLY_RECALLED, {"recall": "x", "units": [pack(1)]}, "malformed"),
        (there.SUPPLY_RECALLED, {"recall": gone, "units": ["u"] * 2001}, "malformed"),
        (there.SUPPLY_RECALL, {"content": b"{}", "key": "k", "signature": b"s"}, "malformed"),
        (there.SUPPLY_TRACE, {"unit": ""}, "malformed"),
        (there.SUPPLY_TRACE, {"unit": pack(777)}, "members.not_about_caller"),
    ):
        data = msgspec.msgpack.encode(asked)
        with pytest.raises(Refusal) as refusal:
            peers.call(trader.id, at_shop.id, operation.name, data, operation.bounds, patient=True)
        told = refusal.value.parameters.get("refusal", refusal.value.code.name)
        assert told == expected, (operation.name, asked)


def test_answers_that_are_wrong_change_nothing(chain: Chain) -> None:
    maker, (trader, shop) = chain.maker, chain.others
    chain.do(maker, "commission", [pack(50)], lot="L50")
    recall = chain.recall(lots=["L50"])
    expect(chain, recall, {trader: {}, shop: {}, maker: {"held": 1}})
    progress, state = of(maker).recalling.progress, chain.world.engine.state()
    (signed, *_) = progress.answers(recall, trader.id)
    said = codec.decode(signed.content, recall_answers.RecallAnswer)

    def resigned(house: House, **fields: Any) -> SignedAnswer:
        content = recall_answers.write(msgspec.structs.replace(said, **fields))
        organisation = house.organisation
        signature = organisation.vault.keystore.sign(
            organisation.agent.key, recall_answers.DOMAIN + content
        )
        return SignedAnswer(content=content, key=organisation.agent.key, signature=signature)

    before = rows(chain, recall)[trader.id]
    for caller, wrong, expected in (
        (trader, resigned(trader, held=9), "supply.recall_answer_differs"),
        (trader, resigned(trader, recall=drafts.fresh_id()), "members.not_about_caller"),
        (trader, resigned(trader, gtin=gtin(2)), "members.not_about_caller"),
        (trader, resigned(trader, number=0), "malformed"),
        (trader, resigned(shop, number=9), "supply.recall_answer_unsigned"),
        (shop, signed, "malformed"),
        (
            trader,
            msgspec.structs.replace(signed, signature=bytes(64)),
            "supply.recall_answer_unsigned",
        ),
        (trader, msgspec.structs.replace(signed, key="nobody"), "supply.recall_answer_unsigned"),
        (trader, msgspec.structs.replace(signed, proof=b"{}"), "supply.proof_malformed"),
        (
            trader,
            msgspec.structs.replace(signed, content=signed.content + b" "),
            "not_canonical",
        ),
    ):
        call = lambda c=caller, w=wrong: progress.take(c.id, w)  # noqa: E731
        assert refused(call) == expected
    progress.take(trader.id, signed)
    assert rows(chain, recall)[trader.id].answer == before.answer
    # Somebody else's proof, of an event that is anchored, proves nothing here.
    until(lambda: rows(chain, recall)[shop.id].interval is not None, WAIT)
    other = progress.answers(recall, shop.id)[0].proof
    stolen = msgspec.structs.replace(signed, proof=other)
    assert refused(lambda: recall_answers.check(stolen, trader.id, state)) in (
        "supply.recall_answer_differs",
        "supply.event_not_anchored",
    )
    # The newest number holds, in whatever order answers come.
    progress.take(trader.id, resigned(trader, number=8, held=2))
    progress.take(trader.id, resigned(trader, number=7, held=5))
    newest = rows(chain, recall)[trader.id].answer
    assert newest is not None
    assert (newest.number, newest.held) == (8, 2)


def test_only_the_issuer_sees_the_progress(chain: Chain) -> None:
    recall = chain.recall(lots=["L60"])
    trader = of(chain.others[0]).recalling
    assert refused(lambda: trader.progress.table(recall)) == "supply.not_your_recall"
    gone = drafts.fresh_id()
    assert refused(lambda: trader.progress.table(gone)) == "supply.unknown_recall"
    assert refused(lambda: trader.recalls.finding(gone)) == "supply.unknown_recall"
    assert refused(lambda: trader.recalls.confirm(gone, "x")) == "supply.unknown_recall"


def test_people_and_patients_are_told_once(chain: Chain) -> None:
    maker, (trader, shop) = chain.maker, chain.others
    doctor, _ = shop.doctor()
    shop.organisation.vault.desk.put_staff(
        Staff(practitioner=doctor, name="药师", role="pharmacist")
    )
    lot = [pack(number) for number in range(70, 75)]
    chain.do(maker, "commission", lot, lot="L70")
    chain.held(maker, lot)
    chain.give(maker, shop, lot)
    chain.do(shop, "dispense", lot[:3])
    chain.do(shop, "dispense", lot[4:], part=True)
    agrees, silent, back, part = (shop.person(f"N-7{each}") for each in range(4))
    patients = of(shop).recalling.patients
    assert refused(lambda: patients.link(lot[0], agrees)) == "supply.person_not_agreed"
    for each in (agrees, back, part):
        patients.agree(each, True)
    assert refused(lambda: patients.link(lot[3], agrees)) == "supply.not_handed_out"
    assert refused(lambda: patients.link(pack(779), agrees)) == "supply.unit_unknown"
    link = patients.link(lot[0], agrees)
    assert patients.link(lot[0], agrees) == link
    patients.link(lot[1], agrees)
    patients.link(lot[2], back)
    patients.link(lot[4], part)
    patients.agree(back, False)
    recall = chain.recall(lots=["L70"])
    found = expect(chain, recall, {shop: {"held": 2, "dispensed": 3}})
    answer = found[shop.id].answer
    assert answer is not None
    assert answer.persons == 2
    found_ = {each.person: each for each in patients.told(recall)}
    assert {name: each.units for name, each in found_.items()} == {
        agrees: tuple(lot[:2]),
        part: (lot[4],),
    }
    told = found_[agrees]
    outbox = shop.organisation.vault.outbox
    assert [each.kind for each in outbox.inbox(agrees)] == ["pack_recalled"]
    heard = [each for each in outbox.inbox(doctor) if each.parameters["recall"] == recall]
    assert [each.kind for each in heard] == ["product_recalled"]
    assert outbox.inbox(silent) == outbox.inbox(back) == []
    # It is proved by the history of notices, as every notice is.
    notices.anchor(shop.organisation)
    proofs = notices.proofs(shop.organisation, agrees, told.notice)
    assert [each.line.event for each in proofs][:1] == ["queued"]
    of(shop).recalling.recalls.follow()
    assert len(outbox.inbox(agrees)) == 1
    # Nobody is named where everything can be read.
    with of(shop).database.read() as connection:
        raw = connection.exec_driver_sql("SELECT * FROM supply_patients").fetchall()
    assert agrees not in repr(raw)
    assert len(raw) == 3
    assert trader.id in rows(chain, recall)


def test_a_pack_is_followed_across_members(chain: Chain) -> None:
    maker, (trader, shop) = chain.maker, chain.others
    one = pack(80)
    chain.do(maker, "commission", [one, pack(81)], lot="L80")
    chain.held(maker, [one])
    chain.give(maker, trader, [one])
    chain.give(trader, shop, [one])
    # Before a recall, the maker learns from the trader that it had the pack, and not to whom it
    # went; nobody learns of packs that were never theirs.
    hops = of(maker).recalling.tracing.across(one)
    assert [each.organisation for each in hops] == [maker.id, trader.id]
    assert hops[1].answer is not None
    assert hops[1].answer.to == ""
    assert [each.act for each in hops[1].answer.moments] == ["receive", "ship"]
    at_maker = shop.organisation.counterpart(maker.id)
    assert refused(lambda: at_maker.trace_pack(pack(81))) == "members.not_about_caller"
    assert refused(lambda: of(shop).recalling.tracing.across(pack(81))) == (
        "supply.nothing_to_trace"
    )
    up = of(shop).recalling.tracing.across(one)
    assert [each.organisation for each in up][-1] == shop.id
    assert trader.id in [each.organisation for each in up]
    chain.do(shop, "dispense", [one])
    recall = chain.recall(lots=["L80"])
    expect(chain, recall, {shop: {"dispensed": 1}, trader: {"away": 1}})
    hops = of(maker).recalling.tracing.across(one)
    assert [each.organisation for each in hops] == [maker.id, trader.id, shop.id]
    last = hops[-1].answer
    assert last is not None
    assert [each.act for each in last.moments] == ["receive", "dispense"]
