"""The key of a link at rest: it opens while every record in the link does, and no longer.

For each record there is a random share, sealed under the record's erasure key
(`vault/erasure_keys.py`); the key is the hash of all shares. So an erasure of one record takes the
link's ciphertext with it, in every copy of the database and in every backup, as soon and for as
long as it takes the record itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from yilian.gateway.links.tables import LinkRecordRow
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import KEPT, Catalogue, RecordRow
from yilian.vault.envelope import binding, new_key
from yilian.vault.errors import ERASURE_KEY_MISSING
from yilian.vault.keystore import Keystore
from yilian.vault.sealer import Sealer

_DOMAIN = b"yilian/health-link/1\n"


def share_out(
    keystore: Keystore, link: str, rows: Sequence[RecordRow]
) -> tuple[Sealer, list[LinkRecordRow]]:
    """Make the key of a new link, and the shares of its records in order.

    Refuses `erasure_key_missing` for a record that was erased meanwhile.
    """
    shares, kept = [], []
    for place, row in enumerate(rows):
        share = new_key()
        sealer = keystore.erasure.key(row.batch, row.patient, row.record)
        if sealer is None:
            raise ERASURE_KEY_MISSING(record=row.record)
        shares.append(share)
        sealed = sealer.seal(share, _bound(link, place, row.record))
        kept.append(LinkRecordRow(link, place, row.record, sealed))
    return _key(shares), kept


def put_together(
    keystore: Keystore, catalogue: Catalogue, kept: Sequence[LinkRecordRow]
) -> Sealer | None:
    """Give the key of a link; None once one of its records is erased, sealed or unreadable."""
    rows = {row.record: row for row in catalogue.records([each.record for each in kept])}
    shares = []
    for each in kept:
        row = rows.get(each.record)
        if row is None or row.standing != KEPT:
            return None
        try:
            sealer = keystore.erasure.key(row.batch, row.patient, row.record)
            if sealer is None:
                return None
            shares.append(sealer.open(each.share, _bound(each.link, each.place, each.record)))
        except Refusal:
            return None
    return _key(shares) if shares else None


def _key(shares: Sequence[bytes]) -> Sealer:
    return Sealer(hashlib.sha256(_DOMAIN + b"".join(shares)).digest())


def _bound(link: str, place: int, record: str) -> bytes:
    return binding("health-link-share", link=link, place=place, record=record)
