"""The check number of a trust file: what people compare who must believe the same signers."""

from __future__ import annotations

from hashlib import sha256

from yilian.ledger import codec
from yilian.sdk import verify

DIGITS = 32
GROUP = 4


def check_number(trust: str | bytes) -> str:
    """Give eight groups of four digits for a trust file: the chain and its validators alone.

    They are SHA-256 over `yilian/trust/1`, a line feed and canonical JSON, modulo 10^32 (106 bits),
    whatever the file's height is. The portal shows the same. Raises `verify.NotVerified` for what
    is no trust file.
    """
    told = verify.parse_trust(trust)
    named = [
        {"power": str(each.power), "public": codec.to_text(each.key)} for each in told["pinned"]
    ]
    text = verify.canonical({"chain": told["chain_id"], "validators": named})
    digest = sha256(b"yilian/trust/1\n" + text).digest()
    digits = f"{int.from_bytes(digest, 'big') % 10**DIGITS:0{DIGITS}d}"
    return " ".join(digits[at : at + GROUP] for at in range(0, DIGITS, GROUP))
