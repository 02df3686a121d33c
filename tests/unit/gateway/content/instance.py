"""An instance for tests of export: a chain, a vault that anchors on it, and its content stores."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from tests.chain import Cast, engine
from tests.unit.gateway.content.builders import identifier
from yilian.gateway.content.bundle import Holder
from yilian.gateway.content.export import (
    About,
    Exported,
    batch_proofs,
    gather,
    gather_journal,
    write_export,
)
from yilian.gateway.content.keys import ContentKeys
from yilian.gateway.content.origins import Origin, OriginStore, import_items
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.ledger import codec, errors
from yilian.ledger.modules.records.messages import AnchorBatch, AnchorDisclosures
from yilian.vault.keystore import write_master_key
from yilian.vault.records import Batch, Item
from yilian.vault.vault import Vault

NOW = 1_790_000_000_000
READER = identifier("reader")


class Instance:
    """One organisation with a chain of its own in a folder."""

    def __init__(self, folder: Path, name: str = "test") -> None:
        cast = Cast()
        cast.genesis = msgspec.structs.replace(cast.genesis, chain=name)
        self.engine, self.cast = engine(folder / "chain", cast)
        self.chain = self.engine.genesis.chain
        write_master_key(folder / "outside" / "master.key")
        self.vault = Vault.open(
            folder / "vault",
            self.cast.hospital.id,
            master_key_file=folder / "outside" / "master.key",
            clock=lambda: NOW,
        )
        self.catalogue = self.vault._catalogue
        keys = ContentKeys(folder / "content", self.vault.keystore)
        self.origins = OriginStore(self.catalogue, keys)

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.vault.close()
        self.engine.close()

    def deposit(self, patient: str, resources: Iterable[bytes], label: object = "") -> list[str]:
        """Keep resources of a person; gives their record ids."""
        items = [
            Item(
                record=identifier((label, patient, place)),
                patient=patient,
                category="laboratory",
                sensitivity="normal",
                period="2026-03",
                media_type=FHIR_JSON,
                content=each,
            )
            for place, each in enumerate(resources)
        ]
        self.vault.deposit(items)
        return [each.record for each in items]

    def anchor(self) -> None:
        """Put everything that waits on the chain."""
        self.vault.journal_batch()
        for batch in self.vault.unanchored():
            self._anchor(batch)

    def _anchor(self, batch: Batch) -> None:
        kind = AnchorBatch if batch.kind == "records" else AnchorDisclosures
        message = kind(batch=batch.batch, root=batch.root, size=batch.size)
        outcome = self.engine.submit(self.cast.sign(self.cast.hospital, message)).result()
        assert outcome.code == errors.OK
        self.vault.anchored(batch.batch, outcome.hash, outcome.height)

    def trust(self) -> bytes:
        """The chain's trust file."""
        return json.dumps(self.engine.trust()).encode()

    def about(self, patient: str, pending: int = 0) -> About:
        """What an export of a person is of."""
        holder = Holder(organisation=self.vault.organisation, patient=patient)
        return About(self.chain, NOW, (holder,), pending)

    def export(self, patient: str, path: Path) -> Path:
        """Export a person's whole record with the journal so far."""
        proofs, pending = gather_journal(self.vault, self.vault.records_of(patient))
        with path.open("wb") as file:
            write_export(
                file,
                self.about(patient, pending),
                gather(self.vault, self.catalogue, patient, READER, "patient", self.origins),
                proofs,
                batch_proofs(self.engine),
            )
        return path

    def take_in(self, path: Path, patient: str) -> dict[str, tuple[Origin, ...]]:
        """Import an export; gives the origins by new record id."""
        taken = list(import_items(path, patient))
        origins = {item.record: found for item, found in taken}
        self.origins.keep(patient, origins)
        self.vault.deposit(item for item, _ in taken)
        return origins

    def gathered(self, patient: str) -> list[Exported]:
        """A person's records as an export takes them."""
        found = gather(self.vault, self.catalogue, patient, READER, "patient", self.origins)
        return [each for each in found if isinstance(each, Exported)]


def opened(path: Path) -> dict[str, bytes]:
    """All files of an export, in order."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(files: Iterable[tuple[str, bytes]], path: Path) -> Path:
    """An export made of files by hand."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files:
            file.writestr(name, content)
    return path


def forged(path: Path, to: Path, **changes: Callable[[bytes], bytes | None]) -> Path:
    """Change files (first of their folder) and list the result as if it were right.

    A change that gives None leaves the file out. `manifest` changes the manifest at the end.
    """
    files = opened(path)
    manifest = json.loads(files.pop("manifest.json"))
    for folder, change in changes.items():
        if folder == "manifest":
            continue
        name = next(each for each in files if each.startswith(folder))
        found = change(files[name])
        if found is None:
            del files[name]
        else:
            files[name] = found
    listed = []
    for name, content in files.items():
        digest = codec.to_text(hashlib.sha256(content).digest())
        listed.append({"name": name, "size": len(content), "sha256": digest})
    text = codec.encode({**manifest, "files": listed})
    if "manifest" in changes:
        text = changes["manifest"](text) or b""
    return packed([*files.items(), ("manifest.json", text)], to)


def edited(**fields: Any) -> Callable[[bytes], bytes]:
    """Change fields of a canonical JSON object."""

    def change(content: bytes) -> bytes:
        return codec.encode({**json.loads(content), **fields})

    return change
