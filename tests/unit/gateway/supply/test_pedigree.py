"""Senders that lie: each lie is refused with its own code, and nothing is held for it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chain import name_of
from tests.unit.gateway.supply.market import Trader, World, gtin, pack, packs
from yilian.gateway.supply import notes, pedigree, shipments
from yilian.gateway.supply.notes import TitleTree
from yilian.gateway.supply.on_chain import TitleView
from yilian.gateway.supply.pedigree import (
    Composer,
    Document,
    End,
    Ended,
    EndedLine,
    Note,
    Spend,
)
from yilian.gateway.supply.titles import check
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.messages import Post

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("pedigree")

UNITS = packs(0, 12)
OVER = UNITS[8]


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The maker sold ten packs to the wholesaler, who sold four of them to the pharmacy."""
    world = World(tmp_path_factory.mktemp("sold"))
    world.maker.commission(UNITS)
    world.tick()
    world.move(UNITS[:10], world.maker, world.wholesaler)
    world.move(UNITS[:4], world.wholesaler, world.pharmacy)
    yield world
    world.close()


def document_of(trader: Trader, unit: str) -> Document:
    return pedigree.decode(trader.titles.proof(unit))


def send(sender: Trader, to: Trader, document: Document, label: str = "") -> str:
    """Send a pedigree as a shipment; gives the code of its refusal, or ""."""
    shipment = name_of(label or secrets.token_hex(8))
    public = to.keystore.service_key().public.data
    package = shipments.close(shipment, sender.id, to.id, public, document)
    code = ""
    try:
        to.titles.receive(package, sender.id)
    except Refusal as refusal:
        code = refusal.code.name
    listed = {each.shipment: each for each in to.titles.incoming()}[shipment]
    assert (listed.fault, listed.checked) == (code, not code)
    return code


def renamed(document: Document, **changes: Any) -> Document:
    """Change the note of a document's only line."""
    (line,) = document.lines
    made = msgspec.structs.replace(line, **changes)
    return msgspec.structs.replace(document, lines=(made,))


def to_claim(document: Document, holder: Trader, giver: Trader) -> Document:
    """Make a document say that its packs went to a claim that the holder really gave."""
    (key,) = holder.titles.promise(giver.id, 1)
    return renamed(document, note=Note(holder=holder.id, key=key, salt=secrets.token_bytes(32)))


def test_a_pack_given_to_one_is_not_given_to_another(sold: World) -> None:
    # The wholesaler gave this pack to the pharmacy, and tells the clinic it went there.
    forged = to_claim(document_of(sold.pharmacy, UNITS[0]), sold.clinic, sold.wholesaler)
    assert send(sold.wholesaler, sold.clinic, forged) == "supply.title_path"


class Liar:
    """A member with software of its own: it posts what it likes."""

    def __init__(self, world: World, trader: Trader) -> None:
        self.world, self.trader = world, trader

    def post(self, leaves: dict[bytes, bytes], nullifiers: list[bytes]) -> tuple[int, TitleTree]:
        """Post a tree; raises the chain's refusal."""
        interval = self.world.market.go_on()
        tree = TitleTree(leaves)
        fill = [secrets.token_bytes(32) for _ in range(8 - len(nullifiers))]
        message = Post(
            interval=interval,
            root=codec.to_text(notes.post_root(bytes(32), tree.root)),
            nullifiers=[codec.to_text(each) for each in (*nullifiers, *fill)],
        )
        line = self.trader.line
        line.submit(line.sign(message, self.world.market.time + 60_000))
        return interval, tree

    def spend(self, interval: int, secret: bytes, salt: bytes | None) -> Spend:
        return Spend(organisation=self.trader.id, interval=interval, secret=secret, salt=salt)


def given_by(
    liar: Liar, chain: tuple[Spend, ...], note: Note, unit: str, tree: TitleTree
) -> Document:
    composer = Composer()
    composer.line(chain, note, [unit])
    composer.tree(chain[-1].place, bytes(32), tree)
    return composer.document()


def made_up(liar: Liar, unit: str, note: Note) -> Document:
    """Commission a pack straight into a note for somebody."""
    secret = secrets.token_bytes(32)
    spent = notes.nullifier(liar.trader.id, secret)
    interval, tree = liar.post({notes.origin_key(spent, unit): note.commitment}, [spent])
    return given_by(liar, (liar.spend(interval, secret, None),), note, unit, tree)


def claim_of(holder: Trader, giver: Trader) -> Note:
    (key,) = holder.titles.promise(giver.id, 1)
    return Note(holder=holder.id, key=key, salt=secrets.token_bytes(32))


def test_a_pack_that_somebody_else_makes_is_refused(sold: World) -> None:
    liar = Liar(sold, sold.wholesaler)
    note = claim_of(sold.clinic, sold.wholesaler)
    for unit in (
        pack(900),
        pack(901, gtin(7)),
        f"https://id.gs1.org/01/{gtin()}/10/L1",
        f"https://id.gs1.org/00/1{'6901234'}0000000018",
        "urn:anything",
    ):
        forged = made_up(liar, unit, note)
        assert send(sold.wholesaler, sold.clinic, forged) == "supply.title_origin"


def test_a_maker_may_sell_straight_from_making(sold: World) -> None:
    liar = Liar(sold, sold.maker)
    honest = made_up(liar, pack(950), claim_of(sold.clinic, sold.maker))
    assert send(sold.maker, sold.clinic, honest) == ""
    pallet = "https://id.gs1.org/00/169012340000000018"
    honest = made_up(liar, pallet, claim_of(sold.clinic, sold.maker))
    assert send(sold.maker, sold.clinic, honest) == ""
    # A maker that gives one number twice is not believed by who has the first.
    for each in sold.clinic.titles.incoming():
        if each.checked:
            sold.clinic.accept(each.shipment)
    again = made_up(liar, pack(950), claim_of(sold.clinic, sold.maker))
    assert send(sold.maker, sold.clinic, again) == "supply.title_double"


def test_two_that_come_at_once_under_one_number_are_not_both_accepted(sold: World) -> None:
    liar = Liar(sold, sold.maker)
    for label in ("twin 1", "twin 2"):
        made = made_up(liar, pack(960), claim_of(sold.clinic, sold.maker))
        assert send(sold.maker, sold.clinic, made, label) == ""
    sold.clinic.accept(name_of("twin 1"))
    with pytest.raises(Refusal) as refused:
        sold.clinic.accept(name_of("twin 2"))
    assert refused.value.code.name == "supply.title_double"


def test_a_note_spent_twice_is_refused_by_the_chain_and_by_the_second(sold: World) -> None:
    liar = Liar(sold, sold.maker)
    unit, secret, salt = pack(970), secrets.token_bytes(32), secrets.token_bytes(32)
    own = Note(holder=sold.maker.id, key=notes.holder_key(secret), salt=salt)
    first, second = (claim_of(each, sold.maker) for each in (sold.clinic, sold.pharmacy))
    made = secrets.token_bytes(32)
    origin = notes.nullifier(sold.maker.id, made)
    began, start = liar.post({notes.origin_key(origin, unit): own.commitment}, [origin])
    spent = notes.nullifier(sold.maker.id, secret)
    when, tree = liar.post({notes.title_key(spent, unit): first.commitment}, [spent])
    with pytest.raises(Refusal) as refused:
        liar.post({notes.title_key(spent, unit): second.commitment}, [spent])
    assert refused.value.code.name == "supply.spent"
    # It posts the second tree with other nullifiers, and says that this was the spend.
    later, other = liar.post({notes.title_key(spent, unit): second.commitment}, [])
    for interval, shown, note, to, expected in (
        (later, other, second, sold.pharmacy, "supply.title_spent"),
        (when, tree, first, sold.clinic, ""),
    ):
        composer = Composer()
        chain = (liar.spend(began, made, None), liar.spend(interval, secret, salt))
        composer.line(chain, note, [unit])
        composer.tree(chain[0].place, bytes(32), start)
        composer.tree(chain[1].place, bytes(32), shown)
        assert send(sold.maker, to, composer.document()) == expected


def test_what_was_never_commissioned_or_posted_is_refused(sold: World) -> None:
    real = document_of(sold.pharmacy, UNITS[1])
    note = claim_of(sold.clinic, sold.pharmacy)
    # Without the maker's own step.
    (line,) = real.lines
    headless = msgspec.structs.replace(
        real,
        spends=real.spends[1:],
        lines=(msgspec.structs.replace(line, chain=tuple(range(len(line.chain) - 1)), note=note),),
        posts=real.posts,
    )
    assert send(sold.pharmacy, sold.clinic, headless) == "supply.proof_malformed"
    # By a nullifier that nobody posted.
    invented = Spend(
        organisation=sold.pharmacy.id,
        interval=real.spends[-1].interval,
        secret=secrets.token_bytes(32),
        salt=secrets.token_bytes(32),
    )
    place = pedigree.ShownPost(
        organisation=invented.organisation,
        interval=invented.interval,
        events_root=bytes(32),
        depths=b"\0",
        siblings=b"",
    )
    longer = msgspec.structs.replace(
        real,
        spends=(*real.spends, invented),
        posts=(*real.posts, place),
        lines=(msgspec.structs.replace(line, chain=(*line.chain, len(line.chain)), note=note),),
    )
    assert send(sold.pharmacy, sold.clinic, longer) == "supply.title_unposted"


def test_another_pack_does_not_fit_a_pedigree(sold: World) -> None:
    real = document_of(sold.pharmacy, UNITS[1])
    with pytest.raises(Refusal) as refused:
        check(pedigree.encode(renamed(real, units=(UNITS[11],))), sold.market.state)
    assert refused.value.code.name == "supply.title_path"


def test_a_shipment_for_others_by_others_or_again_is_refused(sold: World) -> None:
    organisation, shipment, package = sold.wholesaler.brought[0]
    assert organisation == sold.pharmacy.id
    # Again is fine, and changes nothing.
    assert sold.pharmacy.titles.receive(package, sold.wholesaler.id) == shipment
    for to, caller, expected in (
        (sold.clinic, sold.wholesaler, "package_not_for_this_organisation"),
        (sold.pharmacy, sold.maker, "members.not_about_caller"),
    ):
        with pytest.raises(Refusal) as refused:
            to.titles.receive(package, caller.id)
        assert refused.value.code.name == expected
    # Under another's name, or with another's contents, it does not open.
    outer = msgspec.msgpack.decode(package, type=shipments.ShipmentPackage)
    for changes in (
        {"shipment": name_of("renamed")},
        {"sealed": outer.sealed[:-1] + bytes((outer.sealed[-1] ^ 1,))},
    ):
        moved = msgspec.structs.replace(outer, **changes)
        before = {"shipment": name_of("fresh")} if "sealed" in changes else {}
        data = msgspec.msgpack.encode(msgspec.structs.replace(moved, **before))
        with pytest.raises(Refusal) as refused:
            sold.pharmacy.titles.receive(data, sold.wholesaler.id)
        assert refused.value.code.name == "envelope_not_opened"
    with pytest.raises(Refusal) as refused:
        sold.pharmacy.titles.receive(package[:-5], sold.wholesaler.id)
    assert refused.value.code.name == "malformed"
    # The same packs by a stale pedigree: its claim was used.
    stale = document_of(sold.pharmacy, UNITS[2])
    assert send(sold.wholesaler, sold.pharmacy, stale) == "supply.title_claim_used"
    # And another sender's shipment is not taken under an id that is known.
    assert send(sold.maker, sold.pharmacy, stale, "mine") == "supply.title_not_ours"
    public = sold.pharmacy.keystore.service_key().public.data
    copied = shipments.close(shipment, sold.maker.id, sold.pharmacy.id, public, stale)
    with pytest.raises(Refusal) as refused:
        sold.pharmacy.titles.receive(copied, sold.maker.id)
    assert refused.value.code.name == "supply.shipment_differs"


def test_a_pedigree_is_no_title(sold: World) -> None:
    # The clinic got hold of the pharmacy's pedigree and of its note's key, and sends them on.
    real = document_of(sold.pharmacy, UNITS[3])
    assert send(sold.clinic, sold.wholesaler, real) == "supply.title_not_ours"
    assert send(sold.wholesaler, sold.clinic, real) == "supply.title_not_ours"


def test_a_claim_for_one_giver_is_not_for_another(sold: World) -> None:
    liar = Liar(sold, sold.maker)
    foreign = made_up(liar, pack(980), claim_of(sold.clinic, sold.wholesaler))
    assert send(sold.maker, sold.clinic, foreign) == "supply.title_not_ours"


def test_one_claim_is_for_one_note(sold: World) -> None:
    liar = Liar(sold, sold.maker)
    first = claim_of(sold.clinic, sold.maker)
    twice = msgspec.structs.replace(first, salt=secrets.token_bytes(32))
    one, two = pack(990), pack(991)
    secret = secrets.token_bytes(32)
    spent = notes.nullifier(sold.maker.id, secret)
    leaves = {
        notes.origin_key(spent, one): first.commitment,
        notes.origin_key(spent, two): twice.commitment,
    }
    interval, tree = liar.post(leaves, [spent])
    composer = Composer()
    chain = (liar.spend(interval, secret, None),)
    composer.line(chain, first, [one])
    composer.line(chain, twice, [two])
    composer.tree(chain[0].place, bytes(32), tree)
    assert send(sold.maker, sold.clinic, composer.document()) == "supply.title_claim_used"


def test_forms_that_fit_nothing_are_refused(sold: World) -> None:
    real = document_of(sold.pharmacy, UNITS[0])
    (line,) = real.lines
    replace = msgspec.structs.replace
    wrong = [
        replace(real, lines=(line, line)),
        replace(real, posts=(*real.posts, real.posts[0])),
        replace(real, posts=real.posts[1:]),
        replace(real, lines=(replace(line, chain=(*line.chain, 99)),)),
        replace(real, lines=(replace(line, chain=(*line.chain, line.chain[0])),)),
        replace(real, lines=(replace(line, chain=line.chain[:-1]),)),
        replace(real, lines=(replace(line, units=(UNITS[0], UNITS[0])),)),
    ]
    for each in wrong:
        with pytest.raises(Refusal) as refused:
            check(pedigree.encode(each), sold.market.state)
        assert refused.value.code.name == "supply.proof_malformed"
    for data in (b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"format":"yilian-pedigree/2"}'):
        with pytest.raises(Refusal) as refused:
            check(data, sold.market.state)
        assert refused.value.code.name == "supply.proof_malformed"


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*at, index))
    else:
        yield at


def _altered(document: bytes, data: st.DataObject) -> bytes:
    """Change one value of a document."""
    real = json.loads(document)
    place = data.draw(st.sampled_from(sorted(_places(real), key=repr)))
    inner: Any = real
    for step in place[:-1]:
        inner = inner[step]
    old = inner[place[-1]]
    if isinstance(old, int):
        inner[place[-1]] = data.draw(st.integers(-1, 2**54).filter(lambda each: each != old))
    elif old is None:
        inner[place[-1]] = "A" * 43 + "="
    else:
        index = data.draw(st.integers(0, len(old) - 1)) if old else 0
        inner[place[-1]] = old[:index] + data.draw(st.sampled_from("AQgw0_-1z")) + old[index + 1 :]
    return json.dumps(real).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_single_change_is_believed(sold: World, data: st.DataObject) -> None:
    altered = _altered(sold.pharmacy.titles.proof(UNITS[0]), data)
    try:
        decoded = pedigree.decode(altered)
    except Refusal:
        return
    if decoded == document_of(sold.pharmacy, UNITS[0]):
        return  # A spare bit of base64.
    with pytest.raises(Refusal):
        check(altered, sold.market.state)


# Ends


@pytest.fixture(scope="module")
def over(sold: World) -> Ended:
    """The clinic bought two packs and dispensed one; the document that it makes of that."""
    sold.move(UNITS[8:10], sold.wholesaler, sold.clinic)
    sold.clinic.finish([OVER])
    sold.tick(count=2)
    ((responder, _, package),) = sold.clinic.words
    assert responder == sold.maker.id
    outer = shipments.outer_ends(package)
    assert outer.sender == sold.clinic.id
    return shipments.open_ends(outer, sold.maker.id, sold.maker.keystore)


def refused_end(sold: World, document: Ended) -> str:
    with pytest.raises(Refusal) as refused:
        pedigree.check_ended(document, TitleView(sold.market.state))
    return refused.value.code.name


def with_line(document: Ended, **changes: Any) -> Ended:
    (line,) = document.lines
    made = msgspec.structs.replace(line, **changes)
    return msgspec.structs.replace(document, lines=(made,))


def test_an_end_leads_back_to_the_maker(sold: World, over: Ended) -> None:
    (course,) = pedigree.check_ended(over, TitleView(sold.market.state)).items()
    unit, ending = course
    assert (unit, ending.end.word) == (OVER, "dispensed")
    way = list(dict.fromkeys(organisation for organisation, _ in ending.holders))
    assert way == [sold.maker.id, sold.wholesaler.id, sold.clinic.id]
    assert ending.place == ending.holders[-1]


def test_a_word_is_bound_by_the_commitment(sold: World, over: Ended) -> None:
    (line,) = over.lines
    for end in (
        msgspec.structs.replace(line.end, word="stolen"),
        msgspec.structs.replace(line.end, salt=bytes(32)),
    ):
        assert refused_end(sold, with_line(over, end=end)) == "supply.title_path"


def test_neither_kind_of_pedigree_is_taken_for_the_other(sold: World, over: Ended) -> None:
    with pytest.raises(Refusal) as refused:
        check(pedigree.encode(over), sold.market.state)
    assert refused.value.code.name == "supply.proof_malformed"
    # Not under the other's name either.
    (line,) = over.lines
    renamed_ = json.loads(pedigree.encode(over)) | {"format": "yilian-pedigree/1"}
    with pytest.raises(Refusal) as refused:
        check(json.dumps(renamed_).encode(), sold.market.state)
    assert refused.value.code.name == "supply.proof_malformed"
    # Nor as a note whose commitment is the end's: no note opens to it.
    (key,) = sold.pharmacy.titles.promise(sold.clinic.id, 1)
    note = Note(holder=sold.pharmacy.id, key=key, salt=line.end.salt)
    held = Document(
        spends=over.spends,
        posts=over.posts,
        lines=(pedigree.Line(chain=line.chain, note=note, units=line.units),),
    )
    assert send(sold.clinic, sold.pharmacy, held) == "supply.title_path"
    # And a package of one is not opened as the other.
    public = sold.pharmacy.keystore.service_key().public.data
    package = shipments.close_ends(
        name_of("an end"), sold.clinic.id, sold.pharmacy.id, public, over
    )
    with pytest.raises(Refusal) as refused:
        sold.pharmacy.titles.receive(package, sold.clinic.id)
    assert refused.value.code.name == "malformed"


def test_an_ended_pack_cannot_be_shipped_on(sold: World, over: Ended) -> None:
    assert over.lines[0].units == (OVER,)
    acts: list[Callable[[], object]] = [
        lambda: sold.clinic.ship([OVER], sold.pharmacy),
        lambda: sold.clinic.finish([OVER], "stolen"),
        lambda: sold.clinic.titles.proof(OVER),
    ]
    for act in acts:
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code.name == "supply.title_not_held"


def ended_by(document: Document) -> Ended:
    """Say that packs ended where their pedigree says that they were given on."""
    (line,) = document.lines
    end = End(word="dispensed", salt=secrets.token_bytes(32))
    made = EndedLine(chain=line.chain, end=end, units=line.units)
    return Ended(spends=document.spends, posts=document.posts, lines=(made,))


def test_what_was_given_on_is_not_ended_by_who_gave_it(sold: World) -> None:
    # The wholesaler's spend of this pack is on the chain: it gave it to the pharmacy.
    real = document_of(sold.pharmacy, UNITS[1])
    assert real.spends[-1].organisation == sold.wholesaler.id
    assert refused_end(sold, ended_by(real)) == "supply.title_path"


def test_an_old_holder_with_an_old_backup_ends_nothing(sold: World) -> None:
    # Its old copy has the note and its secret; it posts the end with other nullifiers.
    real = document_of(sold.pharmacy, UNITS[2])
    liar = Liar(sold, sold.wholesaler)
    old = real.spends[-1]
    end = End(word="dispensed", salt=secrets.token_bytes(32))
    key = notes.title_key(old.nullifier, UNITS[2])
    interval, tree = liar.post({key: end.commitment}, [])
    proof = tree.prove([key])
    post = pedigree.ShownPost(
        organisation=liar.trader.id,
        interval=interval,
        events_root=bytes(32),
        depths=proof.depths,
        siblings=proof.siblings,
    )
    (line,) = real.lines
    forged = Ended(
        spends=(*real.spends[:-1], msgspec.structs.replace(old, interval=interval)),
        posts=(*(x for x in real.posts if x.organisation != liar.trader.id), post),
        lines=(EndedLine(chain=line.chain, end=end, units=line.units),),
    )
    assert refused_end(sold, forged) == "supply.title_spent"


def test_nobody_ends_what_it_does_not_hold(sold: World) -> None:
    """The clinic posts an end of the pharmacy's pack, out of a note of its own making."""
    real = document_of(sold.pharmacy, UNITS[3])
    liar = Liar(sold, sold.clinic)
    secret, salt = secrets.token_bytes(32), secrets.token_bytes(32)
    end = End(word="stolen", salt=secrets.token_bytes(32))
    spent = notes.nullifier(sold.clinic.id, secret)
    (line,) = real.lines
    leaf = {notes.title_key(spent, UNITS[3]): end.commitment}
    interval, tree = liar.post(leaf, [spent])
    own = liar.spend(interval, secret, salt)
    proof = tree.prove(leaf)
    post = pedigree.ShownPost(
        organisation=sold.clinic.id,
        interval=interval,
        events_root=bytes(32),
        depths=proof.depths,
        siblings=proof.siblings,
    )
    longer = Ended(
        spends=(*real.spends, own),
        posts=(*real.posts, post),
        lines=(EndedLine(chain=(*line.chain, len(real.spends)), end=end, units=line.units),),
    )
    assert refused_end(sold, longer) == "supply.title_path"
    # Nor without the way that it did not come by.
    alone = Ended(
        spends=(msgspec.structs.replace(own, salt=None),),
        posts=(post,),
        lines=(EndedLine(chain=(0,), end=end, units=line.units),),
    )
    assert refused_end(sold, alone) == "supply.title_origin"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_single_change_of_an_end_is_believed(
    sold: World, over: Ended, data: st.DataObject
) -> None:
    altered = _altered(pedigree.encode(over), data)
    try:
        document = msgspec.json.decode(altered, type=Ended)
    except msgspec.ValidationError:
        return
    if document == over:
        return  # A spare bit of base64, or the same letter.
    with pytest.raises(Refusal):
        pedigree.check_ended(document, TitleView(sold.market.state))
