"""Ends of life at their responder: it hears of them by itself, and believes no liar."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import sqlalchemy as sql

from tests.chain import name_of
from tests.unit.gateway.members.world import House, until
from tests.unit.gateway.supply import market
from tests.unit.gateway.supply.pack_events import START, event, undone
from tests.unit.gateway.supply.recalling import Chain, gtin, of, pack
from yilian.gateway.epcis.document import Event
from yilian.gateway.members import there
from yilian.gateway.members.supply_formats import MAX_ENDS, EndsSent
from yilian.gateway.supply import ends, pedigree, shipments, steps, telling, title_rows
from yilian.gateway.supply.end_rows import EndedRow, ended_table
from yilian.gateway.supply.folding import ENDS
from yilian.gateway.supply.orders import ActionName
from yilian.gateway.supply.pedigree import End, Ended, EndedLine, EndWord
from yilian.gateway.supply.scan import Shown
from yilian.gateway.supply.verdict import Question, Verdict
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.ledger.modules.supply.state import ALERTS, posted_at
from yilian.vault.database import values

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("ends")

WAIT = 40
COUNTER = f"{market.PREFIX}00077"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A maker that answers for its packs, a trader and a shop, each at its own node."""
    made = Chain(tmp_path_factory.mktemp("ends"))
    yield made
    made.close()


def bought(chain: Chain, first: int, count: int, lot: str = "L1") -> list[str]:
    """Have the shop buy packs that were just made."""
    units = [pack(first + each) for each in range(count)]
    chain.do(chain.maker, "commission", units, lot=lot)
    chain.held(chain.maker, units)
    chain.give(chain.maker, shop(chain), units)
    return units


def shop(chain: Chain) -> House:
    return chain.others[1]


def trader(chain: Chain) -> House:
    return chain.others[0]


def standing(house: House, unit: str) -> str:
    found = of(house).packs.find(unit)
    return "" if found is None else found.standing


def heard(chain: Chain, unit: str, word: str) -> None:
    """Wait until the maker knows of an end."""
    until(lambda: standing(chain.maker, unit) == word, WAIT)


def question(unit: str) -> Question:
    return Question(gtin=gtin(), serial=unit.rpartition("/")[2])


def verified(chain: Chain, asker: House, unit: str) -> Verdict:
    asked = of(chain.maker).verification.answer(question(unit), chain.glns[asker.id])
    return asked.verdict


def shown(chain: Chain, unit: str) -> Shown:
    return of(chain.maker).public.show(question(unit))


def alerts(house: House, unit: str) -> list[tuple[str, str]]:
    found = of(house).alerts.list(limit=10_000)
    return sorted((each.kind, each.severity) for each in found if each.unit == unit)


def kept(house: House) -> tuple[int, int]:
    """How many ends a responder keeps, and how many events."""
    with of(house).database.read() as connection:
        count = sql.select(sql.func.count()).select_from(ended_table)
        return int(connection.scalar(count) or 0), of(house).repository.newest()


def test_a_responder_hears_of_a_dispensing_by_itself(chain: Chain) -> None:
    units = bought(chain, 0, 3)
    assert shown(chain, units[0]).reason == "verified"
    chain.do(shop(chain), "dispense", units[:1])
    heard(chain, units[0], "dispensed")
    assert verified(chain, trader(chain), units[0]).reason == "dispensed"
    assert shown(chain, units[0]).reason == "dispensed"
    assert [shown(chain, each).reason for each in units[1:]] == ["verified"] * 2
    (row,) = of(chain.maker).ends.of(units[0])
    state = chain.world.engine.state()
    assert (row.organisation, row.word) == (shop(chain).id, "dispensed")
    assert row.at == posted_at(state, row.organisation, row.interval)
    assert [each.step for each in shown(chain, units[0]).route] == [
        "commission",
        "ship",
        "dispense",
    ]
    assert shown(chain, units[0]).route[-1].party == "hospital"
    # Nothing is missing: the title proves what no message said.
    assert alerts(chain.maker, units[1]) == []


def test_a_second_presentation_after_the_end_is_a_clone(chain: Chain) -> None:
    (unit,) = bought(chain, 10, 1)
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    assert alerts(chain.maker, unit) == []
    # Who handed it out and scans it once more has no other one.
    assert verified(chain, shop(chain), unit).reason == "dispensed"
    assert alerts(chain.maker, unit) == [("after_end", "error")]
    assert verified(chain, trader(chain), unit).reason == "dispensed"
    assert alerts(chain.maker, unit) == [("after_end", "error"), ("clone", "suspect")]

    def raised() -> bool:
        found = ALERTS.scan(chain.world.engine.state())
        return any(each.gtin == gtin() and each.kind == "clone" for _, each in found)

    until(raised, WAIT)


def token(chain: Chain, house: House, partner: str) -> str:
    """Give a partner a token of the maker's; gives its id, as which events are captured."""
    made = of(chain.maker).tokens.issue(
        "partner", ["capture"], partner, chain.world.engine.now() + 86_400_000
    )
    return made.token.token


def capture(chain: Chain, event: Event, submitter: str) -> None:
    room = of(chain.maker)
    room.repository.capture_one(event, submitter)
    room.catch_up()


def own_event(chain: Chain, unit: str) -> Event:
    """The shop's own event of what became of a pack."""
    room = of(shop(chain))
    last = room.packs.history(unit)[-1]
    stored = room.repository.event(last.event_id)
    assert stored is not None
    return dict(stored.event)


@pytest.mark.parametrize("partner", ["organisation", "gln"])
@pytest.mark.parametrize("later", [False, True])
def test_the_same_end_told_by_an_event_is_no_second_one(
    chain: Chain, partner: str, later: bool
) -> None:
    (unit,) = bought(chain, 20 + 2 * later + (partner == "gln"), 1)
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    named = shop(chain).id if partner == "organisation" else chain.glns[shop(chain).id]
    submitter = token(chain, shop(chain), named)
    event = own_event(chain, unit)
    # At a counter that nobody registered, by a clock that is behind or ahead.
    other = {"id": f"https://id.gs1.org/414/{COUNTER}{check_digit(COUNTER)}"}
    event |= {"readPoint": other, "bizLocation": other}
    if later:
        event["eventTime"] = "2060-01-01T00:00:00.000+00:00"
    capture(chain, event, submitter)
    assert alerts(chain.maker, unit) == []
    assert standing(chain.maker, unit) == "dispensed"
    found = of(chain.maker).packs.find(unit)
    assert found is not None
    assert found.holder == shop(chain).id


def test_a_second_dispensing_elsewhere_is_a_clone(chain: Chain) -> None:
    (unit,) = bought(chain, 30, 1)
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    event = own_event(chain, unit)
    elsewhere = {"id": chain.place(trader(chain))}
    event |= {"readPoint": elsewhere, "bizLocation": elsewhere}
    capture(chain, event, token(chain, trader(chain), trader(chain).id))
    assert ("clone", "suspect") in alerts(chain.maker, unit)


def test_what_a_title_proves_nobody_takes_back(chain: Chain) -> None:
    (unit,) = bought(chain, 40, 1)
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    room = of(chain.maker)
    (row,) = room.ends.of(unit)
    (noted,) = room.repository.after(row.sequence - 1, 1)
    assert noted.submitter == shop(chain).id
    capture(chain, undone(noted.event), shop(chain).id)
    assert standing(chain.maker, unit) == "dispensed"
    room.packs.rebuild()
    assert standing(chain.maker, unit) == "dispensed"
    # A second dispensing is still noticed.
    event = own_event(chain, unit)
    elsewhere = {"id": chain.place(trader(chain))}
    event |= {"readPoint": elsewhere, "bizLocation": elsewhere}
    capture(chain, event, token(chain, trader(chain), trader(chain).id))
    assert ("clone", "suspect") in alerts(chain.maker, unit)


ACTIONS: dict[EndWord, ActionName] = {
    "destroyed": "destroy",
    "exported": "export",
    "sampled": "sample",
    "stolen": "report_stolen",
    "lost": "report_lost",
    "decommissioned": "decommission",
}


def test_every_word_is_told_as_it_is(chain: Chain) -> None:
    units = bought(chain, 50, len(ACTIONS))
    for unit, action in zip(units, ACTIONS.values(), strict=True):
        chain.do(shop(chain), action, [unit])
    for unit, word in zip(units, ACTIONS, strict=True):
        heard(chain, unit, word)
        assert verified(chain, trader(chain), unit).reason == word
        assert [each.word for each in of(chain.maker).ends.of(unit)] == [word]


def test_every_word_has_an_act_of_its_own() -> None:
    assert set(ends.ACTS) == set(get_args(EndWord))
    for word in get_args(EndWord):
        step = steps.read(ends.event_of(word, name_of("shop"), 1_780_000_000_123, [pack(1)]))
        assert ENDS[step.act] == word
        assert (step.at, step.place) == (1_780_000_000_123, "")


def test_a_responder_that_was_down_hears_of_it_when_it_is_back(chain: Chain) -> None:
    (unit,) = bought(chain, 60, 1)
    port = chain.maker.listener.port
    chain.maker.listener.close()
    chain.do(shop(chain), "dispense", [unit])
    parcels = shop(chain).organisation.vault.parcels

    def waits() -> bool:
        rows = parcels.waiting(chain.maker.id)
        return any(each.operation == there.SUPPLY_ENDED.name for each in rows)

    until(waits, WAIT)
    assert standing(chain.maker, unit) == "in_transit"
    chain.maker.listen(port=port)
    heard(chain, unit, "dispensed")


def test_a_responder_at_the_same_node_hears_of_it_without_a_door(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unit,) = bought(chain, 70, 1)
    maker, own = chain.maker.organisation, shop(chain).organisation
    here = {maker.id: maker, own.id: own}
    monkeypatch.setattr(own, "hosted", here.get)
    port = chain.maker.listener.port
    chain.maker.listener.close()
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    chain.maker.listen(port=port)


def test_nobody_is_told_of_ones_own_products(chain: Chain) -> None:
    units = [pack(80), pack(81)]
    chain.do(chain.maker, "commission", units, lot="L1")
    chain.held(chain.maker, units)
    before = kept(chain.maker)[0]
    chain.do(chain.maker, "destroy", units[:1])
    room = of(chain.maker)

    def gone() -> bool:
        with room.database.read() as connection:
            return not connection.execute(sql.select(title_rows.ends)).all()

    until(lambda: room.titles.holds(units) == dict(zip(units, (False, True), strict=True)), WAIT)
    until(gone, WAIT)
    assert kept(chain.maker)[0] == before
    assert standing(chain.maker, units[0]) == "destroyed"


def test_a_recall_follows_what_ended_at_a_later_holder(chain: Chain) -> None:
    """A pack that was made of a recalled one was handed out: each on its way must tell the next."""
    maker = chain.maker
    first, new = pack(120), pack(121)
    chain.do(maker, "commission", [first], lot="L120")
    made = of(maker).packs.find(first)
    assert made is not None
    mixed = event(
        "TransformationEvent",
        made.since + 1 - START,
        "commissioning",
        ilmd={"cbvmda:lotNumber": "R120"},
        inputEPCList=[first],
        outputEPCList=[new],
    )
    of(maker).repository.capture_one(mixed, maker.id)
    with of(maker).database.write() as connection:
        of(maker).titles.commission([new], connection)
    chain.held(maker, [new])
    until(lambda: of(maker).packs.find(new) is not None, WAIT)
    chain.give(maker, trader(chain), [new])
    chain.held(trader(chain), [new])
    chain.give(trader(chain), shop(chain), [new])
    chain.do(shop(chain), "dispense", [new])
    heard(chain, new, "dispensed")
    recall = chain.recall(lots=["L120"])
    wanted = {
        maker.id: {"away": 1, "ended": 1, "derived": 1},
        trader(chain).id: {"away": 1, "derived": 1},
        shop(chain).id: {"dispensed": 1, "derived": 1},
    }

    def told() -> dict[str, dict[str, int]]:
        found = {}
        for row in of(maker).recalling.progress.table(recall):
            counts = {} if row.answer is None else msgspec.structs.asdict(row.answer)
            found[row.organisation] = {
                name: counts[name]
                for name in ("held", "away", "coming", "dispensed", "ended", "derived")
                if counts.get(name)
            }
        return found

    until(lambda: wanted.items() <= told().items(), WAIT)


# Liars at the members' door


def held_document(house: House, unit: str) -> pedigree.Document:
    return pedigree.decode(of(house).titles.proof(unit))


def ended_document(chain: Chain, house: House, unit: str) -> Ended:
    """What an organisation tells of a pack that ended at it."""
    table = title_rows.notes

    def find() -> int | None:
        with of(house).database.read() as connection:
            row = title_rows.units_named(connection, [unit])[unit]
            query = sql.select(table.c.word).where(table.c.note == row.note)
            return row.note if row.note and connection.scalar(query) else None

    note = until(find, WAIT)
    with of(house).database.read() as connection:
        return of(house).titles.histories.compose_ended(connection, {note: [unit]})


def tell(
    chain: Chain, from_: House, document: Ended, to: House | None = None, sender: str = ""
) -> str:
    """Bring word of ends over the members' door; gives the code of the refusal, or ""."""
    receiver = to or chain.maker
    public = receiver.organisation.vault.keystore.service_key().public.data
    parcel = name_of(secrets.token_hex(8))
    package = shipments.close_ends(parcel, sender or from_.id, receiver.id, public, document)
    return bring(from_, receiver, {"parcel": parcel, "package": package})


def bring(from_: House, to: House, asked: dict[str, Any]) -> str:
    peers = from_.organisation.peers
    assert peers is not None
    operation = there.SUPPLY_ENDED
    try:
        peers.call(
            from_.id,
            to.id,
            operation.name,
            msgspec.msgpack.encode(asked),
            operation.bounds,
            patient=True,
        )
    except Refusal as refusal:
        return str(refusal.parameters.get("refusal", refusal.code.name))
    return ""


def forged(document: pedigree.Document | Ended, **changes: Any) -> Ended:
    """Make an end of whatever a pedigree says."""
    (line,) = document.lines
    end = line.end if isinstance(line, EndedLine) else End(word="dispensed", salt=bytes(32))
    made = EndedLine(chain=line.chain, end=changes.pop("end", end), units=line.units)
    fields = {"spends": document.spends, "posts": document.posts, "lines": (made,)}
    return Ended(**(fields | changes))


def test_liars_are_refused_and_nothing_changes(chain: Chain) -> None:
    maker, shop_ = chain.maker, shop(chain)
    ended, held = bought(chain, 90, 2)
    chain.do(shop_, "dispense", [ended])
    heard(chain, ended, "dispensed")
    real, given = ended_document(chain, shop_, ended), held_document(shop_, held)
    (line,) = real.lines
    before = kept(maker)
    last = real.spends[-1]
    stolen = End(word="stolen", salt=line.end.salt)
    elsewhere = msgspec.structs.replace(last, interval=last.interval - 1)
    moved = tuple(
        msgspec.structs.replace(each, interval=elsewhere.interval)
        if (each.organisation, each.interval) == last.place
        else each
        for each in real.posts
    )
    invented = msgspec.structs.replace(last, secret=secrets.token_bytes(32))
    cases: list[tuple[House, Ended, House | None, str, str]] = [
        # A word is bound.
        (shop_, forged(real, end=stolen), None, "", "supply.title_path"),
        # The maker gave this pack to the shop: it did not end by that.
        (maker, forged(given), trader(chain), "", "supply.title_path"),
        # What another ended is not told of by me, nor in its name.
        (trader(chain), real, None, "", "supply.end_by_another"),
        (trader(chain), real, None, shop_.id, "members.not_about_caller"),
        # Nor is it told to who does not answer for it.
        (shop_, real, trader(chain), "", "supply.end_not_answered"),
        # A note that was spent in another post, as an old copy would have it.
        (
            shop_,
            forged(real, spends=(*real.spends[:-1], elsewhere), posts=moved),
            None,
            "",
            "supply.title_spent",
        ),
        # A spend that nobody posted.
        (
            shop_,
            forged(real, spends=(*real.spends[:-1], invented)),
            None,
            "",
            "supply.title_unposted",
        ),
    ]
    for from_, document, to, sender, expected in cases:
        assert tell(chain, from_, document, to, sender) == expected
    assert kept(maker) == before
    assert standing(maker, held) == "in_transit"
    assert kept(trader(chain))[0] == 0


def test_malformed_word_is_refused(chain: Chain) -> None:
    maker, shop_ = chain.maker, shop(chain)
    before = kept(maker)
    name = codec.to_text(secrets.token_bytes(16))
    for asked in (
        {},
        {"parcel": "short", "package": b"1"},
        {"parcel": name, "package": b""},
        {"parcel": name, "package": b"1"},
        {"parcel": name, "package": b"1", "more": 1},
        {"parcel": name, "package": msgspec.msgpack.encode({"format": "yilian-shipment/1"})},
    ):
        assert bring(shop_, maker, asked) == "malformed"
    assert kept(maker) == before
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"parcel": name, "package": bytes(MAX_ENDS + 1)}, EndsSent)


def test_the_same_word_again_changes_nothing(chain: Chain) -> None:
    maker, shop_ = chain.maker, shop(chain)
    (unit,) = bought(chain, 100, 1)
    chain.do(shop_, "dispense", [unit])
    heard(chain, unit, "dispensed")
    document, before = ended_document(chain, shop_, unit), kept(maker)
    assert tell(chain, shop_, document) == ""
    assert tell(chain, shop_, document) == ""
    assert kept(maker) == before
    assert alerts(maker, unit) == []


def test_a_responder_without_the_packs_history_takes_their_end(chain: Chain) -> None:
    """The trader takes the answering over; it never saw the pack, and knows that it is gone."""
    maker, shop_, after = chain.maker, shop(chain), trader(chain)
    product = gtin(2)
    unit = pack(0, product)
    chain.do(maker, "commission", [unit], lot="L2")
    chain.held(maker, [unit])
    chain.give(maker, shop_, [unit])
    amended = supply.AmendProduct(gtin=product, name="阿莫西林胶囊", responder=after.id)
    maker.organisation.write(amended)
    chain.do(shop_, "dispense", [unit])
    until(lambda: standing(after, unit) == "dispensed", WAIT)
    assert alerts(after, unit) == []
    assert standing(maker, unit) == "in_transit"


# Sending


@pytest.fixture
def world(tmp_path: Path) -> Iterator[market.World]:
    """Traders without doors."""
    made = market.World(tmp_path)
    yield made
    made.close()


def opened(world: market.World) -> list[Ended]:
    """What the pharmacy told the maker."""
    maker = world.maker
    found = []
    for responder, parcel, package in world.pharmacy.words:
        assert responder == maker.id
        outer = shipments.outer_ends(package)
        assert outer.parcel == parcel
        found.append(shipments.open_ends(outer, maker.id, maker.keystore))
    return found


def units_of(documents: Sequence[Ended]) -> list[str]:
    return [unit for each in documents for line in each.lines for unit in line.units]


def _by_note(connection: sql.Connection, units: Sequence[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for unit, row in title_rows.units_named(connection, units).items():
        found.setdefault(row.note or 0, []).append(unit)
    return found


def ended_unsaid(world: market.World, units: list[str], last: EndWord = "dispensed") -> None:
    """Have the pharmacy buy packs and end them, up to where it would tell of it."""
    world.maker.commission(units)
    world.tick()
    world.move(units, world.maker, world.pharmacy)
    world.pharmacy.finish(units[:-1])
    world.pharmacy.finish(units[-1:], last)
    for _ in range(2):
        interval = world.market.go_on()
        world.pharmacy.poster.prepare(interval)
        assert world.pharmacy.poster.send(interval)


def test_many_ends_go_in_several_parcels(world: market.World) -> None:
    units = market.packs(0, telling.AT_ONCE + 20)
    ended_unsaid(world, units, "stolen")
    # Nobody takes it at first: it waits, and goes whole.
    world.pharmacy.held_back = True
    with pytest.raises(ConnectionError):
        world.pharmacy.titles.telling.send()
    assert world.pharmacy.words == []
    world.pharmacy.held_back = False
    world.pharmacy.titles.telling.send()
    documents = opened(world)
    assert len(documents) == 2
    assert sorted(units_of(documents)) == units
    told = {unit: line.end.word for each in documents for line in each.lines for unit in line.units}
    assert [unit for unit, word in told.items() if word == "stolen"] == units[-1:]
    world.pharmacy.titles.telling.send()
    assert len(world.pharmacy.words) == 2


def test_what_is_too_large_for_one_parcel_goes_in_halves(
    world: market.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = market.packs(0, 7)
    ended_unsaid(world, units)
    pharmacy = world.pharmacy.titles
    with pharmacy.database.read() as connection:
        whole = pharmacy.histories.compose_ended(connection, _by_note(connection, units))
    monkeypatch.setattr(shipments, "MAX_INSIDE_ENDS", len(msgspec.msgpack.encode(whole)))
    pharmacy.telling.send()
    monkeypatch.undo()
    documents = opened(world)
    assert len(documents) > 1
    assert sorted(units_of(documents)) == units


def test_a_pack_that_no_parcel_can_hold_stops_no_other(
    world: market.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_unsaid(world, market.packs(0, 3))
    monkeypatch.setattr(telling, "MAX_SPENDS", 0)
    world.pharmacy.titles.telling.send()
    monkeypatch.undo()
    assert world.pharmacy.words == []
    ended_unsaid(world, market.packs(10, 3))
    world.pharmacy.titles.telling.send()
    assert sorted(units_of(opened(world))) == market.packs(10, 3)


def test_an_end_that_no_post_has_is_not_told(world: market.World) -> None:
    units = market.packs(0, 2)
    world.maker.commission(units)
    world.tick()
    world.move(units, world.maker, world.pharmacy)
    end = world.pharmacy.finish(units[:1])
    world.pharmacy.titles.telling.send()
    world.pharmacy.cancel(end)
    world.tick(count=2)
    assert world.pharmacy.words == []
    assert world.pharmacy.titles.holds(units) == dict.fromkeys(units, True)


def test_two_titles_to_one_number_are_two_packs(chain: Chain) -> None:
    """A maker can lie: both packs end well, and their responder sees that they are two."""
    (unit,) = bought(chain, 110, 1)
    chain.do(shop(chain), "dispense", [unit])
    heard(chain, unit, "dispensed")
    room = of(chain.maker)
    # What the other pedigree would prove, noted as `take` notes it.
    with room.database.write() as connection:
        event = ends.event_of("dispensed", trader(chain).id, chain.world.engine.now(), [unit])
        (stored,) = room.repository.put([event], trader(chain).id, connection)
        row = EndedRow(unit, trader(chain).id, 1, "dispensed", 0, stored.sequence)
        connection.execute(sql.insert(ended_table).values(**values(row)))
        room.packs.apply(stored, connection)
    room.catch_up()
    assert {("clone", "suspect"), ("dispensed_twice", "suspect")} <= set(alerts(chain.maker, unit))
