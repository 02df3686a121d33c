"""Make `log.json`: a log of heights, its checkpoint with cosignatures, proofs, and a promotion.

Everything follows from seeds that are named in the file; Ed25519 signatures are deterministic, and
of ML-DSA-44, which is not, the signed message stands there. It shares no code with the ledger: the
formats are written out from `docs/formats/log.md`. Same seeds, same file: `python
vectors/log/make.py` rewrites it byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

CHAIN, WITNESS, SECONDS, SIZE = "vectors", "witness.example/w", 1_800_000_000, 11
ORIGIN = f"yilian/chain/{CHAIN}"


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def seed(label: str) -> bytes:
    """The seed of a key, from its label."""
    return sha(f"yilian log vectors {label}".encode())


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def url64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: Any) -> bytes:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def entry(height: int) -> bytes:
    """The entry of a height whose hashes come from labels."""
    told = {name: sha(f"{name} {height}".encode()).hex() for name in ("app_hash", "header_hash")}
    told["validators_hash"] = sha(b"validators").hex()
    told["next_validators_hash"] = sha(b"validators").hex()
    return canonical({**told, "height": height, "time": str(10**18 * 18 // 10 + height)})


def root(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\x01" + root(hashes[:split]) + root(hashes[split:]))


def path(hashes: list[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path(hashes[:split], index), root(hashes[split:])]
    return [*path(hashes[split:], index - split), root(hashes[:split])]


def key_of(name: str, kind: int, public: bytes) -> tuple[bytes, str]:
    """A note key's id and its vkey."""
    material = bytes((kind,)) + public
    number = sha(name.encode() + b"\n" + material)[:4]
    return number, f"{name}+{number.hex()}+{b64(material)}"


def line(name: str, number: bytes, signature: bytes) -> str:
    """A signature line."""
    return f"\u2014 {name} {b64(number + signature)}\n"


def promotion() -> dict[str, Any]:
    """A record that one validator of an old chain signed."""
    old, new = SigningKey(seed("old validator")), SigningKey(seed("new validator"))
    ends = {
        "chain": "vectors-old",
        "height": 7,
        "header": url64(sha(b"last header")),
        "state": url64(sha(b"last state")),
        "validators": [{"public": url64(bytes(old.verify_key)), "power": 10}],
    }
    begins = {
        "chain": CHAIN,
        "time": SECONDS * 1000,
        "genesis": url64(sha(b"genesis")),
        "validators": [{"public": url64(bytes(new.verify_key)), "power": 10}],
    }
    text = b"yilian-promotion/1\n" + canonical({"new": begins, "old": ends})
    mark = {"public": url64(bytes(old.verify_key)), "signature": url64(old.sign(text).signature)}
    record = {"format": "yilian-promotion/1", "new": begins, "old": ends, "signatures": [mark]}
    return {"signed": text.decode(), "record": canonical(record).decode()}


def make() -> dict[str, Any]:
    """All of the file."""
    entries = [entry(height) for height in range(1, SIZE + 1)]
    hashes = [sha(b"\x00" + each) for each in entries]
    top = root(hashes)
    text = f"{ORIGIN}\n{SIZE}\n{b64(top)}\n"
    log, witness = SigningKey(seed("log")), SigningKey(seed("witness"))
    log_id, log_vkey = key_of(ORIGIN, 1, bytes(log.verify_key))
    witness_id, witness_vkey = key_of(WITNESS, 4, bytes(witness.verify_key))
    signed = f"cosignature/v1\ntime {SECONDS}\n{text}"
    time = SECONDS.to_bytes(8, "big")
    note = text + "\n" + line(ORIGIN, log_id, log.sign(text.encode()).signature)
    note += line(WITNESS, witness_id, time + witness.sign(signed.encode()).signature)
    name, origin = (bytes((len(each),)) + each.encode() for each in (WITNESS, ORIGIN))
    modern = b"subtree/v1\n\0" + name + time + origin + bytes(8) + SIZE.to_bytes(8, "big") + top
    proofs = []
    for index in range(SIZE):
        steps = "".join(b64(each) + "\n" for each in path(hashes, index))
        proofs.append(f"c2sp.org/tlog-proof@v1\nindex {index}\n{steps}\n{note}")
    return {
        "format": "yilian-log-vectors/1",
        "entries": [each.decode() for each in entries],
        "leaf_hashes": [each.hex() for each in hashes],
        "root": top.hex(),
        "log": {"seed": seed("log").hex(), "vkey": log_vkey},
        "witness": {"seed": seed("witness").hex(), "vkey": witness_vkey, "seconds": SECONDS},
        "note": note,
        "ed25519_signed": signed,
        "ml_dsa_44_signed": modern.hex(),
        "proofs": proofs,
        "promotion": promotion(),
    }


def render() -> str:
    """The file's text."""
    return json.dumps(make(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("log.json").write_text(render(), encoding="utf-8")
