"""Backup and restore, so that a restored vault serves nothing that was erased.

    <backup>/catalogue.sqlite, payloads/, large/, keys/  consistent, made while the vault serves
    <backup>/supply.sqlite                               if there is one, as it was at one moment
    <backup>/backup.json                                 written last: without it, no backup
    <erasure backup>/<xx>/<batch>.sealed                 erasure keys, apart from the rest
    <erasure backup>/content/<xx>/<person>.sealed        keys of what is worked out from records
    <erasure backup>/expires.json                        when it must be gone

The two folders belong on different media: the first may be kept for years and opens nothing by
itself; the second is refused after its date and is to be deleted then (`remove_expired`). So what
was erased is unreadable in every backup after that date, and before it a restore erases again what
the chain says was erased. The newest erasure backup serves with any older backup: after an erasure
of some records of a batch the keys of the others still open their older copies. The master key is
in neither folder. A copy of expired keys that somebody made beside all this is out of our hands.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple, TypeVar

import msgspec

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault import durable
from yilian.vault.catalogue import KEPT, SEALED, Catalogue
from yilian.vault.clock import utc_now
from yilian.vault.database import copy_file
from yilian.vault.desk import Desk
from yilian.vault.emergency_parts import EmergencyParts, emergency_parts
from yilian.vault.envelope import Format, new_id
from yilian.vault.erasure import Erasure, Replayed
from yilian.vault.journal import Journal
from yilian.vault.keystore import Keystore
from yilian.vault.large_records import open_large
from yilian.vault.payload_stores import PARTS, PayloadStores
from yilian.vault.records import Records

FOLDER_NOT_EMPTY = code(9314, "backup_folder_not_empty", 409)
NOT_APART = code(9315, "backup_folders_not_apart", 400)
INCOMPLETE = code(9316, "backup_incomplete", 409)
EXPIRED = code(9317, "erasure_backup_expired", 410, "expired")
UNFINISHED = code(9318, "vault_restore_unfinished", 409)
ALTERED = code(9319, "backup_altered", 409)

DAYS = 30
MAX_DAYS = 366
MARKER = "restore.unfinished"
_DAY = 86_400_000
_FILES = 200
_CHUNK = 1 << 20
BESIDE = ("supply.sqlite",)
"""Databases that others keep in a vault's folder; nothing in them is about a person."""
_OURS = tuple(
    name + suffix for name in ("catalogue.sqlite", *BESIDE) for suffix in ("", "-wal", "-shm")
)
_FOLDERS = ("payloads", "large", "keys", "erasure", "content")
_KEYS = "??/*.sealed"
_NO_MAC = codec.to_text(bytes(32))
T = TypeVar("T", bound="_Label")


class Made(NamedTuple):
    """A backup: its id, and when its erasure keys expire (milliseconds)."""

    backup: str
    expires: int


class _Label(Format, frozen=True, kw_only=True):
    """What a backup folder says of itself; `mac` is under a key derived from the master key."""

    backup: Id
    organisation: Id
    made: Millis
    mac: Digest = _NO_MAC


class _Backup(_Label, frozen=True, kw_only=True, tag_field="format", tag="yilian-backup/1"):
    """Label of the folder with catalogue, payloads and keys."""


class _ErasureBackup(
    _Label, frozen=True, kw_only=True, tag_field="format", tag="yilian-erasure-backup/1"
):
    """Label of the folder with erasure keys."""

    expires: Annotated[int, msgspec.Meta(ge=0, le=codec.MAX_INTEGER)]


class Parts(NamedTuple):
    """What a backup is made of: the opened parts of one vault and its folder."""

    folder: Path
    organisation: str
    keystore: Keystore
    stores: PayloadStores
    catalogue: Catalogue
    erasure: Erasure


def backup(parts: Parts, folder: Path, erasure_folder: Path, *, days: int = DAYS, now: int) -> Made:
    """Copy a vault that serves: everything but erasure keys here, erasure keys there.

    The catalogue first: what it names was on the disk before it, and erasures wait, so that all it
    names is in the copy. Deposits and reads go on. `days`: when the erasure keys expire. Refuses
    `backup_folder_not_empty`, `backup_folders_not_apart` and `malformed`.
    """
    if not 1 <= days <= MAX_DAYS:
        raise MALFORMED()
    _require_apart(parts.folder, folder, erasure_folder)
    for each in (folder, erasure_folder):
        if each.exists() and any(each.iterdir()):
            raise FOLDER_NOT_EMPTY()
        durable.make_folder(each)
    made = Made(new_id(), now + days * _DAY)
    with parts.erasure.quiet():
        parts.catalogue.copy(folder / "catalogue.sqlite")
        for name in BESIDE:
            if (parts.folder / name).exists():
                copy_file(parts.folder / name, folder / name)
        _copy_tree(parts.folder / "erasure", erasure_folder, _KEYS)
        _copy_tree(parts.folder / "content", erasure_folder / "content", _KEYS)
        _copy_tree(parts.folder / "keys", folder / "keys", "**/*.sealed")
        if parts.stores.remote:
            parts.stores.copy_out(folder)
        for name in PARTS:
            _copy_tree(parts.folder / name, folder / name, "**/*.pack")
    apart = _ErasureBackup(
        backup=made.backup, organisation=parts.organisation, made=now, expires=made.expires
    )
    label = _Backup(backup=made.backup, organisation=parts.organisation, made=now)
    _write_label(erasure_folder / "expires.json", apart, parts.keystore)
    _write_label(folder / "backup.json", label, parts.keystore)
    return made


def restore(
    source: Path,
    erasure_source: Path,
    target: Path,
    marks: Mapping[str, tuple[str, int | None]],
    *,
    organisation: str,
    master_key_file: Path | None = None,
    clock: Callable[[], int] = utc_now,
    payloads_url: str | None = None,
    base: Path = Path(),
) -> Replayed:
    """Restore a vault and erase in it all that the chain says was erased.

    `target` is absent, empty, or what an interrupted restore left, which starts over. `marks`:
    mark -> (`destroyed` or `sealed`, until), of this organisation's erasures on the chain. Until
    the erasures are replayed the vault does not open (`vault_restore_unfinished`). Into a bucket
    (`payloads_url`, `base`: see `Vault.open`) goes what the backup has, and all else that the
    vault had there is removed; the `owner` of the vault that is gone must be removed first. Refuses
    `backup_incomplete`, `backup_altered`, `erasure_backup_expired`, `backup_folder_not_empty`,
    `backup_folders_not_apart`, `vault_in_use`, and as the key store and `PayloadStores` do.
    """
    label = _read_label(source / "backup.json", _Backup)
    apart = _read_label(erasure_source / "expires.json", _ErasureBackup)
    if clock() >= apart.expires:
        raise EXPIRED(expired=apart.expires)
    _require_apart(source, erasure_source, target)
    lock = _taken(target)
    try:
        _copy_tree(source / "keys", target / "keys", "**/*.sealed")
        keystore = Keystore.open(target / "keys", organisation, master_key_file)
        for each in (label, apart):
            if each.organisation != organisation or each.mac != _mac(each, keystore):
                raise ALTERED()
        _copy_tree(erasure_source, target / "erasure", _KEYS)
        _copy_tree(erasure_source / "content", target / "content", _KEYS)
        with closing(PayloadStores(target, organisation, payloads_url, base)) as stores:
            if stores.remote:
                stores.bring_back(source)
            else:
                for name in PARTS:
                    _copy_tree(source / name, target / name, "**/*.pack")
            names = ("catalogue.sqlite", *BESIDE)
            _copy_files({source / name: target / name for name in names})
            done = _replay(target, stores, organisation, keystore, marks, clock)
        durable.remove(target / MARKER)
        return done
    finally:
        lock.release()


def require_restored(folder: Path) -> None:
    """Refuse `vault_restore_unfinished` for a folder whose restore was not finished."""
    if (folder / MARKER).exists():
        raise UNFINISHED()


def remove_expired(erasure_folder: Path, now: int) -> bool:
    """Delete an erasure backup whose date is past; tells whether it was."""
    label = _read_label(erasure_folder / "expires.json", _ErasureBackup)
    if now < label.expires:
        return False
    for path in sorted(erasure_folder.rglob("*.sealed")):
        path.unlink(missing_ok=True)
    for folder in sorted(erasure_folder.rglob("*")):
        if folder.is_dir():
            durable.sync_folder(folder)
    durable.remove(erasure_folder / "expires.json")
    return True


def _replay(
    target: Path,
    stores: PayloadStores,
    organisation: str,
    keystore: Keystore,
    marks: Mapping[str, tuple[str, int | None]],
    clock: Callable[[], int],
) -> Replayed:
    with ExitStack() as opened:
        catalogue = Catalogue(target / "catalogue.sqlite", organisation)
        opened.callback(catalogue.close)
        payloads = stores.open("payloads")
        opened.callback(payloads.close)
        large = open_large(stores, keystore, catalogue, clock)
        opened.callback(large.close)
        records = Records(organisation, keystore, payloads, catalogue, clock)
        journal = Journal(keystore, catalogue)
        erasure = Erasure(organisation, keystore, payloads, catalogue, records, journal, clock)
        erasure.listeners.append(large.erased)
        persons: set[str] = set()
        erasure.listeners.append(
            lambda names, extent: persons.update(row.patient for row in catalogue.records(names))
        )
        done = erasure.replay(marks)
        emergencies = emergency_parts(
            organisation, keystore, catalogue, records, journal.write, clock
        )
        desk = Desk(organisation, keystore, catalogue, clock)
        for person in sorted(persons):
            if not catalogue.records_of_patient(person, (KEPT, SEALED)):
                _forget_person(person, desk, emergencies)
        catalogue.empty_log()
        return done


def _forget_person(person: str, desk: Desk, emergencies: EmergencyParts) -> None:
    """Forget what is kept beside the records of one who has none any more; again is fine.

    Name, contacts, cards and numbers; category keys wrapped for emergencies and for guardians.
    """
    emergencies.keys.forget(person)
    emergencies.register.forget(person)
    emergencies.recovery.forget(person)
    desk.remove_person(person)


def _taken(target: Path) -> durable.Lock:
    """Take an empty folder, or one that a restore began, and mark it as not to be served."""
    if target.exists() and any(target.iterdir()) and not (target / MARKER).exists():
        raise FOLDER_NOT_EMPTY()
    durable.make_folder(target)
    durable.replace({target / MARKER: b"yilian-restore/1\n"})
    lock = durable.Lock(target / "lock")
    for name in _OURS:
        (target / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(target / name, ignore_errors=True)
    durable.sync_folder(target)
    return lock


def _require_apart(*folders: Path) -> None:
    resolved = [each.resolve() for each in folders]
    for index, one in enumerate(resolved):
        for other in resolved[index + 1 :]:
            if one == other or one in other.parents or other in one.parents:
                raise NOT_APART()


def _write_label(path: Path, label: _Label, keystore: Keystore) -> None:
    marked = msgspec.structs.replace(label, mac=_mac(label, keystore))
    durable.replace({path: codec.encode(marked)})


def _mac(label: _Label, keystore: Keystore) -> str:
    plain = msgspec.structs.replace(label, mac=_NO_MAC)
    return codec.to_text(keystore.mac("backup", codec.encode(plain)))


def _read_label(path: Path, kind: type[T]) -> T:
    try:
        return codec.decode(path.read_bytes(), kind)
    except FileNotFoundError:
        raise INCOMPLETE() from None
    except (Refusal, OSError):
        raise ALTERED() from None


def _copy_tree(source: Path, target: Path, pattern: str) -> None:
    """Copy the files of a folder whose names match, some hundred at a time."""
    durable.make_folder(target)
    found = iter(sorted(source.glob(pattern)))
    while some := list(islice(found, _FILES)):
        _copy_files({path: target / path.relative_to(source) for path in some})


def _copy_files(pairs: Mapping[Path, Path]) -> None:
    """Copy files as they are when opened; one that was removed by then is left out."""
    files: dict[Path, Iterable[bytes]] = {}
    with ExitStack() as opened:
        for path, copy in pairs.items():
            try:
                file = opened.enter_context(path.open("rb"))
            except FileNotFoundError:
                continue
            durable.make_folder(copy.parent)
            files[copy] = _pieces(file)
        durable.replace(files)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece
