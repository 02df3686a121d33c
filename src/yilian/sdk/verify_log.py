"""Check what witnesses outside the consortium signed, offline: `verify.py` lies beside this file.

    python verify_log.py receipt.json --trust trust.json --published FOLDER [--log-proof FILE]

The commit on a header says what validators agreed on. A witness's cosignature says that the header
stood in the chain's log, which only grew, at a time; so it holds when the validators' keys leak
years later, and with every node switched off. Checked are: the receipt, as `verify.py` does; the
log's entry for its header, made anew from the header; the way from the entry to a checkpoint's
root; and cosignatures of at least `witness_threshold` of the trust file's `witnesses` (vkeys; two
keys of one name are one witness). Then the level is `archived`, the trusting period is judged at
the time by which so many had signed, and that time is told. Each proof may have a checkpoint of
its own.

`--published` names a folder that a witness keeps (static tlog-tiles), `--log-proof` a file with a
`c2sp.org/tlog-proof@v1`. ML-DSA-44 cosignatures count where the `cryptography` package is there;
else their keys are unknown keys, and are passed over. This file also follows a chain that goes on
from an older one (`promotions`), so that a trust file of the older one is enough.

Sources: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-cosignature v1.1.0-rc.1, tlog-tiles
v0.1.0, tlog-proof; RFC 6962. Shares no code with the ledger.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

if __package__:
    from yilian.sdk import verify as v
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import verify as v  # type: ignore[import-not-found,no-redef,unused-ignore]

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    ML_DSA = True
except ImportError:  # The only thing missing then is the newer kind of cosignature.
    ML_DSA = False

ORIGIN = "yilian/chain/"
ED25519, COSIGN_ED25519, COSIGN_ML_DSA_44 = 1, 4, 6
LENGTHS = {ED25519: (32, 64), COSIGN_ED25519: (32, 72), COSIGN_ML_DSA_44: (1312, 2428)}
MAX_NOTE, TILE = 262_144, 256
MAX_CHECKPOINTS = 10_000
ONE_SIGNER = "one validator held more than two thirds of the power: it wrote the chain alone"
Json = dict[str, Any]


class Key(NamedTuple):
    """A note's verification key."""

    name: str
    kind: int
    public: bytes
    number: bytes


class Checkpoint(NamedTuple):
    """A log's claim, with the signature lines under it."""

    text: str
    origin: str
    size: int
    root: bytes
    lines: tuple[tuple[str, bytes, bytes], ...]
    note: bytes


# --- notes, keys and cosignatures ---


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    good = bool(data) and base64.b64encode(data).decode() == text
    v.require(good, "malformed", "not base64 in its one spelling")
    return data


def _number(text: str) -> int:
    v.require(bool(re.fullmatch("0|[1-9][0-9]{0,15}", text)), "malformed", "not a plain number")
    return int(text)


def read_key(text: str) -> Key:
    """Read a vkey: name, key id, and type and key in base64, joined by `+`. Raises NotVerified."""
    parts = text.split("+", 2)
    v.require(len(parts) == 3 and bool(parts[0]), "malformed", "not a vkey")
    material = _base64(parts[2])
    kind, public = material[0], material[1:]
    fits = kind in LENGTHS and len(public) == LENGTHS[kind][0]
    v.require(fits, "outdated_algorithm", "a note key of an unknown kind")
    number = v.sha256(parts[0].encode() + b"\n" + material)[:4]
    v.require(number.hex() == parts[1], "malformed", "a vkey's id is not that of its key")
    return Key(parts[0], kind, public, number)


def read_checkpoint(data: bytes) -> Checkpoint:
    """Read a checkpoint and its signature lines, unchecked. Raises NotVerified."""
    v.require(len(data) <= MAX_NOTE, "too_large", f"more than {MAX_NOTE} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise v.NotVerified("malformed", "not UTF-8") from None
    body, blank, rest = text.rpartition("\n\n")
    head = body.split("\n")
    good = bool(blank) and len(head) == 3 and rest.endswith("\n") and "\r" not in text
    v.require(good, "malformed", "not a checkpoint of three lines")
    lines = []
    for line in rest[:-1].split("\n"):
        found = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        v.require(found is not None, "malformed", "not a signature line")
        name, signature = found.groups() if found else ("", "")
        raw = _base64(signature)
        lines.append((name, raw[:4], raw[4:]))
    root = _base64(head[2])
    v.require(len(root) == 32 and len(lines) <= 64, "malformed", "not a checkpoint")
    return Checkpoint(body + "\n", head[0], _number(head[1]), root, tuple(lines), data)


def _signed_text(key: Key, checkpoint: Checkpoint, time: bytes) -> bytes:
    if key.kind == ED25519:
        return checkpoint.text.encode()
    if key.kind == COSIGN_ED25519:
        seconds = int.from_bytes(time, "big")
        return f"cosignature/v1\ntime {seconds}\n{checkpoint.text}".encode()
    named = key.name.encode(), checkpoint.origin.encode()
    v.require(max(map(len, named)) < 256, "malformed", "a name is too long")
    name, origin = (bytes((len(each),)) + each for each in named)
    span = bytes(8) + checkpoint.size.to_bytes(8, "big")
    return b"subtree/v1\n\0" + name + time + origin + span + checkpoint.root


def _valid(key: Key, text: bytes, signature: bytes) -> bool:
    if key.kind == COSIGN_ML_DSA_44:
        try:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True
    try:
        crypto_sign_open(signature + text, key.public)
    except BadSignatureError:
        return False
    return True


def signers(checkpoint: Checkpoint, keys: Sequence[Key]) -> dict[str, int]:
    """Check every line of a known key; gives for each signer's name its earliest time (s).

    A plain signature has the time 0. Raises NotVerified where a known key's line is wrong.
    """
    found: dict[str, int] = {}
    for key in keys:
        if key.kind == COSIGN_ML_DSA_44 and not ML_DSA:
            continue
        for name, number, signature in checkpoint.lines:
            if (name, number) != (key.name, key.number):
                continue
            fits = len(signature) == LENGTHS[key.kind][1]
            at = 0 if key.kind == ED25519 else 8
            text = _signed_text(key, checkpoint, signature[:at])
            good = fits and _valid(key, text, signature[at:])
            v.require(good, "bad_cosignature", f"not signed by {key.name}")
            seconds = int.from_bytes(signature[:at], "big")
            found[name] = min(found.get(name, seconds), seconds)
    return found


# --- the log ---


def entry(header: Json) -> bytes:
    """Write the log's entry for a header that `verify.py` has read."""
    named = ("app_hash", "next_validators_hash", "validators_hash")
    told = {name: header[name].hex() for name in named}
    moment = {"height": header["height"], "time": str(header["time"])}
    return v.canonical({**told, **moment, "header_hash": v.header_hash(header).hex()})


class Proof(NamedTuple):
    """Where an entry stands under a checkpoint."""

    place: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


def read_proof(data: bytes) -> Proof:
    """Read a `c2sp.org/tlog-proof@v1`; an `extra` line is passed over. Raises NotVerified."""
    v.require(len(data) <= MAX_NOTE, "too_large", f"more than {MAX_NOTE} bytes")
    head, _, note = data.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    v.require(lines.pop(0) == "c2sp.org/tlog-proof@v1", "unsupported_format", "not a tlog-proof")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    good = bool(lines) and lines[0].startswith("index ") and len(lines) <= 65
    v.require(good, "malformed", "not a tlog-proof")
    path = tuple(_base64(each) for each in lines[1:])
    v.require(all(len(each) == 32 for each in path), "malformed", "a step is not a hash")
    return Proof(_number(lines[0][6:]), path, read_checkpoint(note))


def write_proof(proof: Proof) -> bytes:
    """Write a proof as a `c2sp.org/tlog-proof@v1`, to be kept beside the receipt."""
    steps = "".join(base64.b64encode(each).decode() + "\n" for each in proof.path)
    head = f"c2sp.org/tlog-proof@v1\nindex {proof.place}\n{steps}\n"
    return head.encode() + proof.checkpoint.note


def header_of(value: Json) -> Json:
    """Give the header that a receipt's or state proof's commit signs. Raises NotVerified."""
    name = "next_header" if "next_header" in value else "header"
    found: Json = v.shaped(value.get(name), v.HEADER, name)
    return found


class Published:
    """A folder in which a witness keeps checkpoints and tiles (static tlog-tiles)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def proof(self, leaf: bytes, likely: int) -> Proof:
        """Make the proof of an entry under the smallest checkpoint kept that holds it.

        `likely` is where to look first. Raises NotVerified (`not_in_log`) where it is not there.
        """
        kept = [read_checkpoint(_file(path)) for path in self._checkpoints()]
        index = self._find(v.sha256(b"\x00" + leaf), likely, max(each.size for each in kept))
        found = min((each for each in kept if each.size > index), key=lambda each: each.size)
        return Proof(index, tuple(self._path(index, found.size)), found)

    def _find(self, digest: bytes, likely: int, size: int) -> int:
        tiles = range(-(-size // TILE))
        for tile in (likely // TILE, *tiles) if likely < size else tiles:
            row = self._tile(0, tile)
            if digest in row and tile * TILE + row.index(digest) < size:
                return tile * TILE + row.index(digest)
        raise v.NotVerified("not_in_log", "the published log does not hold this block")

    def _checkpoints(self) -> list[Path]:
        days = sorted((self._folder / "checkpoints").glob("????-??-??"))
        v.require(len(days) <= MAX_CHECKPOINTS, "too_large", "too many checkpoints")
        return [*days, self._folder / "checkpoint"]

    def _path(self, index: int, size: int) -> Iterator[bytes]:
        """RFC 6962, section 2.1.1: the roots of the trees beside the way to the leaf."""
        low, high = 0, size
        beside = []
        while high - low > 1:
            middle = low + (1 << (high - low - 1).bit_length() - 1)
            left = index < middle
            beside.append((middle, high) if left else (low, middle))
            low, high = (low, middle) if left else (middle, high)
        return (self._root(*each) for each in reversed(beside))

    def _root(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1):
            middle = low + (1 << (count - 1).bit_length() - 1)
            sides = self._root(low, middle) + self._root(middle, high)
            return v.sha256(b"\x01" + sides)
        level, bits = divmod(count.bit_length() - 1, 8)
        first = low >> 8 * level
        row = self._tile(level, first // TILE)[first % TILE :][: 1 << bits]
        v.require(len(row) == 1 << bits, "not_in_log", "a published tile is not whole")
        while len(row) > 1:
            pairs = zip(row[::2], row[1::2], strict=True)
            row = [v.sha256(b"\x01" + one + other) for one, other in pairs]
        return row[0]

    def _tile(self, level: int, index: int) -> list[bytes]:
        """Read a tile: the full one, or the widest of its partial ones."""
        digits = f"{index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([*(f"x{each}" for each in groups[:-1]), groups[-1]])
        whole = self._folder / "tile" / str(level) / name
        found = whole.with_name(f"{whole.name}.p").glob("*")
        widths = [int(each.name) for each in found if each.name.isdecimal()]
        part = whole.with_name(f"{whole.name}.p") / str(max(widths, default=0))
        path = whole if whole.exists() else part
        data = _file(path)
        return [data[at : at + 32] for at in range(0, len(data) - 31, 32)]


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(MAX_NOTE + 1)
    except OSError:
        raise v.NotVerified("not_in_log", "a published file is missing") from None


def witnessed(header: Json, proofs: Sequence[Proof], trust: Json) -> dict[str, int]:
    """Give the pinned witnesses that signed for a header's entry, with their earliest times (s).

    Raises NotVerified where a proof does not hold, or fewer than the threshold signed.
    """
    witnesses = [read_key(each) for each in trust["witnesses"] or []]
    logs = [read_key(each) for each in trust["log_keys"] or []]
    cosigning = all(each.kind != ED25519 for each in witnesses)
    v.require(bool(witnesses) and cosigning, "no_witnesses", "the trust file pins no witness")
    needed = trust["witness_threshold"]
    count = len({each.name for each in witnesses})
    sound = needed is not None and 1 <= needed <= count
    v.require(sound, "no_witnesses", "the threshold is not 1 to the number of witnesses")
    found: dict[str, int] = {}
    for proof in proofs:
        point = proof.checkpoint
        v.require(point.origin == ORIGIN + header["chain_id"], "wrong_log", "of another log")
        root = v.path_root(entry(header), proof.place, point.size, proof.path)
        v.require(root == point.root, "not_in_log", "the way does not lead to the root")
        own = bool(signers(point, logs)) or not logs
        v.require(own, "log_not_signed", "no pinned log key signed the checkpoint")
        for name, seconds in signers(point, witnesses).items():
            early = seconds * v.SECOND <= trust["now"] + v.DRIFT
            v.require(early, "witness_from_future", "signed ahead of the reader's clock")
            found[name] = min(found.get(name, seconds), seconds)
    enough = len(found) >= (needed or 1)
    v.require(enough, "too_few_witnesses", f"{len(found)} of {needed} witnesses signed")
    return found


# --- promotions: a chain that goes on from another one ---

# fmt: off
_VOTER = {"public": "text", "power": "power"}
_OLD = {
    "chain": "text", "height": "int", "header": "text", "state": "text", "validators": [_VOTER],
}
_NEW = {"chain": "text", "time": "int", "genesis": "text", "validators": [_VOTER]}
_RECORD = {
    "format": "text", "old": _OLD, "new": _NEW,
    "signatures": [{"public": "text", "signature": "text"}],
}
_LINK = {"record": "any", "history": [v.LIGHT_BLOCK]}
# fmt: on


def _binary(text: str, length: int) -> bytes:
    """Read unpadded base64url of so many bytes."""
    plain = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    data = _base64(plain)
    good = len(data) == length and not set(text) & set("+/=")
    v.require(good, "malformed", f"not {length} bytes in base64url")
    return data


def _voters(named: list[Json]) -> list[v.Validator]:
    return v.ordered([(_binary(each["public"], 32), each["power"]) for each in named])


def _record(value: Any) -> Json:
    """Read a promotion's record; more than two thirds of the old power must have signed."""
    record: Json = v.shaped(value, _RECORD, "promotion")
    known = record["format"] == "yilian-promotion/1"
    v.require(known, "unsupported_format", "not a yilian-promotion/1")
    for digest in (record["old"]["header"], record["old"]["state"], record["new"]["genesis"]):
        _binary(digest, 32)
    signing = {name: value[name] for name in ("new", "old")}
    text = b"yilian-promotion/1\n" + v.canonical(signing)
    old = _voters(record["old"]["validators"])
    power = {each.key: each.power for each in old}
    signed = 0
    for mark in record["signatures"]:
        public, signature = _binary(mark["public"], 32), _binary(mark["signature"], 64)
        v.require(public in power, "repeated_vote", "signed by a stranger, or twice")
        valid = v.verify_signature(public, text, signature)
        v.require(valid, "bad_signature", "a promotion's signature is not valid")
        signed += power.pop(public)
    enough = 3 * signed > 2 * sum(each.power for each in old)
    v.require(enough, "not_enough_power", "two thirds or less signed the promotion")
    return {**record["new"], "old": record["old"], "set": _voters(record["new"]["validators"])}


def promoted(trusted: Json, value: Json) -> Json:
    """Go from the trust file's chain to the one a proof speaks of, over the proof's `promotions`.

    Returns what is trusted of the newest chain reached. Raises NotVerified.
    """
    header = value.get("header")
    chain = header.get("chain_id") if isinstance(header, dict) else None
    links = value.get("promotions", [])
    v.require(isinstance(links, list) and len(links) <= 16, "malformed", "not promotions")
    for each in links:
        link = v.shaped(each, _LINK, "promotion")
        record = _record(link["record"])
        needed = trusted["chain_id"] != chain and record["old"]["chain"] == trusted["chain_id"]
        if needed:
            trusted = _promoted(v.follow(trusted, link["history"]), record)
        else:
            # What is not needed must still hold in itself.
            v.follow(trusted | {"height": 2**63}, link["history"])
    return trusted


def _promoted(trusted: Json, new: Json) -> Json:
    old, began = new["old"], new["time"] * 10**6
    end = {"chain_id": old["chain"], "height": old["height"], "time": began}
    period = trusted["trusting_period_s"] * v.SECOND
    v.check_newer(trusted, end, trusted["now"], period, v.DRIFT)
    same = _voters(old["validators"]) == trusted["pinned"]
    v.require(same, "wrong_validators", "not those of the old chain signed the promotion")
    sets = [*trusted["sets"], new["set"]]
    # The first block of the new chain has the time of its genesis, and must be later than this.
    start = {"chain_id": new["chain"], "height": old["height"], "time": began - 1, "block": b""}
    return trusted | start | {"pinned": new["set"], "sets": sets, "walked": True}


# --- the front door, and the command ---


def verify(
    text: str | bytes,
    trust: str | bytes,
    log_proofs: Sequence[bytes] = (),
    published: Sequence[Path] = (),
) -> v.Verified:
    """Check a receipt or state proof as `verify.py` does, and the witnesses where any are given.

    Raises NotVerified. Without a log proof or folder the level is that of `verify.py`.
    """
    pinned, value = v.parse_trust(trust), v.load(text)
    if not log_proofs and not published:
        return v.judge(value, promoted(pinned, value))
    header = header_of(value)
    proofs = [read_proof(each) for each in log_proofs]
    leaf, likely = entry(header), header["height"] - 1
    proofs += [Published(each).proof(leaf, likely) for each in published]
    found = witnessed(header, proofs, pinned)
    times = sorted(found.values())
    moment = times[pinned["witness_threshold"] - 1]
    pinned["now"] = min(pinned["now"], moment * v.SECOND)
    judged = v.judge(value, promoted(pinned, value))
    warnings = judged.warnings + ((ONE_SIGNER,) if judged.level == "one signer" else ())
    told = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    names = tuple(sorted(found))
    return judged._replace(level="archived", warnings=warnings, witnessed=told, witnesses=names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, as that of `verify.py`."""
    parser = argparse.ArgumentParser(description="Check a Yilian proof and its witnesses offline.")
    parser.add_argument("proof", type=Path, help="the receipt or state proof (JSON)")
    parser.add_argument("--trust", type=Path, required=True, help="the trust file (JSON)")
    parser.add_argument("--log-proof", type=Path, action="append", default=[])
    parser.add_argument("--published", type=Path, action="append", default=[])
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    options = parser.parse_args(arguments)
    try:
        text, trust = options.proof.read_bytes(), options.trust.read_bytes()
        proofs = [each.read_bytes() for each in options.log_proof]
        v.parse_trust(trust)
    except (OSError, v.NotVerified) as reason:
        print(f"unreadable: {reason}", file=sys.stderr)
        return 2
    return v.tell(lambda: verify(text, trust, proofs, options.published), options.json)


if __name__ == "__main__":
    sys.exit(main())
