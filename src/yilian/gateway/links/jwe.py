"""The encrypted file of a link: one JWE in compact form (RFC 7516), as the specification has it.

`alg` is `dir`, `enc` is `A256GCM` (RFC 7518, sections 4.5 and 5.3), `zip` is `DEF`: raw DEFLATE
(RFC 1951) before the encryption. The key is made here, leaves in the link, and is kept nowhere.
"""

from __future__ import annotations

from joserfc import jwe
from joserfc.jwk import OctKey

from yilian.ledger import codec
from yilian.vault.envelope import new_key

FHIR_JSON = "application/fhir+json"
JOSE = "application/jose"
_ALGORITHMS = ["dir", "A256GCM", "DEF"]


def encrypt(content: bytes) -> tuple[str, str]:
    """Encrypt FHIR JSON under a new key; gives the JWE and the key, 43 letters of base64url."""
    key = new_key()
    header = {"alg": "dir", "cty": FHIR_JSON, "enc": "A256GCM", "zip": "DEF"}
    made = jwe.encrypt_compact(header, content, OctKey.import_key(key), algorithms=_ALGORITHMS)
    return made, codec.to_text(key)
