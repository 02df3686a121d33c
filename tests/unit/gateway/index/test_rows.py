"""From events to rows: every event of the registry is shown or knowingly left out."""

from __future__ import annotations

import pytest

from tests.chain import Chain, name_of
from yilian.gateway.index import tables
from yilian.gateway.index.rows import _IDS, NO_ROW, PROJECTIONS, TIMERS, Book
from yilian.ledger import codec
from yilian.ledger.machine import Result
from yilian.ledger.module import Event
from yilian.ledger.modules import MODULES
from yilian.ledger.modules.care import events as care
from yilian.ledger.modules.consent import events as consent
from yilian.ledger.modules.identity import events as identity
from yilian.ledger.modules.records import events as records
from yilian.ledger.modules.supply import events as supply

NO_IDS = ("LawChanged", "ParameterSet", "UpgradeScheduled")
EVENTS = [event for module in MODULES for event in module.events]


def test_every_event_is_accounted_for() -> None:
    """A new event must be given a row, or be named as having none."""
    assert set(EVENTS) == set(PROJECTIONS) | NO_ROW
    assert not set(PROJECTIONS) & NO_ROW


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: str(each.__struct_config__.tag))
def test_every_id_of_an_event_is_found(event: type[Event]) -> None:
    """The fields that hold ids are those that are declared as ids."""
    declared = {
        name for name, hint in event.__annotations__.items() if "codec.Id" in str(hint).split(" | ")
    }
    assert set(_IDS[event]) == declared
    assert declared or event.__name__ in NO_IDS


def test_genesis_is_told_as_events() -> None:
    """The first members are subjects, keys and members from height 0 on."""
    chain = Chain()
    book = Book(0)
    book.genesis(chain.genesis)
    assert [row[1] for row in book.rows[tables.SUBJECTS]] == [
        each.organisation for each in chain.genesis.members
    ]
    assert len(book.rows[tables.KEYS]) == len(book.rows[tables.MEMBERS]) == 3
    assert book.rows[tables.BLOCKS] == [[0, chain.genesis.time, "", 0, 1, 9]]
    assert {row[2] for row in book.rows[tables.EVENTS]} == {TIMERS}


def _block(book: Book, height: int, *events: object) -> None:
    text = codec.encode(list(events))
    raw = b'{"body":{"messages":[{"type":"a.B"},{"type":"c.D"}]},"signatures":[]}'
    book.block(height, height * 1000, "hash", [raw], [Result(0, 1, text)], b"[]")


def test_a_record_that_begins_and_ends_in_one_book() -> None:
    """Its row is written once, with its last status."""
    book = Book(10)
    granted = consent.Granted(grant=name_of("g"), person=name_of("p"), starts=1, ends=2)
    _block(book, 5, granted)
    _block(book, 6, consent.Revoked(grant=name_of("g"), person=name_of("p")))
    assert book.rows[tables.GRANTS] == [
        [11, name_of("g"), name_of("p"), 1, 2, "revoked", 6, 5, 5000]
    ]
    assert book.changes == {}
    assert [row[:2] for row in book.rows[tables.EVENT_IDS]] == sorted(
        [[name_of("g"), 11], [name_of("p"), 11]]
    ) + sorted([[name_of("g"), 12], [name_of("p"), 12]])


def test_what_happens_to_a_record_shows_in_its_row() -> None:
    """New terms, withdrawals, reviews and answers change the row that is there."""
    book = Book(0)
    one, two, three = name_of("1"), name_of("2"), name_of("3")
    _block(
        book,
        1,
        consent.Granted(grant=one, person=two, starts=1, ends=2),
        consent.Asked(ask=one, ends=9),
        consent.GlassBroken(access=one, reader=two, organisation=three, ends=9),
        records.Held(hold=one, organisation=three, ground="law"),
        records.Erased(erasure=one, organisation=three, extent="sealed", size=4),
        identity.Linked(link=one, organisation=three),
        care.EncounterOpened(encounter=one, organisation=three),
        care.EncounterOpened(encounter=two, organisation=three),
        *[care.Referred(referral=x, organisation=two, to=three, ends=9) for x in (one, two)],
        care.Referred(referral=three, organisation=two, to=three, ends=9),
    )
    _block(
        book,
        2,
        consent.Changed(grant=one, person=two, version=2, starts=3, ends=4),
        consent.AskWithdrawn(ask=one),
        consent.GlassEnded(access=one),
        consent.GlassReviewed(access=one, reviewer=three, finding="unjustified"),
        records.HoldLifted(hold=one, organisation=three),
        identity.Unlinked(link=one, organisation=three),
        care.EncounterClosed(encounter=one, organisation=three),
        care.EncounterCancelled(encounter=two, organisation=three),
        care.ReferralAccepted(referral=one),
        care.ReferralDeclined(referral=two),
        care.ReferralEnded(referral=three),
    )
    shown = {
        table.name: [row[2:-2] for row in book.rows[table]]
        for table in tables.RECORDS
        if book.rows[table]
    }
    assert shown == {
        "grants": [[two, 3, 4, "given", None]],
        "asks": [[9, "withdrawn", 2]],
        "emergencies": [[two, three, 9, "unjustified", "ended", 2]],
        "holds": [[three, "law", "lifted", 2]],
        "erasures": [[three, "sealed", 4]],
        "links": [[three, "ended", 2]],
        "encounters": [[three, "closed", 2], [three, "cancelled", 2]],
        "referrals": [
            [two, three, 9, "accepted", None],
            [two, three, 9, "declined", 2],
            [two, three, 9, "ended", 2],
        ],
    }
    assert book.changes == {}


def test_what_happens_in_the_trade_shows_in_its_rows() -> None:
    """A product changes hands, ends and begins anew in one row; recalls and alerts end."""
    book = Book(0)
    one, two, three, gtin = name_of("1"), name_of("2"), name_of("3"), "06901234000016"
    other = "06901234000023"
    _block(
        book,
        1,
        supply.CompanyRegistered(company=one, organisation=one, gln="6901234000016", prefixes=1),
        *[
            supply.ProductRegistered(
                gtin=each, kind="medicine", owner=one, responder=two, again=False
            )
            for each in (gtin, other)
        ],
        supply.ProductOffered(gtin=other, owner=one, to=three),
        supply.ProductOffered(gtin=gtin, owner=one, to=three),
        supply.CredentialIssued(
            credential=one, organisation=two, issuer=three, role="dispenser", ends=9
        ),
        supply.RecallIssued(
            recall=one, gtin=gtin, issuer=one, grade=1, reason="other", lots=1, serials=0, ends=5
        ),
        supply.AlertRaised(alert=one, gtin=gtin, kind="clone", organisation=one),
    )
    _block(
        book,
        2,
        supply.OfferWithdrawn(gtin=other, owner=one),
        supply.ProductEnded(gtin=other, by=three),
        supply.ProductRegistered(
            gtin=other, kind="device", owner=three, responder=three, again=True
        ),
        supply.ProductAccepted(gtin=gtin, owner=three),
        supply.ProductAmended(gtin=gtin, responder=two),
        supply.CompanyEnded(company=one, by=three),
        supply.CredentialRevoked(credential=one, organisation=two),
        supply.RecallExtended(recall=one, by=one, lots=2, serials=0, ends=8),
        supply.RecallEnded(recall=one, by=one),
        supply.AlertClosed(alert=one, organisation=one, finding="confirmed"),
    )
    shown = {
        table.name: [row[1:-2] for row in book.rows[table]]
        for table in tables.RECORDS
        if book.rows[table]
    }
    assert shown == {
        "companies": [[one, one, "6901234000016", "ended", 2]],
        "products": [
            [gtin, "medicine", three, two, "", "registered", None],
            [other, "device", three, three, "", "registered", None],
        ],
        "credentials": [[one, two, three, "dispenser", 9, "revoked", 2]],
        "recalls": [[one, gtin, one, 1, "other", 8, "ended", 2]],
        "alerts": [[one, gtin, "clone", one, "confirmed", "closed", 2]],
    }
    assert book.changes == {}


def test_a_record_of_before_is_changed() -> None:
    """What began in an older book becomes a change of its row."""
    book = Book(0)
    _block(book, 7, identity.KeyRevoked(key=name_of("k"), owner=name_of("p")))
    assert book.changes == {tables.KEYS: {name_of("k"): {"status": "revoked", "ended": 7}}}


def test_timers_come_first_and_bad_bytes_have_no_types() -> None:
    """Timer events stand before the transactions; bytes that are no transaction have no types."""
    book = Book(0)
    ended = codec.encode([identity.RecoveryCancelled(recovery=name_of("r"), person=name_of("p"))])
    refused = Result(6, 1, b"[]", {"expires": 1})
    book.block(3, 1, "h", [b"\xff", b"[]"], [Result(2, 1), refused], ended)
    assert [row[2:4] for row in book.rows[tables.EVENTS]] == [[TIMERS, 0]]
    assert [row[3:] for row in book.rows[tables.TRANSACTIONS]] == [
        [2, "", ""],
        [6, "", '{"expires":1}'],
    ]


def test_types_are_named_in_order() -> None:
    """A transaction's row names its messages."""
    book = Book(0)
    _block(book, 1)
    assert book.rows[tables.TRANSACTIONS][0][4] == "a.B,c.D"
