"""Documents between organisations: sealed to exactly the members named, committed to on the chain.

    statement    what the document is: id, sender, recipients, media type, size, digest, time
    commitment   salted, over the statement; the leaf of a batch whose root is on the chain
    package      statement, salt, content and place in the batch, under a fresh key that is wrapped
                 to the key service of each recipient

The chain sees a batch of some size and its root, as of every batch of journal lines: not who wrote
to whom, nor that anybody wrote. Whoever has a package can open the commitment to a third party.
At rest everything is sealed once more under this organisation's own keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Millis, Whole
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault.database import Database, position, table, values
from yilian.vault.envelope import (
    SALT_BYTES,
    Format,
    MediaType,
    MerklePath,
    PublicKey,
    binding,
    commitment,
    new_id,
    new_key,
    new_salt,
    open_sealed,
    seal,
    unwrap,
    wrap,
)
from yilian.vault.errors import NOT_FOR_US
from yilian.vault.keystore import Keystore
from yilian.vault.records import Damage

PRIVATE_UNKNOWN = code(9520, "private_document_unknown", 404, "document")
PRIVATE_TOO_LARGE = code(9521, "private_document_too_large", 413, "limit")
PRIVATE_DIFFERS = code(9522, "private_document_differs", 409, "document")
PRIVATE_EXISTS = code(9523, "private_document_exists", 409, "document")
PRIVATE_DAMAGED = code(9524, "private_document_damaged", 500, "document")

MAX_CONTENT = 4 * 1024 * 1024
MAX_RECIPIENTS = 50
MAX_LEAVES = 1_000

Recipients = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
Side = Literal["sent", "received"]


class PrivateStatement(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-private-document/1"
):
    """What a document is; its canonical JSON is what the salted commitment is of.

    `recipients` are sorted, `size` is in bytes, `sha256` the digest of the content, `sent` in ms.
    """

    document: Id
    sender: Id
    recipients: Recipients
    media_type: MediaType
    size: Whole
    sha256: Digest
    sent: Millis

    def __post_init__(self) -> None:
        if list(self.recipients) != sorted(set(self.recipients)):
            raise ValueError("recipients are sorted and named once")


class PrivateLeaf(Format, frozen=True, kw_only=True):
    """The leaf of one document; its canonical JSON bytes are what the tree hashes."""

    document: Id
    commitment: Digest


class PrivateProof(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-private-proof/1"
):
    """A commitment opened, with its path to the root of its batch (RFC 6962)."""

    statement: PrivateStatement
    salt: Digest
    batch: Id
    index: Whole
    total: Whole
    path: MerklePath


class _Inside(Format, frozen=True, kw_only=True):
    proof: PrivateProof
    content: bytes


class PrivatePackage(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-private-package/1"
):
    """A document on its way to one recipient."""

    document: Id
    sender: Id
    recipient: Id
    key: Id
    wrapped: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document kept here; `sealed` is its statement, salt and content."""

    document: str
    side: str
    sender: str
    time: int
    commitment: str
    batch: str | None
    sealed: bytes


@dataclass(frozen=True, slots=True)
class PrivateBatch:
    """A batch of documents' commitments: its root, and where the chain took it."""

    batch: str
    root: str
    size: int
    transaction_hash: str | None
    height: int | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A recipient of a document: `queued` once a package is on its way, `delivered` (ms) taken."""

    document: str
    recipient: str
    queued: int | None
    delivered: int | None


_documents = table(
    "private_documents", DocumentRow, [], position(), sql.UniqueConstraint("document")
)
_batches = table("private_batches", PrivateBatch, ["batch"])
_deliveries = table("private_deliveries", DeliveryRow, ["document", "recipient"])


class Document(NamedTuple):
    """A document as it stands: `proof` is None until the chain has its batch."""

    position: int
    side: str
    statement: PrivateStatement
    commitment: str
    proof: PrivateProof | None
    deliveries: tuple[DeliveryRow, ...]


class PrivateDocuments:
    """The documents of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        clock: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database
        self._clock = clock

    # Writing

    def write(self, recipients: Sequence[str], media_type: str, content: bytes) -> Document:
        """Keep a document for other organisations, durably; its batch belongs on the chain.

        Refuses `private_document_too_large`, and `malformed` for no recipient, too many, this
        organisation itself, or another form of media type.
        """
        if len(content) > MAX_CONTENT:
            raise PRIVATE_TOO_LARGE(limit=MAX_CONTENT)
        made = _statement(self._organisation, recipients, media_type, content, self._clock())
        salt = new_salt()
        committed = commitment(salt, codec.encode(made))
        row = self._row("sent", made, codec.to_text(salt), committed, None, content)
        with self._database.write() as database:
            database.execute(sql.insert(_documents), [values(row)])
            database.execute(
                sql.insert(_deliveries),
                [values(DeliveryRow(made.document, each, None, None)) for each in made.recipients],
            )
        return self.get(made.document)

    def batches(self) -> list[PrivateBatch]:
        """Put what is in no batch into one, and list the batches that the chain has not."""
        with self._database.write() as database:
            loose = sql.select(_documents).where(
                _documents.c.side == "sent", _documents.c.batch.is_(None)
            )
            rows = self._database.rows(
                DocumentRow, loose.order_by(_documents.c.position).limit(MAX_LEAVES)
            )
            if rows:
                root = codec.to_text(merkle.root([_leaf(each) for each in rows]))
                made = PrivateBatch(new_id(), root, len(rows), None, None)
                database.execute(sql.insert(_batches), [values(made)])
                named = _documents.c.document.in_([each.document for each in rows])
                database.execute(sql.update(_documents).where(named).values(batch=made.batch))
        waiting = sql.select(_batches).where(_batches.c.height.is_(None))
        return self._database.rows(PrivateBatch, waiting.order_by(_batches.c.batch))

    def anchored(self, batch: str, transaction_hash: str, height: int) -> None:
        """Note where the chain took a batch; again is fine."""
        change = sql.update(_batches).where(_batches.c.batch == batch)
        with self._database.write() as database:
            database.execute(change.values(transaction_hash=transaction_hash, height=height))

    def place(self, batch: str) -> tuple[str, int] | None:
        """Tell where the chain took one of this organisation's batches."""
        query = sql.select(_batches).where(_batches.c.batch == batch)
        row = self._database.one(PrivateBatch, query)
        if row is None or row.transaction_hash is None or row.height is None:
            return None
        return row.transaction_hash, row.height

    # Sending

    def unsent(self) -> list[DeliveryRow]:
        """List recipients for whom no package was made yet, of documents that are anchored."""
        joined = _deliveries.join(_documents, _documents.c.document == _deliveries.c.document).join(
            _batches, _batches.c.batch == _documents.c.batch
        )
        query = (
            sql.select(_deliveries)
            .select_from(joined)
            .where(_deliveries.c.queued.is_(None), _batches.c.height.is_not(None))
            .order_by(_documents.c.position, _deliveries.c.recipient)
        )
        return self._database.rows(DeliveryRow, query)

    def package(self, document: str, recipient: str, public: bytes) -> bytes:
        """Seal a document for one recipient; refuses `private_document_unknown`, for others too."""
        found = self.get(document)
        if found.proof is None or recipient not in found.statement.recipients:
            raise PRIVATE_UNKNOWN(document=document)
        content = self.content(document)
        key, to = new_key(), PublicKey(public)
        inside = msgspec.msgpack.encode(_Inside(proof=found.proof, content=content))
        bound = _package_binding(document, self._organisation, recipient)
        package = PrivatePackage(
            document=document,
            sender=self._organisation,
            recipient=recipient,
            key=to.id,
            wrapped=wrap(to, key, bound),
            sealed=seal(key, inside, bound),
        )
        return msgspec.msgpack.encode(package)

    def queued(self, document: str, recipient: str) -> None:
        """Note that a package is on its way."""
        self._note(document, recipient, "queued")

    def delivered(self, document: str, recipient: str) -> None:
        """Note that a recipient has a document; the first time counts."""
        self._note(document, recipient, "delivered")

    def _note(self, document: str, recipient: str, what: str) -> None:
        column = _deliveries.c[what]
        change = sql.update(_deliveries).where(
            _deliveries.c.document == document,
            _deliveries.c.recipient == recipient,
            column.is_(None),
        )
        with self._database.write() as database:
            database.execute(change.values({what: self._clock()}))

    # Receiving

    def open(self, package: bytes) -> tuple[PrivateProof, bytes]:
        """Open a package for this organisation; checks all but the root.

        Refuses `malformed`, `package_not_for_this_organisation`, `service_key_unknown`,
        `envelope_not_opened`, `private_document_differs`.
        """
        outer = _read(package, PrivatePackage)
        if outer.recipient != self._organisation:
            raise NOT_FOR_US()
        bound = _package_binding(outer.document, outer.sender, outer.recipient)
        key = unwrap(self._keystore.service_key_by_id(outer.key), outer.wrapped, bound)
        inside = _read(open_sealed(key, outer.sealed, bound), _Inside)
        said = inside.proof.statement
        digest = codec.to_text(hashlib.sha256(inside.content).digest())
        if (
            (said.document, said.sender) != (outer.document, outer.sender)
            or self._organisation not in said.recipients
            or (said.size, said.sha256) != (len(inside.content), digest)
        ):
            raise PRIVATE_DIFFERS(document=outer.document)
        return inside.proof, inside.content

    def keep(self, proof: PrivateProof, content: bytes) -> None:
        """Keep a document that came in and was checked; again is fine.

        Refuses `private_document_exists` for another one of the same id.
        """
        said = proof.statement
        committed = opened_commitment(proof)
        known = self._found(said.document)
        if known is not None:
            if known.commitment != committed:
                raise PRIVATE_EXISTS(document=said.document)
            return
        row = self._row("received", said, proof.salt, committed, proof, content)
        with self._database.write() as database:
            database.execute(sql.insert(_documents).prefix_with("OR IGNORE"), [values(row)])

    # Reading

    def get(self, document: str) -> Document:
        """Find a document that was sent or received here; refuses `private_document_unknown`."""
        query = sql.select(_documents).where(_documents.c.document == document)
        with self._database.read() as database:
            row = database.execute(query).one_or_none()
        if row is None:
            raise PRIVATE_UNKNOWN(document=document)
        return self._shown(row)

    def all(self, before: int | None, limit: int) -> list[Document]:
        """List documents, newest first, below the place `before`; damaged ones are left out."""
        query = sql.select(_documents).order_by(_documents.c.position.desc()).limit(limit)
        if before is not None:
            query = query.where(_documents.c.position < before)
        with self._database.read() as database:
            rows = database.execute(query).all()
        found = []
        for row in rows:
            try:
                found.append(self._shown(row))
            except Refusal:
                # `damaged` names it; it must not hide all others.
                continue
        return found

    def damaged(self) -> Iterator[Damage]:
        """Name the documents that cannot be opened, and the batches that are not theirs."""
        with self._database.read() as database:
            rows = database.execute(sql.select(_documents).order_by(_documents.c.position)).all()
        for row in rows:
            try:
                self._opened(row)
            except Refusal as refusal:
                name = refusal.code.name
                yield Damage("private_document", row.document, row.batch or "", name)
        for batch in self._database.rows(PrivateBatch, sql.select(_batches)):
            leaves = [_leaf(row) for row in rows if (row.batch, row.side) == (batch.batch, "sent")]
            if (codec.to_text(merkle.root(leaves)), len(leaves)) != (batch.root, batch.size):
                yield Damage("batch", batch.batch, batch.batch, "root_differs")

    def content(self, document: str) -> bytes:
        """Give a document's content; refuses `private_document_unknown`."""
        row = self._found(document)
        if row is None:
            raise PRIVATE_UNKNOWN(document=document)
        return self._opened(row).content

    def _found(self, document: str) -> DocumentRow | None:
        query = sql.select(_documents).where(_documents.c.document == document)
        return self._database.one(DocumentRow, query)

    def _shown(self, row: Any) -> Document:
        kept = self._opened(row)
        proof = kept.proof if row.side == "received" else self._proof(row, kept)
        query = sql.select(_deliveries).where(_deliveries.c.document == row.document)
        deliveries = self._database.rows(DeliveryRow, query.order_by(_deliveries.c.recipient))
        return Document(
            row.position, row.side, kept.statement, row.commitment, proof, tuple(deliveries)
        )

    def _proof(self, row: Any, kept: _Kept) -> PrivateProof | None:
        if row.batch is None or self.place(row.batch) is None:
            return None
        query = sql.select(_documents).where(
            _documents.c.batch == row.batch, _documents.c.side == "sent"
        )
        rows = self._database.rows(DocumentRow, query.order_by(_documents.c.position))
        index = [each.document for each in rows].index(row.document)
        path = merkle.inclusion([_leaf(each) for each in rows], index)
        return PrivateProof(
            statement=kept.statement,
            salt=kept.salt,
            batch=row.batch,
            index=index,
            total=len(rows),
            path=tuple(codec.to_text(step) for step in path),
        )

    def _row(
        self,
        side: Side,
        said: PrivateStatement,
        salt: str,
        committed: str,
        proof: PrivateProof | None,
        content: bytes,
    ) -> DocumentRow:
        inside = msgspec.msgpack.encode(
            _Kept(statement=said, salt=salt, proof=proof, content=content)
        )
        sealer = self._keystore.sealer("private-documents")
        sealed = sealer.seal(inside, _row_binding(said.document, side, committed))
        batch = None if proof is None else proof.batch
        return DocumentRow(
            said.document, side, said.sender, self._clock(), committed, batch, sealed
        )

    def _opened(self, row: Any) -> _Kept:
        bound = _row_binding(row.document, row.side, row.commitment)
        try:
            data = self._keystore.sealer("private-documents").open(row.sealed, bound)
        except Refusal:
            raise PRIVATE_DAMAGED(document=row.document) from None
        kept: _Kept = _read(data, _Kept)
        return kept


class _Kept(Format, frozen=True, kw_only=True):
    statement: PrivateStatement
    salt: Digest
    proof: PrivateProof | None
    content: bytes


def opened_commitment(proof: PrivateProof) -> str:
    """Work out the commitment that a proof opens; refuses `malformed`."""
    salt = codec.to_bytes(proof.salt)
    if len(salt) != SALT_BYTES:
        raise MALFORMED()
    return commitment(salt, codec.encode(proof.statement))


def check_private(proof: PrivateProof, root: str) -> bool:
    """Tell whether a document stands in the batch whose root the chain has. Pure."""
    leaf = codec.encode(
        PrivateLeaf(document=proof.statement.document, commitment=opened_commitment(proof))
    )
    path = [codec.to_bytes(step) for step in proof.path]
    found = merkle.root_from_inclusion(leaf, proof.index, proof.total, path)
    return found is not None and codec.to_text(found) == root


def _statement(
    sender: str, recipients: Sequence[str], media_type: str, content: bytes, now: int
) -> PrivateStatement:
    if sender in recipients:
        raise MALFORMED()
    try:
        return msgspec.convert(
            {
                "format": "yilian-private-document/1",
                "document": new_id(),
                "sender": sender,
                "recipients": sorted(set(recipients)),
                "media_type": media_type,
                "size": len(content),
                "sha256": codec.to_text(hashlib.sha256(content).digest()),
                "sent": now,
            },
            PrivateStatement,
        )
    except msgspec.ValidationError:
        raise MALFORMED() from None


def _read(data: bytes, type_: Any) -> Any:
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None


def _leaf(row: DocumentRow | sql.Row[Any]) -> bytes:
    return codec.encode(PrivateLeaf(document=row.document, commitment=row.commitment))


def _package_binding(document: str, sender: str, recipient: str) -> bytes:
    return binding("private-document", document=document, sender=sender, recipient=recipient)


def _row_binding(document: str, side: str, committed: str) -> bytes:
    return binding("private-document-row", document=document, side=side, commitment=committed)
