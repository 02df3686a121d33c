"""Requests for a new key by people who lost theirs, while their guardians approve.

The chain learns of a request when enough guardians have approved (`identity.ProposeRecovery`).
Until then it waits here, sealed, one for each person; a newer one takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Binary, Id, Millis
from yilian.ledger.errors import Refusal, code
from yilian.ledger.keys import PublicKey
from yilian.ledger.modules.identity.messages import Approval
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import Format, binding
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks

KEY_REQUEST_UNKNOWN = code(9851, "key_request_unknown", 404)
KEY_REQUEST_DAMAGED = code(9852, "key_request_damaged", 500)


class KeyRequest(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-key-request/1"):
    """A new `key` for a person, `proof` that its holder asks, and the approvals so far.

    `recovery` is the id that the chain will know it by, `asked` when it was made (ms).
    """

    recovery: Id
    person: Id
    key: PublicKey
    proof: Binary
    asked: Millis
    approvals: tuple[Approval, ...] = ()

    def __repr__(self) -> str:
        return f"<KeyRequest {self.recovery}>"


@dataclass(frozen=True, slots=True)
class _Row:
    person: str
    recovery: str
    sealed: bytes


_requests = table("key_requests", _Row, ["person"])
_decoder = codec.decoder(KeyRequest)


class KeyRequests:
    """The requests that wait at one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._keystore = keystore
        self._database = database
        self._marks = Marks("key-requests", keystore, database)

    def put(self, request: KeyRequest) -> None:
        """Keep a person's request in the place of any before; refuses `malformed`."""
        with self._database.write() as connection:
            self._put(connection, request)

    def of(self, person: str) -> KeyRequest | None:
        """Give a person's request, or None."""
        mark = self._marks.of("person", person)
        row = self._database.one(_Row, sql.select(_requests).where(_requests.c.person == mark))
        return None if row is None else self._opened(row)

    def all(self) -> list[KeyRequest]:
        """List the requests that wait, by the id of the recovery."""
        query = sql.select(_requests).order_by(_requests.c.recovery)
        return [self._opened(row) for row in self._database.rows(_Row, query)]

    def get(self, recovery: str) -> KeyRequest:
        """Give a request by the id of the recovery; refuses `key_request_unknown`."""
        query = sql.select(_requests).where(_requests.c.recovery == recovery)
        row = self._database.one(_Row, query)
        if row is None:
            raise KEY_REQUEST_UNKNOWN()
        return self._opened(row)

    def approve(self, recovery: str, approval: Approval) -> KeyRequest:
        """Put a guardian's approval to a request; again changes nothing.

        The approval is the caller's to check. Refuses `key_request_unknown`.
        """
        with self._database.write() as connection:
            found = self.get(recovery)
            if any(each.key == approval.key for each in found.approvals):
                return found
            more = msgspec.structs.replace(found, approvals=(*found.approvals, approval))
            self._put(connection, more)
        return more

    def forget(self, person: str) -> None:
        """Forget a person's request: taken back, on the chain by now, or erased; again is fine."""
        mark = self._marks.of("person", person)
        with self._database.write() as connection:
            connection.execute(sql.delete(_requests).where(_requests.c.person == mark))

    def _put(self, connection: sql.Connection, request: KeyRequest) -> None:
        data = codec.encode(request)
        codec.decode(data, KeyRequest)
        bare = _Row(self._marks.of("person", request.person), request.recovery, b"")
        sealed = self._keystore.sealer("key-requests").seal(data, _bound(bare))
        kept = sql.insert(_requests).prefix_with("OR REPLACE")
        connection.execute(kept.values(**{**values(bare), "sealed": sealed}))

    def _opened(self, row: _Row) -> KeyRequest:
        try:
            data = self._keystore.sealer("key-requests").open(row.sealed, _bound(row))
        except Refusal:
            raise KEY_REQUEST_DAMAGED() from None
        opened: KeyRequest = codec.decode_with(_decoder, data)
        return opened


def _bound(row: _Row) -> bytes:
    return binding("key-request", person=row.person, recovery=row.recovery)
