"""Make `titles.json`: two packs from their maker to a counter, as notes, posts, proofs, an opening.

Everything follows from seeds that are named in the file. It shares no code with the project and
uses the standard library alone: the formats are written out from `docs/formats/supply.md`. `python
vectors/titles/make.py` rewrites the file byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

SLOTS = 8
ZERO = bytes(32)
PACKS = tuple(f"https://id.gs1.org/01/09520001000010/21/S{each}" for each in (1, 2))
EVENT = {
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "epcList": list(PACKS),
    "eventID": "urn:uuid:8f6d7a0e-2f0f-5a5c-9d4b-4d8c3b5b8e11",
    "eventTime": "2026-03-01T14:00:00.000+08:00",
    "eventTimeZoneOffset": "+08:00",
    "type": "ObjectEvent",
}
PREHASH = (
    "eventType=ObjectEventeventTime=2026-03-01T06:00:00.000ZeventTimeZoneOffset=+08:00"
    f"epcListepc={PACKS[0]}epc={PACKS[1]}action=ADD"
    "bizStep=https://ref.gs1.org/cbv/BizStep-commissioning"
    "disposition=https://ref.gs1.org/cbv/Disp-active"
)
"""The pre-hash string of the event, by the CBV 2.0, section 8.9."""


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def seed(label: str) -> bytes:
    """32 bytes from a label."""
    return sha(f"yilian title vectors {label}".encode())


def b64(data: bytes) -> str:
    """Standard base64, as documents have bytes."""
    return base64.b64encode(data).decode()


def name(label: str) -> str:
    """An organisation's id: 16 bytes in base64url, 22 letters."""
    return base64.urlsafe_b64encode(seed(label)[:16]).rstrip(b"=").decode()


def canonical(value: Any) -> str:
    """JSON with sorted members and without white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(domain: str, *parts: bytes) -> bytes:
    """SHA-256 over a domain, one zero byte, and the parts."""
    return sha(f"yilian-supply-{domain}/1".encode() + b"\0" + b"".join(parts))


MAKER, PHARMACY = name("maker"), name("pharmacy")


class Note(NamedTuple):
    """A note: who is to hold it, its secret and salt."""

    holder: str
    secret: bytes
    salt: bytes

    @property
    def key(self) -> bytes:
        """The holder key."""
        return digest("holder", self.secret)

    @property
    def claim(self) -> bytes:
        """Whose it will be."""
        return digest("claim", self.holder.encode(), self.key)

    @property
    def commitment(self) -> bytes:
        """What stands in a tree."""
        return digest("note", self.claim, self.salt)

    def shown(self) -> list[str]:
        """As documents show a note that is not spent."""
        return [self.holder, b64(self.key), b64(self.salt)]


def note(holder: str, label: str) -> Note:
    """A note from seeds."""
    return Note(holder, seed(f"secret {label}"), seed(f"salt {label}"))


def nullifier(organisation: str, secret: bytes) -> bytes:
    """What an organisation posts to give the note of a secret away."""
    return digest("nullifier", organisation.encode(), secret)


Leaves = list[tuple[int, bytes]]


def hashed(leaves: dict[bytes, bytes]) -> Leaves:
    """Paths and hashes of leaves, in the order of paths."""
    found = []
    for key, value in leaves.items():
        path = sha(key)
        found.append((int.from_bytes(path, "big"), sha(b"\0" + path + sha(value))))
    return sorted(found)


def halves(leaves: Any, depth: int) -> tuple[Any, Any]:
    """Cut at a bit of the path, the most significant one first."""

    def bit(each: Any) -> int:
        path: int = each[0] if isinstance(each, tuple) else each
        return path >> (255 - depth) & 1

    return [each for each in leaves if not bit(each)], [each for each in leaves if bit(each)]


def tree(leaves: Leaves, depth: int = 0) -> bytes:
    """The root of a sparse tree."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else ZERO
    left, right = halves(leaves, depth)
    return sha(b"\1" + tree(left, depth + 1) + tree(right, depth + 1))


def prove(leaves: Leaves, wanted: list[int], depth: int = 0) -> tuple[bytes, bytes]:
    """Depths of the wanted leaves, and the siblings that cannot be worked out."""
    if not wanted:
        return b"", tree(leaves, depth)
    if len(leaves) == 1:
        return bytes((depth,)), b""
    (some, others), (left, right) = halves(leaves, depth), halves(wanted, depth)
    one, two = prove(some, left, depth + 1), prove(others, right, depth + 1)
    return one[0] + two[0], one[1] + two[1]


def read(leaves: Leaves, depths: list[int], siblings: list[bytes], depth: int = 0) -> bytes:
    """The root that a proof leads to; takes from the front of both lists."""
    if not leaves:
        return siblings.pop(0)
    if len(leaves) == 1 and depths[0] == depth:
        depths.pop(0)
        return leaves[0][1]
    left, right = halves(leaves, depth)
    one = read(left, depths, siblings, depth + 1)
    return sha(b"\1" + one + read(right, depths, siblings, depth + 1))


def merkle(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1" + merkle(hashes[:split]) + merkle(hashes[split:]))


class Post(NamedTuple):
    """What an organisation posted for an interval."""

    organisation: str
    interval: int
    leaves: dict[bytes, bytes]
    real: list[bytes]
    events: list[bytes]

    @property
    def seed(self) -> bytes:
        """The seed of its noise."""
        return seed(f"noise {self.organisation} {self.interval}")

    @property
    def whole(self) -> Leaves:
        """All leaves of its titles, the one of noise among them."""
        key, value = (sha(bytes((each,)) + self.seed) for each in (2, 3))
        return hashed({**self.leaves, key: value})

    @property
    def blind(self) -> bytes:
        """The hash of the leaf that only blinds."""
        return sha(b"\0" + b"".join(sha(bytes((each,)) + self.seed) for each in (0, 1)))

    @property
    def events_root(self) -> bytes:
        """The root over its events."""
        return merkle([self.blind, *self.events])

    @property
    def titles_root(self) -> bytes:
        """The root over its titles."""
        return tree(self.whole)

    @property
    def root(self) -> bytes:
        """What stands on the chain."""
        return sha(b"yilian-supply-post/1" + self.events_root + self.titles_root)

    @property
    def nullifiers(self) -> list[bytes]:
        """What stands on the chain, noise among it."""
        slots = range(len(self.real), SLOTS)
        return self.real + [sha(b"\4" + self.seed + each.to_bytes(2, "big")) for each in slots]

    def shown(self, keys: list[bytes]) -> list[Any]:
        """As a pedigree shows it."""
        paths = sorted(int.from_bytes(sha(each), "big") for each in keys)
        depths, siblings = prove(self.whole, paths)
        root = b64(self.events_root)
        return [self.organisation, self.interval, root, b64(depths), b64(siblings)]

    def told(self) -> dict[str, Any]:
        """As the file has it."""
        return {
            "events_root": self.events_root.hex(),
            "interval": self.interval,
            "leaves": {key.hex(): value.hex() for key, value in sorted(self.leaves.items())},
            "nullifiers": [each.hex() for each in self.nullifiers],
            "organisation": self.organisation,
            "root": self.root.hex(),
            "seed": self.seed.hex(),
            "titles_root": self.titles_root.hex(),
        }


BORN = seed("secret commissioned")
FIRST = note(MAKER, "first")
GIVEN, KEPT = note(PHARMACY, "given"), note(MAKER, "kept")
END_SALT = seed("salt end")
SPENT = {
    "commissioned": nullifier(MAKER, BORN),
    "shipped": nullifier(MAKER, FIRST.secret),
    "dispensed": nullifier(PHARMACY, GIVEN.secret),
}
KEYS = {
    "commissioned": [digest("origin", SPENT["commissioned"], each.encode()) for each in PACKS],
    "shipped": [digest("title", SPENT["shipped"], each.encode()) for each in PACKS],
    "dispensed": [digest("title", SPENT["dispensed"], PACKS[0].encode())],
}
ENDED = digest("end", END_SALT, b"dispensed")
TEXT = canonical(EVENT).encode()
EVENT_SALT = seed("salt event")
LEAF = sha(b"\0" + EVENT_SALT + sha(PREHASH.encode()) + sha(TEXT))
POSTS = (
    Post(
        MAKER,
        7,
        dict.fromkeys(KEYS["commissioned"], FIRST.commitment),
        [SPENT["commissioned"]],
        [LEAF],
    ),
    Post(
        MAKER,
        8,
        dict(zip(KEYS["shipped"], (GIVEN.commitment, KEPT.commitment), strict=True)),
        [SPENT["shipped"]],
        [],
    ),
    Post(PHARMACY, 9, {KEYS["dispensed"][0]: ENDED}, [SPENT["dispensed"]], []),
)


def pedigree() -> str:
    """How the first pack came to the pharmacy."""
    shown = {
        "format": "yilian-pedigree/1",
        "lines": [[[0, 1], GIVEN.shown(), [PACKS[0]]]],
        "posts": [POSTS[0].shown(KEYS["commissioned"][:1]), POSTS[1].shown(KEYS["shipped"][:1])],
        "spends": [
            [MAKER, 7, b64(BORN), None],
            [MAKER, 8, b64(FIRST.secret), b64(FIRST.salt)],
        ],
    }
    return canonical(shown)


def ended() -> str:
    """How the first pack came to the pharmacy and ended there."""
    shown = {
        "format": "yilian-ended/1",
        "lines": [[[0, 1, 2], ["dispensed", b64(END_SALT)], [PACKS[0]]]],
        "posts": [
            POSTS[0].shown(KEYS["commissioned"][:1]),
            POSTS[1].shown(KEYS["shipped"][:1]),
            POSTS[2].shown(KEYS["dispensed"]),
        ],
        "spends": [
            [MAKER, 7, b64(BORN), None],
            [MAKER, 8, b64(FIRST.secret), b64(FIRST.salt)],
            [PHARMACY, 9, b64(GIVEN.secret), b64(GIVEN.salt)],
        ],
    }
    return canonical(shown)


def event_proof() -> str:
    """That the maker had the event when it posted."""
    return canonical(
        {
            "event_hash": f"ni:///sha-256;{sha(PREHASH.encode()).hex()}?ver=CBV2.0",
            "event_id": EVENT["eventID"],
            "format": "yilian-event-proof/1",
            "index": 1,
            "interval": 7,
            "organisation": MAKER,
            "path": [b64(POSTS[0].blind)],
            "salt": b64(EVENT_SALT),
            "text": b64(sha(TEXT)),
            "titles_root": b64(POSTS[0].titles_root),
            "total": 2,
        }
    )


def opening() -> str:
    """What the maker gives a regulator for its second post, written as JSON."""
    shown = {
        "events": "",
        "format": "yilian-opening/1",
        "interval": 8,
        "moves": [
            [0, ["note", GIVEN.shown()], [PACKS[0]]],
            [0, ["note", KEPT.shown()], [PACKS[1]]],
        ],
        "organisation": MAKER,
        "seed": b64(POSTS[1].seed),
        "spends": [[MAKER, 8, b64(FIRST.secret), b64(FIRST.salt)]],
    }
    return canonical(shown)


def checks(document: str, posted: dict[tuple[str, int], tuple[bytes, list[bytes]]]) -> bool:
    """Check a pedigree of one line against posts: their roots and nullifiers."""
    told = json.loads(document)
    ((chain, into, units),) = told["lines"]
    spends = [told["spends"][each] for each in chain]
    claims = [digest("claim", who.encode(), digest("holder", raw(it))) for who, _, it, _ in spends]
    given = [
        digest("note", claim, raw(each[3]))
        for claim, each in zip(claims[1:], spends[1:], strict=True)
    ]
    values = [*given, last(told["format"], into)]
    leaves: dict[tuple[str, int], dict[bytes, bytes]] = {}
    for (who, interval, secret, old), value in zip(spends, values, strict=True):
        posts = nullifier(who, raw(secret))
        if posts not in posted[who, interval][1]:
            return False
        kind = "origin" if old is None else "title"
        for unit in units:
            leaves.setdefault((who, interval), {})[digest(kind, posts, unit.encode())] = value
    for who, interval, events, depths, siblings in told["posts"]:
        pieces = raw(siblings)
        titles = read(
            hashed(leaves[who, interval]),
            list(raw(depths)),
            [pieces[at : at + 32] for at in range(0, len(pieces), 32)],
        )
        if sha(b"yilian-supply-post/1" + raw(events) + titles) != posted[who, interval][0]:
            return False
    return True


def last(form: str, into: list[str]) -> bytes:
    """What packs went into last: a note, or their end."""
    if form == "yilian-ended/1":
        word, salt = into
        return digest("end", raw(salt), word.encode())
    holder, key, salt = into
    return digest("note", digest("claim", holder.encode(), raw(key)), raw(salt))


def raw(text: str) -> bytes:
    """Bytes from standard base64."""
    return base64.b64decode(text, validate=True)


def example() -> dict[str, str]:
    """The values that `docs/formats/supply.md` shows."""
    return {
        "maker": MAKER,
        "secret": BORN.hex(),
        "nullifier": SPENT["commissioned"].hex(),
        "pack": PACKS[0],
        "origin key": KEYS["commissioned"][0].hex(),
        "holder key": FIRST.key.hex(),
        "claim": FIRST.claim.hex(),
        "salt": FIRST.salt.hex(),
        "note": FIRST.commitment.hex(),
        "path": sha(KEYS["commissioned"][0]).hex(),
        "leaf": hashed({KEYS["commissioned"][0]: FIRST.commitment})[0][1].hex(),
        "titles root": POSTS[0].titles_root.hex(),
        "event leaf": LEAF.hex(),
        "events root": POSTS[0].events_root.hex(),
        "root": POSTS[0].root.hex(),
    }


def render() -> str:
    """The file."""
    told = {
        "end": {"commitment": ENDED.hex(), "salt": END_SALT.hex(), "word": "dispensed"},
        "ended": ended(),
        "event": {
            "digest": sha(PREHASH.encode()).hex(),
            "leaf": LEAF.hex(),
            "prehash": PREHASH,
            "salt": EVENT_SALT.hex(),
            "text": TEXT.decode(),
        },
        "event_proof": event_proof(),
        "example": example(),
        "notes": [
            {
                "claim": each.claim.hex(),
                "commitment": each.commitment.hex(),
                "holder": each.holder,
                "key": each.key.hex(),
                "nullifier": nullifier(each.holder, each.secret).hex(),
                "salt": each.salt.hex(),
                "secret": each.secret.hex(),
            }
            for each in (FIRST, GIVEN, KEPT)
        ],
        "opening": opening(),
        "packs": list(PACKS),
        "pedigree": pedigree(),
        "posts": [each.told() for each in POSTS],
        "seeds": "SHA-256 of `yilian title vectors <label>`",
    }
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("titles.json").write_text(render(), "utf-8")
