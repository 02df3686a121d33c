"""What a simulation draws of the trade: companies, products, posts, recalls and alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.chain import DAY, Actor, digest_of, name_of
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.ledger.module import Message
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.governance.state import is_member, law
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply import state
from yilian.ledger.modules.supply.numbers import check_digit, serial_digest

if TYPE_CHECKING:
    from tests.simulation import Simulation

Drawer = Callable[["Simulation"], bytes]
LAW = supply.Message.law
VIEW_KEY = codec.to_text(bytes(1_216))
NEEDED = "the trade needs this"


class Traded:
    """What stands by what was drawn here: who made it, and its name or number."""

    def __init__(self) -> None:
        self.companies: list[tuple[Actor, str, list[str]]] = []
        self.products: list[str] = []
        self.credentials: list[str] = []
        self.recalls: list[tuple[Actor, str, str]] = []
        self.alerts: list[tuple[Actor, str]] = []
        self.nullifiers: list[str] = []


def _kind(play: Simulation, actor: Actor) -> str:
    found = SUBJECTS.get(play.chain.state, actor.id)
    return "" if found is None or found.organisation_kind is None else found.organisation_kind


def _member(play: Simulation, *kinds: str) -> Actor | None:
    """Give a member of some kind."""
    able = [
        each
        for each in play._organisations
        if is_member(play.chain.state, each.id) and _kind(play, each) in kinds
    ]
    return play.dice.pick(able) if able else None


def _bring(play: Simulation, action: Any) -> bytes:
    """Have members vote for what is missing, or go on with the votes that are open."""
    open_ = play._open_proposals()
    if open_:
        return play._vote()
    proposal = name_of(play._label(NEEDED))
    message = governance.Propose(proposal=proposal, action=action)
    return play._send(play._member(), message, then=lambda: play._proposals.append(proposal))


def _in_law(draw: Drawer) -> Drawer:
    """Draw what brings the law while it does not hold: what is malformed now would count later."""

    def drawn(play: Simulation) -> bytes:
        held = law(play.chain.state)
        if held.version >= LAW:
            return draw(play)
        if held.next is not None:
            return play._vote()
        return _bring(play, governance.Upgrade(held.version + 1, play.chain.height + 14))

    return drawn


def _missing(play: Simulation) -> bytes | None:
    """Bring a regulator; None where one is there."""
    if _member(play, "regulator") is None:
        known = [each for each in play._organisations if _kind(play, each) == "regulator"]
        if not known:
            return play._enrol_organisation()
        return _bring(play, governance.AdmitMember(play.dice.pick(known).id))
    return None


def _regulator(play: Simulation) -> Actor:
    """Give a regulator, seldom somebody else."""
    found = _member(play, "regulator")
    return play._organisation() if found is None or play.dice.chance(5) else found


def _trader(play: Simulation) -> Actor:
    """Give an organisation with a company, seldom without."""
    able = [each for each in play._organisations if state.trades(play.chain.state, each.id)]
    return play.dice.pick(able) if able and play.dice.chance(92) else play._organisation()


def _of(play: Simulation, organisation: str | None) -> Actor:
    """Give the actor of an organisation, seldom another."""
    found = [each for each in play._organisations if each.id == organisation]
    return found[0] if found and play.dice.chance(92) else _trader(play)


def _standing(play: Simulation) -> list[str]:
    """List the products that have not ended, newest last."""
    held = [(each, state.product(play.chain.state, each)) for each in play.drawn.trade.products]
    return [gtin for gtin, each in held if each is not None and each.ended is None]


def _gtin(play: Simulation) -> str | None:
    products = _standing(play)
    if not products:
        return None
    return play.dice.pick(play.drawn.trade.products if play.dice.chance(5) else products)


def _number(play: Simulation, begins: str, size: int) -> str:
    digits = begins + "".join(str(play.dice.below(10)) for _ in range(size - 1 - len(begins)))
    return digits + check_digit(digits)


def register_company(play: Simulation) -> bytes:
    """Draw a registration; prefixes of few digits overlap now and then."""
    missing = _missing(play)
    if missing is not None:
        return missing
    sender = _member(play, "hospital", "pharmacy", "clinic")
    if sender is None or play.dice.chance(8):
        sender = play._organisation()
    name, dice = name_of(play._label("company")), play.dice
    drawn = {
        "69" + "".join(str(dice.below(3)) for _ in range(4 + dice.below(4)))
        for _ in range(dice.below(3))
    }
    prefixes = sorted(drawn)
    message = supply.RegisterCompany(company=name, gln=_number(play, "69", 13), prefixes=prefixes)
    then = play.drawn.trade.companies.append
    return play._send(sender, message, then=lambda: then((sender, name, prefixes)))


def _company(play: Simulation) -> tuple[Actor, str, list[str]] | None:
    made = play.drawn.trade.companies
    held = [each for each in made if state.COMPANIES.require(play.chain.state, each[1])]
    standing = [
        each for each in held if state.COMPANIES.require(play.chain.state, each[1]).ended is None
    ]
    return play.dice.pick(standing if play.dice.chance(90) else held) if standing else None


def correct_company(play: Simulation) -> bytes:
    """Draw a correction by a regulator."""
    found = _company(play)
    if found is None:
        return register_company(play)
    _, name, prefixes = found
    taken = prefixes[:1]
    end = not taken or play.dice.chance(20)
    message = supply.CorrectCompany(company=name, prefixes=taken, end=end)
    return play._send(_regulator(play), message)


def end_company(play: Simulation) -> bytes:
    """Draw the end of a registration, where several are there."""
    found = _company(play)
    if found is None or len(play.drawn.trade.companies) < 4:
        return register_company(play)
    return play._send(_of(play, found[0].id), supply.EndCompany(company=found[1]))


def register_product(play: Simulation) -> bytes:
    """Draw a product below a prefix, sometimes a known number."""
    found = _company(play)
    if found is None or not found[2]:
        return register_company(play)
    sender, _, prefixes = found
    trade, dice = play.drawn.trade, play.dice
    gtin = _number(play, "0" + dice.pick(prefixes), 14)
    if trade.products and dice.chance(8):
        gtin = dice.pick(trade.products)
    message = supply.RegisterProduct(
        gtin=gtin,
        kind=dice.pick(("medicine", "vaccine", "device")),
        name=play._label("product"),
        responder=_of(play, sender.id).id,
        lowest=200 if dice.chance(50) else None,
        highest=800 if dice.chance(50) else None,
        drug_code=f"{dice.below(40):07d}" if dice.chance(40) else None,
    )

    def then() -> None:
        if gtin not in trade.products:
            trade.products.append(gtin)

    return play._send(_of(play, sender.id), message, then=then)


def amend_product(play: Simulation) -> bytes:
    """Draw a new description."""
    gtin = _gtin(play)
    if gtin is None:
        return register_product(play)
    owner = _of(play, state.owner(play.chain.state, gtin))
    message = supply.AmendProduct(
        gtin=gtin,
        name=play._label("name"),
        responder=owner.id if play.dice.chance(60) else play._anyone().id,
        single_use=play.dice.chance(20),
    )
    return play._send(owner, message)


def offer_product(play: Simulation) -> bytes:
    """Draw an offer, mostly to another trader."""
    gtin = _gtin(play)
    if gtin is None:
        return register_product(play)
    owner = _of(play, state.owner(play.chain.state, gtin))
    return play._send(owner, supply.OfferProduct(gtin=gtin, to=_trader(play).id))


def _offered(play: Simulation) -> tuple[str, str, str] | None:
    for gtin in reversed(_standing(play)):
        found = state.PRODUCTS.require(play.chain.state, gtin)
        if found.offered is not None:
            return gtin, found.owner, found.offered
    return None


def accept_product(play: Simulation) -> bytes:
    """Draw that an offer is taken."""
    found = _offered(play)
    if found is None:
        return offer_product(play)
    return play._send(_of(play, found[2]), supply.AcceptProduct(gtin=found[0]))


def withdraw_offer(play: Simulation) -> bytes:
    """Draw that an offer is taken back."""
    found = _offered(play)
    if found is None:
        return offer_product(play)
    return play._send(_of(play, found[1]), supply.WithdrawOffer(gtin=found[0]))


def end_product(play: Simulation) -> bytes:
    """Draw the end of a product, by its owner or a regulator."""
    gtin = _gtin(play)
    if gtin is None or len(_standing(play)) < 2:
        return register_product(play)
    owner = _of(play, state.owner(play.chain.state, gtin))
    sender = owner if play.dice.chance(60) else _regulator(play)
    return play._send(sender, supply.EndProduct(gtin=gtin))


def issue_credential(play: Simulation) -> bytes:
    """Draw a credential."""
    missing = _missing(play)
    if missing is not None:
        return missing
    name = name_of(play._label("credential"))
    message = supply.IssueCredential(
        credential=name,
        organisation=play._organisation().payer,
        role=play.dice.pick(("trading_partner", "dispenser")),
        ends=play.chain.time + play.dice.below(3 * DAY),
    )
    then = play.drawn.trade.credentials.append
    return play._send(_regulator(play), message, then=lambda: then(name))


def revoke_credential(play: Simulation) -> bytes:
    """Draw a revocation, mostly of the newest credential."""
    made = play.drawn.trade.credentials
    if not made:
        return issue_credential(play)
    name = made[-1] if play.dice.chance(70) else play.dice.pick(made)
    return play._send(_regulator(play), supply.RevokeCredential(credential=name))


def post(play: Simulation) -> bytes:
    """Draw a post, sometimes with a nullifier posted before, too early or of another size."""
    trade, dice, chain = play.drawn.trade, play.dice, play.chain
    if not trade.companies:
        return register_company(play)
    size = state.slots(chain.state) + (1 if dice.chance(4) else 0)
    nullifiers = [codec.to_text(dice.bytes()) for _ in range(size)]
    if trade.nullifiers and dice.chance(10):
        nullifiers[-1] = dice.pick(trade.nullifiers)
    at = state.pace(chain.state, chain.time).at(chain.time)
    message = supply.Post(
        interval=max(0, at + dice.pick((-1, 0, 0, 0, 1, 3))),
        root=codec.to_text(dice.bytes()),
        nullifiers=nullifiers,
    )
    return play._send(_trader(play), message, then=lambda: trade.nullifiers.extend(nullifiers))


def publish_view_key(play: Simulation) -> bytes:
    """Draw a view key, seldom of another length."""
    missing = _missing(play)
    if missing is not None:
        return missing
    public = VIEW_KEY if play.dice.chance(95) else VIEW_KEY[:-4]
    message = supply.PublishViewKey(kem="mlkem768-x25519", public=public)
    return play._send(_regulator(play), message)


def grant_view(play: Simulation) -> bytes:
    """Draw that a company lets a regulator see."""
    keys = state.view_keys(play.chain.state)
    if not keys or not play.drawn.trade.companies:
        return publish_view_key(play)
    regulator, key = play.dice.pick(keys)
    known = codec.to_text(sha256(codec.to_bytes(key.public)))
    message = supply.GrantView(
        regulator=regulator,
        key=known if play.dice.chance(92) else digest_of("another key"),
        wrapped=codec.to_text(play.dice.bytes() * 37),
    )
    return play._send(_trader(play), message)


def issue_recall(play: Simulation) -> bytes:
    """Draw a recall of lots, of serials or of all."""
    gtin = _gtin(play)
    if gtin is None:
        return register_product(play)
    dice, name = play.dice, name_of(play._label("recall"))
    owner = _of(play, state.owner(play.chain.state, gtin))
    sender = owner if dice.chance(70) else _regulator(play)
    message = supply.IssueRecall(
        recall=name,
        gtin=gtin,
        grade=1 + dice.below(3),
        reason=dice.pick(("stability", "falsified", "labelling")),
        lots=sorted({f"L{dice.below(9)}" for _ in range(dice.below(3))}),
        serials=sorted({serial_digest(gtin, str(dice.below(9))) for _ in range(dice.below(3))}),
        ends=play.chain.time + dice.below(9 * DAY) if dice.chance(40) else None,
    )
    then = play.drawn.trade.recalls.append
    return play._send(sender, message, then=lambda: then((sender, name, gtin)))


def _recall(play: Simulation) -> tuple[Actor, str, str] | None:
    made = play.drawn.trade.recalls
    if not made:
        return None
    return made[-1] if play.dice.chance(60) else play.dice.pick(made)


def extend_recall(play: Simulation) -> bytes:
    """Draw a wider recall."""
    found = _recall(play)
    if found is None:
        return issue_recall(play)
    sender, name, gtin = found
    dice = play.dice
    message = supply.ExtendRecall(
        recall=name,
        lots=sorted({f"M{dice.below(50)}" for _ in range(dice.below(3))}),
        serials=[serial_digest(gtin, str(dice.below(99)))],
        ends=play.chain.time + 20 * DAY if dice.chance(20) else None,
    )
    return play._send(_of(play, sender.id), message)


def end_recall(play: Simulation) -> bytes:
    """Draw the end of a recall, by who issued it or a regulator."""
    found = _recall(play)
    if found is None:
        return issue_recall(play)
    sender = _of(play, found[0].id) if play.dice.chance(60) else _regulator(play)
    return play._send(sender, supply.EndRecall(recall=found[1]))


def raise_alert(play: Simulation) -> bytes:
    """Draw an alert."""
    gtin = _gtin(play)
    if gtin is None:
        return register_product(play)
    name = name_of(play._label("alert"))
    sender = _of(play, state.responder(play.chain.state, gtin))
    message = supply.RaiseAlert(
        alert=name,
        gtin=gtin,
        kind=play.dice.pick(("clone", "unknown_serial", "wrong_lot", "wrong_expiry", "reused")),
        commitment=codec.to_text(play.dice.bytes()),
    )
    then = play.drawn.trade.alerts.append
    return play._send(sender, message, then=lambda: then((sender, name)))


def close_alert(play: Simulation) -> bytes:
    """Draw a finding."""
    made = play.drawn.trade.alerts
    if not made:
        return raise_alert(play)
    sender, name = made[-1] if play.dice.chance(70) else play.dice.pick(made)
    message = supply.CloseAlert(
        alert=name, finding=play.dice.pick(("false_alarm", "confirmed", "data_error"))
    )
    return play._send(_of(play, sender.id), message)


_DRAWERS: dict[type[Message], Drawer] = {
    supply.RegisterCompany: register_company,
    supply.CorrectCompany: correct_company,
    supply.EndCompany: end_company,
    supply.RegisterProduct: register_product,
    supply.AmendProduct: amend_product,
    supply.OfferProduct: offer_product,
    supply.AcceptProduct: accept_product,
    supply.WithdrawOffer: withdraw_offer,
    supply.EndProduct: end_product,
    supply.IssueCredential: issue_credential,
    supply.RevokeCredential: revoke_credential,
    supply.Post: post,
    supply.PublishViewKey: publish_view_key,
    supply.GrantView: grant_view,
    supply.IssueRecall: issue_recall,
    supply.ExtendRecall: extend_recall,
    supply.EndRecall: end_recall,
    supply.RaiseAlert: raise_alert,
    supply.CloseAlert: close_alert,
}
DRAWERS = {kind: _in_law(draw) for kind, draw in _DRAWERS.items()}
