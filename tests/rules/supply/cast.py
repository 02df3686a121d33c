"""Companies, products, recalls and posts that stand, for the tests of several messages."""

from __future__ import annotations

from typing import Any

from tests.chain import DAY, Actor, Chain, digest_of, name_of
from tests.rules.governance.voting import under_law
from yilian.ledger import codec, keys
from yilian.ledger.modules.governance.messages import AdmitMember
from yilian.ledger.modules.supply import messages
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.ledger.modules.supply.state import OWNERS, Owned, Owners, owners, pace

PREFIX = "6901234"
OTHER_PREFIX = "4012345"
DRUG_CODE = "8123456"
VIEW_KEY = codec.to_text(bytes(range(256)) * 4 + bytes(192))
WRAPPED = codec.to_text(bytes(1_168))


def gln(number: int) -> str:
    """Give the GLN with a number."""
    digits = f"{PREFIX}{number:05d}"
    return digits + check_digit(digits)


def gtin(number: int = 1, prefix: str = PREFIX) -> str:
    """Give the GTIN of a company's product."""
    digits = "0" + prefix + f"{number:0{12 - len(prefix)}d}"
    return digits + check_digit(digits)


GTIN = gtin()


def begun(world: Chain) -> Chain:
    """Have the law hold that brings the trade."""
    under_law(world, 2)
    under_law(world, 3)
    return world


def member(world: Chain, label: str, kind: Any) -> Actor:
    """Have an organisation admitted; at most two, as only three members vote here."""
    made = world.organisation(label, kind)
    world.carried(AdmitMember(made.id), f"admit {label}")
    return made


def regulator(world: Chain) -> Actor:
    """Have a regulator admitted."""
    return member(world, "regulator", "regulator")


def company(label: str = "company", number: int = 1, *prefixes: str) -> messages.RegisterCompany:
    """Make the message that registers a company, with the usual prefix where none is named."""
    return messages.RegisterCompany(
        company=name_of(label), gln=gln(number), prefixes=list(prefixes or (PREFIX,))
    )


def registered(world: Chain) -> Actor:
    """Have the hospital trade under the usual prefix."""
    begun(world)
    world.must(world.hospital, company())
    return world.hospital


def other(world: Chain) -> Actor:
    """Have a maker trade under another prefix."""
    made = member(world, "maker", "maker")
    world.must(made, company("other", 2, OTHER_PREFIX))
    return made


def described(world: Chain, **fields: Any) -> messages.RegisterProduct:
    """Make the message that registers the hospital's product; `fields` change it."""
    given: dict[str, Any] = {
        "gtin": GTIN,
        "kind": "medicine",
        "name": "阿莫西林胶囊 0.25 g",
        "responder": world.hospital.id,
        "lowest": 200,
        "highest": 800,
        "drug_code": DRUG_CODE,
    }
    return messages.RegisterProduct(**{**given, **fields})


def product(world: Chain) -> Actor:
    """Have the hospital register its product."""
    owner = registered(world)
    world.must(owner, described(world))
    return owner


def offered(world: Chain) -> Actor:
    """Have the hospital offer its product to a maker."""
    owner, maker = product(world), other(world)
    world.must(owner, messages.OfferProduct(gtin=GTIN, to=maker.id))
    return maker


def had_by(world: Chain, count: int, *last: Actor) -> None:
    """Give the hospital's product a history of so many owners, the last of them as named."""
    held = owners(world.state, GTIN)[0]
    others = (name_of(f"owner {number}") for number in range(count - len(last)))
    names = (*others, *(each.id for each in last))
    made = tuple(Owned(organisation=each, since=held.since) for each in names)
    world.memory.write({OWNERS.key(GTIN): codec.encode(Owners(made))})


def credential(world: Chain, label: str = "credential", **fields: Any) -> messages.IssueCredential:
    """Make the message that credentials the insurer as a trading partner for a day."""
    given: dict[str, Any] = {
        "credential": name_of(label),
        "organisation": world.insurer.id,
        "role": "trading_partner",
        "ends": world.time + DAY,
    }
    return messages.IssueCredential(**{**given, **fields})


def post(world: Chain, label: str = "post", **fields: Any) -> messages.Post:
    """Make a post for the interval of the next block."""
    given: dict[str, Any] = {
        "interval": pace(world.state, world.time).at(world.time + 1_000),
        "root": digest_of(f"root of {label}"),
        "nullifiers": [digest_of(f"nullifier {slot} of {label}") for slot in range(8)],
    }
    return messages.Post(**{**given, **fields})


def view_key(public: str = VIEW_KEY) -> messages.PublishViewKey:
    """Make the message that publishes a view key."""
    return messages.PublishViewKey(kem="mlkem768-x25519", public=public)


def view(regulator_: Actor, **fields: Any) -> messages.GrantView:
    """Make the message that lets a regulator see."""
    given: dict[str, Any] = {
        "regulator": regulator_.id,
        "key": codec.to_text(keys.sha256(codec.to_bytes(VIEW_KEY))),
        "wrapped": WRAPPED,
    }
    return messages.GrantView(**{**given, **fields})


def recall(label: str = "recall", **fields: Any) -> messages.IssueRecall:
    """Make the message that recalls a lot of the hospital's product."""
    given: dict[str, Any] = {
        "recall": name_of(label),
        "gtin": GTIN,
        "grade": 2,
        "reason": "stability",
        "lots": ["L-1"],
        "serials": [],
    }
    return messages.IssueRecall(**{**given, **fields})


def recalled(world: Chain, **fields: Any) -> Actor:
    """Have the hospital recall a lot of its product."""
    owner = product(world)
    world.must(owner, recall(**fields))
    return owner


def alert(label: str = "alert", **fields: Any) -> messages.RaiseAlert:
    """Make the message that warns of clones."""
    given: dict[str, Any] = {
        "alert": name_of(label),
        "gtin": GTIN,
        "kind": "clone",
        "commitment": digest_of(f"what {label} saw"),
    }
    return messages.RaiseAlert(**{**given, **fields})
