"""Checking an export offline: every record, every journal line, every origin, against a trust file.

The chain's part (state proofs) is judged by the verifier that is handed in, the one file that
shares no code with the prover: pass `yilian.sdk.verify.verify`. The rest is commitments and Merkle
paths. Nothing is asked of any network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from yilian.gateway.content.bundle import (
    MANIFEST,
    README,
    Bundle,
    Labels,
    Origin,
    Origins,
    Source,
    content_name,
)
from yilian.gateway.content.errors import EXPORT_TRUST, EXPORT_WRONG_CHAIN
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.records.state import BATCHES, Batch
from yilian.vault.envelope import JournalProof, RecordProof, check_record

T = TypeVar("T")


class Proved(Protocol):
    """What a verifier answers about a proof that holds."""

    @property
    def chain_id(self) -> str:
        """The chain that it is about."""

    @property
    def height(self) -> int:
        """The height that it is about."""

    @property
    def level(self) -> str:
        """What the signatures are worth."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader should know."""


Verify = Callable[[bytes, bytes], Proved]
"""Judges a proof (JSON) against a trust file (JSON); raises an exception with a `code`."""


class Bad(NamedTuple):
    """Something that does not check: `record`, `journal`, `origin` or `file` by id, and why."""

    subject: str
    id: str
    reason: str


class Report(NamedTuple):
    """What was found. It is good if `bad` is empty.

    `level` is the lowest that a proof reached, `height` the highest. `unchecked` counts origins on
    chains that no trust file was given for; `pending` and `withheld` count what the export itself
    says is not in it.
    """

    chain: str
    height: int
    level: str
    records: int
    journal: int
    origins: int
    unchecked: int
    pending: int
    withheld: int
    bad: tuple[Bad, ...]
    warnings: tuple[str, ...]


class _Trust(msgspec.Struct):
    chain_id: str


class _StateProof(msgspec.Struct):
    key: str
    value: str | None


class _Wrong(Exception):
    """Raised where a proof does not hold; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def verify_export(
    source: Source, trust: bytes, verify: Verify, others: Mapping[str, bytes] | None = None
) -> Report:
    """Check an export against a trust file; `others` are trust files of other chains, for origins.

    Names every bad item. Refuses as `bundle.Bundle`, `export.trust`, and `export.wrong_chain` where
    the export is of another chain than the trust file.
    """
    chain = _chain(trust)
    trusts = {**(others or {}), chain: trust}
    with Bundle(source) as bundle:
        if bundle.manifest.chain != chain:
            raise EXPORT_WRONG_CHAIN(chain=chain)
        return _Check(bundle, trusts, verify).report()


def check_origin(origin: Origin, content: bytes, trust: bytes, verify: Verify) -> Proved:
    """Check that a content is the record that its origin says; gives what the chain's proof says.

    Raises the verifier's exception, a `Refusal`, or another exception with a `code`.
    """
    _require(origin.batch is not None, "not_anchored")
    proved, batch = _batch((origin.batch or "").encode(), origin.proof.batch, trust, verify)
    _require(proved.chain_id == origin.chain, "wrong_chain")
    _check_record(content, origin.proof, origin.organisation, batch)
    return proved


class _Check:
    def __init__(self, bundle: Bundle, trusts: Mapping[str, bytes], verify: Verify) -> None:
        self._bundle = bundle
        self._manifest = bundle.manifest
        self._trusts = trusts
        self._verify = verify
        self._read: set[str] = {MANIFEST}
        self._batches: dict[str, tuple[Proved, Batch] | Exception] = {}
        self._proved: list[Proved] = []
        self._origins = self._unchecked = 0

    def report(self) -> Report:
        bad = [*self._records(), *self._journal(), *self._files()]
        levels = {each.level for each in self._proved}
        return Report(
            chain=self._manifest.chain,
            height=max((each.height for each in self._proved), default=0),
            level="one signer" if "one signer" in levels else next(iter(sorted(levels)), "none"),
            records=len(self._manifest.records),
            journal=len(self._lines()),
            origins=self._origins,
            unchecked=self._unchecked,
            pending=self._manifest.pending,
            withheld=len(self._manifest.withheld),
            bad=tuple(bad),
            warnings=tuple(sorted({text for each in self._proved for text in each.warnings})),
        )

    def _records(self) -> Iterator[Bad]:
        holders = {(each.organisation, each.patient) for each in self._manifest.holders}
        for labels in self._manifest.records:
            content = b""
            self._read |= {f"{each}/{labels.record}.json" for each in ("proofs", "origins")}
            try:
                content = self._take(content_name(labels))
                _require((labels.organisation, labels.patient) in holders, "holder_unknown")
                self._record(labels, content)
            except Exception as reason:
                yield Bad("record", labels.record, _why(reason))
            try:
                self._record_origins(labels, content)
            except Exception as reason:
                yield Bad("origin", labels.record, _why(reason))

    def _record(self, labels: Labels, content: bytes) -> None:
        proof = codec.decode(self._take(f"proofs/{labels.record}.json"), RecordProof)
        same = (proof.record, proof.batch, proof.replaces)
        _require(same == (labels.record, labels.batch, labels.replaces), "proof_of_another")
        _check_record(content, proof, labels.organisation, self._anchored(labels.batch))

    def _record_origins(self, labels: Labels, content: bytes) -> None:
        if not labels.origins:
            return
        found = codec.decode(self._take(f"origins/{labels.record}.json"), Origins).origins
        _require(len(found) == labels.origins, "origin_missing")
        for each in found:
            self._origins += 1
            trust = self._trusts.get(each.chain)
            if trust is None:
                self._unchecked += 1
            else:
                self._proved.append(check_origin(each, content, trust, self._verify))

    def _lines(self) -> list[str]:
        return sorted(name for name in self._bundle.files if name.startswith("journal/"))

    def _journal(self) -> Iterator[Bad]:
        holders = {each.organisation for each in self._manifest.holders}
        for name in self._lines():
            line = name.removeprefix("journal/").removesuffix(".json")
            try:
                proof = codec.decode(self._take(name), JournalProof)
                _require(proof.line.disclosure == line, "proof_of_another")
                batch = self._anchored(proof.batch)
                _require(batch.of == "disclosures", "batch_of_another")
                _require(batch.organisation in holders, "organisation_differs")
                _require(batch.size == proof.total, "batch_differs")
                path = [codec.to_bytes(step) for step in proof.path]
                leaf = codec.encode(proof.line)
                root = merkle.root_from_inclusion(leaf, proof.index, proof.total, path)
                _require(root == codec.to_bytes(batch.root), "line_not_in_batch")
            except Exception as reason:
                yield Bad("journal", line, _why(reason))

    def _files(self) -> Iterator[Bad]:
        """Name what nobody asked for: files that are listed and belong to nothing, and strays."""
        for name in sorted(self._bundle.entries.keys() | self._bundle.files.keys()):
            if name in self._read:
                continue
            try:
                self._bundle.read(name)
                _require(name == README, "file_unexpected")
            except Exception as reason:
                yield Bad("file", name, _why(reason))

    def _take(self, name: str) -> bytes:
        self._read.add(name)
        return self._bundle.read(name)

    def _anchored(self, batch: str) -> Batch:
        if batch not in self._batches:
            self._batches[batch] = self._prove(batch)
        found = self._batches[batch]
        if isinstance(found, Exception):
            raise found
        return found[1]

    def _prove(self, batch: str) -> tuple[Proved, Batch] | Exception:
        name = f"batches/{batch}.json"
        try:
            _require(name in self._bundle.files, "not_anchored")
            trust = self._trusts[self._manifest.chain]
            proved, found = _batch(self._take(name), batch, trust, self._verify)
        except Exception as reason:
            _why(reason)
            return reason
        self._proved.append(proved)
        return proved, found


def _batch(text: bytes, batch: str, trust: bytes, verify: Verify) -> tuple[Proved, Batch]:
    """Check a state proof, and that it is of this batch; gives what the chain holds."""
    proved = verify(text, trust)
    try:
        proof = msgspec.json.decode(text, type=_StateProof)
    except msgspec.MsgspecError:
        raise _Wrong("proof_of_another") from None
    _require(proof.key.encode() == BATCHES.key(batch), "proof_of_another")
    _require(proof.value is not None, "not_anchored")
    return proved, codec.decode((proof.value or "").encode(), Batch)


def _check_record(content: bytes, proof: RecordProof, organisation: str, batch: Batch) -> None:
    _require(batch.of == "records", "batch_of_another")
    _require(batch.organisation == organisation, "organisation_differs")
    _require(batch.size == proof.total, "batch_differs")
    _require(proof.salt is not None, "salt_missing")
    check_record(content, codec.to_bytes(proof.salt or ""), proof, batch.root)


def _chain(trust: bytes) -> str:
    try:
        return msgspec.json.decode(trust, type=_Trust).chain_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EXPORT_TRUST() from None


def _require(holds: bool, code: str) -> None:
    if not holds:
        raise _Wrong(code)


def _why(reason: Exception) -> str:
    """Give the stable code of an exception that has one; any other is a bug and goes on."""
    if isinstance(reason, Refusal):
        return reason.code.name
    code = getattr(reason, "code", None)
    if not isinstance(code, str):
        raise reason
    return code
