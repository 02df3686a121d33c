"""Export, offline check, import into a fresh instance: every proof verifies, every lie is named."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.content.builders import PATIENT, generated, identifier, written
from tests.unit.gateway.content.instance import (
    READER,
    Instance,
    edited,
    forged,
    opened,
    packed,
)
from yilian.gateway.content import bundle as bundles
from yilian.gateway.content.bundle import Bundle, Labels, Withheld, content_name
from yilian.gateway.content.check import Bad, check_origin, verify_export
from yilian.gateway.content.errors import (
    EXPORT_DAMAGED,
    EXPORT_EXPANDS,
    EXPORT_MALFORMED,
    EXPORT_NAME,
    EXPORT_REPEATED,
    EXPORT_TOO_LARGE,
    EXPORT_TRUST,
    EXPORT_WRONG_CHAIN,
    ORIGIN_DIFFERS,
)
from yilian.gateway.content.export import batch_proofs, gather, gather_journal, pieces, write_export
from yilian.gateway.content.origins import import_items, read_export
from yilian.ledger import codec
from yilian.ledger.errors import Code, Refusal
from yilian.sdk.verify import verify
from yilian.vault.envelope import new_salt
from yilian.vault.records import Item

FRESH = identifier("fresh")
RESOURCES = generated(3)[:30]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Instance]:
    with Instance(tmp_path / "home") as made:
        yield made


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that was exported; tests only read from it."""
    with Instance(tmp_path_factory.mktemp("stocked") / "home") as made:
        made.deposit(PATIENT, RESOURCES, "first")
        made.deposit(PATIENT, [written({"resourceType": "Observation", "note": "𠮷"})], "second")
        made.vault.read_own(made.vault.records_of(PATIENT)[:3], READER, "treatment")
        made.anchor()
        yield made


@pytest.fixture(scope="module")
def exported(stocked: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export: two batches of records, and a journal of one reading of three."""
    return stocked.export(PATIENT, tmp_path_factory.mktemp("exported") / "export.zip")


def refused(code: Code, call: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as found:
        call()
    assert found.value.code is code
    return found.value


def bad(path: Path, home: Instance) -> tuple[Bad, ...]:
    return verify_export(path, home.trust(), verify).bad


# What is in it


def test_an_export_holds_everything_and_verifies(stocked: Instance, exported: Path) -> None:
    files = opened(exported)
    records = stocked.vault.records_of(PATIENT)
    contents = {name: files[name] for name in files if name.startswith("records/")}
    expected = sorted([*RESOURCES, written({"resourceType": "Observation", "note": "𠮷"})])
    assert sorted(contents.values()) == expected
    assert sorted(contents) == sorted(f"records/{each}.json" for each in records)
    assert {f"proofs/{each}.json" for each in records} <= files.keys()
    manifest = json.loads(files["manifest.json"])
    assert manifest["format"] == "yilian-export/1"
    assert manifest["chain"] == "test"
    assert [each["name"] for each in manifest["files"]] == list(files)[:-1]
    assert "健康记录" in files["README.txt"].decode()
    assert "test" in files["README.txt"].decode()
    report = verify_export(exported, stocked.trust(), verify)
    assert report.bad == ()
    assert (report.records, report.journal, report.pending) == (31, 3, 0)
    assert (report.chain, report.level, report.withheld) == ("test", "one signer", 0)
    assert 0 < report.height <= stocked.engine.height


def test_an_export_goes_out_in_pieces_and_needs_no_seeking(home: Instance, tmp_path: Path) -> None:
    home.deposit(PATIENT, RESOURCES[:5])
    home.anchor()
    source = gather(home.vault, home.catalogue, PATIENT, READER, "patient")
    parts = list(pieces(home.about(PATIENT), source, [], batch_proofs(home.engine)))
    assert len(parts) > 10
    path = tmp_path / "pieces.zip"
    path.write_bytes(b"".join(parts))
    assert bad(path, home) == ()


def test_the_readings_of_an_export_are_journalled(home: Instance, tmp_path: Path) -> None:
    (record,) = home.deposit(PATIENT, RESOURCES[:1])
    home.vault.read_own([record], READER, "treatment")
    home.export(PATIENT, tmp_path / "export.zip")
    lines = home.vault.journal_about(record)
    assert [each.purpose for each in lines] == ["treatment", "patient"]


def test_what_is_not_on_the_chain_yet_is_said(home: Instance, tmp_path: Path) -> None:
    home.deposit(PATIENT, RESOURCES[:2])
    home.vault.read_own(home.vault.records_of(PATIENT), READER, "treatment")
    path = home.export(PATIENT, tmp_path / "early.zip")
    report = verify_export(path, home.trust(), verify)
    assert report.pending == 2
    assert {each.reason for each in report.bad} == {"not_anchored"}
    home.vault.journal_batch()
    later = verify_export(home.export(PATIENT, tmp_path / "e.zip"), home.trust(), verify)
    assert later.pending == 4


def test_a_record_that_does_not_open_is_named_and_the_rest_goes_out(
    home: Instance, tmp_path: Path
) -> None:
    records = home.deposit(PATIENT, RESOURCES[:3])
    home.anchor()
    for pack in (tmp_path / "home" / "vault" / "payloads").rglob("*.pack"):
        content = bytearray(pack.read_bytes())
        content[-5] ^= 1
        pack.write_bytes(content)
    found = list(gather(home.vault, home.catalogue, PATIENT, READER, "patient"))
    withheld = [each for each in found if isinstance(each, Withheld)]
    assert [(each.record, each.reason) for each in withheld] == [(records[2], "payload_damaged")]
    path = home.export(PATIENT, tmp_path / "partial.zip")
    assert verify_export(path, home.trust(), verify).withheld == 1


def test_only_the_records_asked_for_go_out(home: Instance) -> None:
    records = home.deposit(PATIENT, RESOURCES[:3])
    home.anchor()
    asked = [records[1], identifier("of another")]
    found = list(gather(home.vault, home.catalogue, PATIENT, READER, "patient", None, asked))
    assert [each.labels.record for each in found if not isinstance(each, Withheld)] == [records[1]]


def test_what_compresses_too_well_is_stored_and_can_be_read(home: Instance, tmp_path: Path) -> None:
    blank = written({"resourceType": "Binary", "data": "A" * (3 << 20)})
    home.deposit(PATIENT, [blank])
    home.anchor()
    path = home.export(PATIENT, tmp_path / "blank.zip")
    assert bad(path, home) == ()


def test_content_that_is_no_json_has_another_ending(home: Instance) -> None:
    home.deposit(PATIENT, RESOURCES[:1])
    labels = home.gathered(PATIENT)[0].labels
    named = {**{f: getattr(labels, f) for f in Labels.__struct_fields__}}
    scan = Labels(**{**named, "media_type": "application/dicom"})
    plain = Labels(**{**named, "media_type": "application/json; charset=utf-8"})
    assert content_name(scan) == f"records/{labels.record}.bin"
    assert content_name(plain) == f"records/{labels.record}.json"


# Import


def test_an_import_elsewhere_keeps_every_proof(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    with Instance(tmp_path / "away", "away") as away:
        origins = away.take_in(exported, FRESH)
        away.anchor()
        assert len(origins) == 31
        assert not origins.keys() & set(stocked.vault.records_of(PATIENT))
        contents = away.vault.read_own(away.vault.records_of(FRESH), READER, "treatment")
        originals = stocked.vault.read_own(stocked.vault.records_of(PATIENT), READER, "treatment")
        for record, content in contents.items():
            (origin,) = away.origins.of(FRESH, record)
            assert origins[record] == (origin,)
            assert originals[origin.proof.record] == content
            assert origin.organisation == stocked.vault.organisation
            assert check_origin(origin, content, stocked.trust(), verify).chain_id == "test"
        again = away.export(FRESH, tmp_path / "again.zip")
        both = verify_export(again, away.trust(), verify, {"test": stocked.trust()})
        assert (both.bad, both.origins, both.unchecked) == ((), 31, 0)
        alone = verify_export(again, away.trust(), verify)
        assert (alone.bad, alone.unchecked) == ((), 31)
        with Instance(tmp_path / "third", "third") as third:
            third.take_in(again, FRESH)
            chains = [
                [each.chain for each in third.origins.of(FRESH, record)]
                for record in third.vault.records_of(FRESH)
            ]
            assert chains == [["away", "test"]] * 31


def test_a_changed_content_is_not_what_its_origin_says(stocked: Instance, exported: Path) -> None:
    first = next(iter(read_export(exported)))
    check_origin(first.origins[0], first.content, stocked.trust(), verify)
    with pytest.raises(Refusal):
        check_origin(first.origins[0], first.content + b" ", stocked.trust(), verify)
    other = first.origins[0].__class__(
        chain="test",
        organisation=identifier("liar"),
        patient=PATIENT,
        proof=first.origins[0].proof,
        batch=first.origins[0].batch,
    )
    with pytest.raises(Exception, match="organisation_differs"):
        check_origin(other, first.content, stocked.trust(), verify)


def test_origins_are_sealed_and_go_with_the_person(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    with Instance(tmp_path / "away", "away") as away:
        origins = away.take_in(exported, FRESH)
        stored = b"".join(
            each.read_bytes() for each in (tmp_path / "away" / "vault").glob("catalogue*")
        )
        for hidden in (PATIENT, *stocked.vault.records_of(PATIENT)):
            assert hidden.encode() not in stored
        first, second, *_ = origins
        away.origins.forget([first, identifier("unknown")])
        assert away.origins.of(FRESH, first) == ()
        assert away.origins.of(FRESH, second) == origins[second]
        assert away.origins.of(PATIENT, second) == ()
        away.origins.forget_patient(FRESH)
        assert away.origins.of(FRESH, second) == ()
        assert not list((tmp_path / "away" / "content").rglob("*.sealed"))


def test_an_import_of_a_damaged_export_is_refused(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    files = opened(exported)
    name = next(each for each in files if each.startswith("records/"))
    path = packed({**files, name: files[name] + b" "}.items(), tmp_path / "damaged.zip")
    found = refused(EXPORT_DAMAGED, lambda: list(read_export(path)))
    assert found.parameters == {"id": name[8:30]}
    swapped = forged(exported, tmp_path / "swapped.zip", proofs=edited(record=identifier("x")))
    refused(ORIGIN_DIFFERS, lambda: list(read_export(swapped)))


def corrected(stocked: Instance) -> None:
    """A record with a correction, and a note of the person with one, exported backwards."""
    old, new, note, later, foreign = (identifier((each, "versions")) for each in range(5))
    stocked.vault.deposit(
        Item(
            record=record,
            patient=PATIENT,
            category="laboratory",
            sensitivity="normal",
            period="2026-03",
            media_type="text/plain",
            content=content,
            kind="record" if author is None else "note",
            author=author,
            replaces=replaces,
            retention="inpatient",
        )
        for record, content, author, replaces in (
            (old, b"31", None, None),
            (new, b"3.1", None, old),
            (note, b"a note", PATIENT, None),
            (later, b"a better note", PATIENT, note),
            (foreign, b"of a nurse", identifier("nurse"), None),
        )
    )
    stocked.anchor()


def test_versions_and_notes_are_told_and_imported(home: Instance, tmp_path: Path) -> None:
    corrected(home)
    path = home.export(PATIENT, tmp_path / "versions.zip")
    assert bad(path, home) == ()

    def backwards(text: bytes) -> bytes:
        return edited(records=json.loads(text)["records"][::-1])(text)

    with Instance(tmp_path / "away", "away") as away:
        away.take_in(forged(path, tmp_path / "back.zip", manifest=backwards), FRESH)
        rows = {row.record: row for row in away.catalogue.records(away.vault.records_of(FRESH))}
        contents = away.vault.read_own(list(rows), READER, "treatment")
        said = {contents[record]: row for record, row in rows.items()}
        assert said[b"3.1"].replaces == said[b"31"].record
        assert said[b"a better note"].replaces == said[b"a note"].record
        assert {said[b"a note"].author, said[b"a better note"].author} == {FRESH}
        assert said[b"of a nurse"].author not in (None, identifier("nurse"), FRESH)
        assert {row.retention for row in rows.values()} == {"inpatient", "patient-note"}
        away.anchor()
        again = away.export(FRESH, tmp_path / "again.zip")
        report = verify_export(again, away.trust(), verify, {"test": home.trust()})
        assert (report.bad, report.origins) == ((), 5)


def test_records_that_correct_one_another_in_a_circle_are_refused(
    home: Instance, tmp_path: Path
) -> None:
    corrected(home)
    path = home.export(PATIENT, tmp_path / "versions.zip")

    def circle(text: bytes) -> bytes:
        manifest = json.loads(text)
        records = manifest["records"]
        for first, second in zip(records, records[1:] + records[:1], strict=True):
            first["replaces"] = second["record"]
        return codec.encode(manifest)

    forgery = forged(path, tmp_path / "circle.zip", manifest=circle)
    refused(EXPORT_MALFORMED, lambda: list(import_items(forgery, FRESH)))


# Lies inside a well-formed export


@pytest.mark.parametrize(
    ("changes", "subject", "reason"),
    [
        ({"records": lambda content: content + b" "}, "record", "content_differs"),
        ({"records": lambda _: None}, "record", "export.damaged"),
        ({"proofs": lambda _: None}, "record", "export.damaged"),
        ({"proofs": lambda _: b"{}"}, "record", "malformed"),
        ({"proofs": edited(salt=None)}, "record", "salt_missing"),
        ({"proofs": edited(salt=codec.to_text(new_salt()))}, "record", "content_differs"),
        ({"proofs": edited(record=identifier("x"))}, "record", "proof_of_another"),
        ({"proofs": edited(batch=identifier("x"))}, "record", "proof_of_another"),
        ({"proofs": edited(total=7)}, "record", "batch_differs"),
        ({"proofs": edited(path=[])}, "record", "record_not_in_batch"),
        ({"journal": edited(path=[])}, "journal", "line_not_in_batch"),
        ({"journal": edited(index=2, total=9)}, "journal", "batch_differs"),
        ({"journal": lambda _: b"[]"}, "journal", "malformed"),
        ({"README": lambda _: b"\xff"}, None, None),
    ],
)
def test_a_lie_about_one_item_names_that_item_alone(
    stocked: Instance,
    exported: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    subject: str | None,
    reason: str | None,
) -> None:
    path = forged(exported, tmp_path / "forged.zip", **changes)
    folder = next(iter(changes))
    touched = next(each for each in opened(exported) if each.startswith(folder))
    expected = (
        () if subject is None else (Bad(subject, touched.rpartition("/")[2][:22], reason or ""),)
    )
    assert bad(path, stocked) == expected


def test_a_false_batch_names_every_record_of_it(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    manifest = json.loads(opened(exported)["manifest.json"])
    name = next(each for each in opened(exported) if each.startswith("batches/"))
    batch = name[8:30]
    members = {each["record"] for each in manifest["records"] if each["batch"] == batch}

    def lie(content: bytes) -> bytes:
        proof = json.loads(content)
        held = json.loads(proof["value"])
        value = json.dumps({**held, "root": "A" * 43}, sort_keys=True, separators=(",", ":"))
        proof["value"] = value
        proof["proof"]["exist"]["value"] = value
        return json.dumps(proof).encode()

    found = bad(forged(exported, tmp_path / "lie.zip", batches=lie), stocked)
    assert {(each.subject, each.id) for each in found} == {("record", each) for each in members}
    assert {each.reason for each in found} == {"value_not_in_state"}
    without = bad(forged(exported, tmp_path / "without.zip", batches=lambda _: None), stocked)
    assert {(each.id, each.reason) for each in without} == {
        (each, "not_anchored") for each in members
    }


def test_the_proof_of_another_key_is_no_proof_of_the_batch(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    names = [each for each in opened(exported) if each.startswith("batches/")]
    files = opened(exported)
    path = forged(exported, tmp_path / "f.zip", batches=lambda _: files[names[1]])
    assert {each.reason for each in bad(path, stocked)} == {"proof_of_another"}


def test_labels_that_lie_about_the_holder_are_named(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    def lie(text: bytes) -> bytes:
        manifest = json.loads(text)
        manifest["records"][0]["organisation"] = identifier("liar")
        manifest["records"][1]["patient"] = identifier("somebody")
        manifest["records"][2]["replaces"] = identifier("older")
        manifest["holders"].append({"organisation": identifier("liar"), "patient": PATIENT})
        return codec.encode(manifest)

    found = bad(forged(exported, tmp_path / "lie.zip", manifest=lie), stocked)
    assert [each.reason for each in found] == [
        "organisation_differs",
        "holder_unknown",
        "proof_of_another",
    ]


def test_stray_and_unlisted_files_are_named(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    files = opened(exported)
    stray = f"records/{identifier('stray')}.bin"
    unlisted = packed([*files.items(), (stray, b"x")], tmp_path / "unlisted.zip")
    assert bad(unlisted, stocked) == (Bad("file", stray, "export.damaged"),)
    added = packed([(stray, b"x"), *files.items()], tmp_path / "added.zip")
    assert bad(forged(added, tmp_path / "listed.zip"), stocked) == (
        Bad("file", stray, "file_unexpected"),
    )


def test_an_origin_that_lies_is_named(stocked: Instance, exported: Path, tmp_path: Path) -> None:
    with Instance(tmp_path / "away", "away") as away:
        away.take_in(exported, FRESH)
        away.anchor()
        again = away.export(FRESH, tmp_path / "again.zip")

        def lie(content: bytes) -> bytes:
            origins = json.loads(content)
            origins["origins"][0]["organisation"] = identifier("liar")
            return codec.encode(origins)

        others = {"test": stocked.trust()}
        path = forged(again, tmp_path / "lie.zip", origins=lie)
        (found,) = verify_export(path, away.trust(), verify, others).bad
        assert (found.subject, found.reason) == ("origin", "organisation_differs")
        path = forged(again, tmp_path / "cut.zip", origins=edited(origins=[]))
        (found,) = verify_export(path, away.trust(), verify, others).bad
        assert (found.subject, found.reason) == ("origin", "origin_missing")


def test_another_chain_and_an_unreadable_trust_file_are_refused(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    with Instance(tmp_path / "away", "away") as away:
        trust = away.trust()
    found = refused(EXPORT_WRONG_CHAIN, lambda: verify_export(exported, trust, verify))
    assert found.parameters == {"chain": "away"}
    for text in (b"", b"{}", b"\xff", b'{"chain_id":7}'):
        refused(EXPORT_TRUST, lambda text=text: verify_export(exported, text, verify))


def test_a_chain_that_only_calls_itself_the_same_is_found_out(
    stocked: Instance, exported: Path
) -> None:
    trust = json.loads(stocked.trust())
    trust["validators"][0]["pub_key"] = "A" * 43 + "="
    report = verify_export(exported, json.dumps(trust).encode(), verify)
    assert len(report.bad) == 34
    assert report.level == "none"


# Files that attack the reader


def zipped(path: Path, *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in files:
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../manifest.json",
        "/etc/passwd",
        "records/../../x.json",
        "records\\x.json",
        "C:\\x",
        "records/",
        f"records/{'A' * 22}.exe",
        f"records/{'A' * 22}.json/x",
        f"records/{'A' * 22}.json\n",
        "notes.txt",
        "MANIFEST.json",
        "记录.json",
    ],
)
def test_a_name_that_is_not_of_the_format_is_refused(
    name: str, exported: Path, tmp_path: Path
) -> None:
    path = packed([*opened(exported).items(), (name, b"x")], tmp_path / "name.zip")
    refused(EXPORT_NAME, lambda: list(read_export(path)))


def test_a_name_cut_by_a_zero_byte_is_refused(exported: Path, tmp_path: Path) -> None:
    entry = f"records/{'A' * 22}.json?exe"
    path = packed([*opened(exported).items(), (entry, b"x")], tmp_path / "zero.zip")
    path.write_bytes(path.read_bytes().replace(entry.encode(), entry.replace("?", "\0").encode()))
    refused(EXPORT_NAME, lambda: list(read_export(path)))


def test_an_entry_that_comes_twice_is_refused(exported: Path, tmp_path: Path) -> None:
    files = list(opened(exported).items())
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = packed([*files, files[0]], tmp_path / "twice.zip")
    refused(EXPORT_REPEATED, lambda: list(read_export(path)))


def test_a_bomb_is_refused_before_it_is_unpacked(exported: Path, tmp_path: Path) -> None:
    files = opened(exported)
    bomb = (f"records/{identifier('bomb')}.bin", bytes(64 << 20))
    path = packed([*files.items(), bomb], tmp_path / "bomb.zip")
    assert path.stat().st_size < 1 << 20
    refused(EXPORT_EXPANDS, lambda: list(read_export(path)))


def test_an_entry_that_hides_its_size_is_cut_off(exported: Path, tmp_path: Path) -> None:
    """The directory says ten bytes, the compressed data holds 64 MiB."""
    name = f"records/{identifier('bomb')}.bin"
    path = packed([*opened(exported).items(), (name, bytes(64 << 20))], tmp_path / "hidden.zip")
    data = path.read_bytes()
    data = data.replace((64 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with Bundle(path) as opened_bundle:
        opened_bundle.files[name] = bundles.File(name=name, size=10, sha256="A" * 43)
        refused(EXPORT_DAMAGED, lambda: opened_bundle.read(name))


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """David Fifield's bomb: many directory entries over one piece of data."""
    content = b"x" * 100
    path = zipped(tmp_path / "one.zip", (f"records/{identifier(0)}.bin", content))
    data = path.read_bytes()
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entry = data[start:end]
    many = b"".join(
        entry.replace(identifier(0).encode(), identifier(each).encode()) for each in range(400)
    )
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = (400).to_bytes(2, "little")
    tail[12:16] = len(many).to_bytes(4, "little")
    path.write_bytes(data[:start] + many + bytes(tail))
    packed_size = len(zlib.compress(content))
    assert 400 * packed_size < 10 * path.stat().st_size
    refusal_codes = (EXPORT_EXPANDS, EXPORT_MALFORMED)
    with pytest.raises(Refusal) as found:
        Bundle(path)
    assert found.value.code in refusal_codes


def test_too_many_and_too_large_are_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in (("MAX_ENTRIES", 3), ("MAX_ENTRY", 100), ("MAX_TOTAL", 1_000)):
        with monkeypatch.context() as lowered:
            lowered.setattr(bundles, name, limit)
            refused(EXPORT_TOO_LARGE, lambda: list(read_export(exported)))
    with monkeypatch.context() as lowered:
        lowered.setattr(bundles, "MAX_MANIFEST", 100)
        refused(EXPORT_TOO_LARGE, lambda: list(read_export(exported)))


def test_a_directory_that_claims_to_be_huge_is_not_read(exported: Path, tmp_path: Path) -> None:
    data = bytearray(exported.read_bytes())
    data[-10:-6] = (0xFFFFFFF0).to_bytes(4, "little")
    path = tmp_path / "huge.zip"
    path.write_bytes(data)
    refused(EXPORT_TOO_LARGE, lambda: Bundle(path))


def test_many_entries_need_the_large_directory_and_are_read(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for each in range(66_000):
            file.writestr(f"records/{codec.to_text(each.to_bytes(16, 'big'))}.bin", b"")
    refused(EXPORT_MALFORMED, lambda: Bundle(path))
    assert path.read_bytes()[-42:-38] == b"PK\6\7"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: b"PK",
        lambda data: b"not a zip at all, but long enough to have a tail" * 4,
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-6] + b"\xff" * 4 + data[-2:],
    ],
)
def test_what_is_no_zip_is_refused(
    change: Callable[[bytes], bytes], exported: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(change(exported.read_bytes()))
    refused(EXPORT_MALFORMED, lambda: list(read_export(path)))


def test_encrypted_and_exotic_entries_are_refused(exported: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", *opened(exported).items(), method=zipfile.ZIP_BZIP2)
    refused(EXPORT_MALFORMED, lambda: Bundle(path))
    data = bytearray(exported.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refused(EXPORT_MALFORMED, lambda: Bundle(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"{}",
        lambda text: text + b"\n",
        lambda text: text.replace(b"yilian-export/1", b"yilian-export/2"),
        edited(records=[{"record": "x"}]),
        edited(unknown=1),
        lambda text: edited(records=json.loads(text)["records"] * 2)(text),
        lambda text: edited(files=json.loads(text)["files"] * 2)(text),
    ],
)
def test_a_manifest_that_is_not_of_the_format_is_refused(
    change: Callable[[bytes], bytes], exported: Path, tmp_path: Path
) -> None:
    path = forged(exported, tmp_path / "manifest.zip", manifest=change)
    refused(EXPORT_MALFORMED, lambda: list(read_export(path)))


def test_an_export_without_a_manifest_is_refused(exported: Path, tmp_path: Path) -> None:
    files = opened(exported)
    del files["manifest.json"]
    path = packed(files.items(), tmp_path / "without.zip")
    refused(EXPORT_MALFORMED, lambda: Bundle(path))


def test_a_flipped_bit_is_found_wherever_it_is(
    stocked: Instance, exported: Path, tmp_path: Path
) -> None:
    data = exported.read_bytes()
    path = tmp_path / "flipped.zip"
    step = max(1, len(data) // 60)
    found = 0
    for place in range(0, len(data), step):
        flipped = bytearray(data)
        flipped[place] ^= 0x10
        path.write_bytes(flipped)
        try:
            report = verify_export(path, stocked.trust(), verify)
        except Refusal:
            found += 1
            continue
        # Some bytes of a ZIP mean nothing (times, attributes): then all content is as it was.
        assert report.bad or opened(path) == opened(exported)
        found += bool(report.bad)
    assert found > 30


def test_journal_proofs_are_given_for_what_is_in_a_batch(home: Instance) -> None:
    records = home.deposit(PATIENT, RESOURCES[:2])
    home.vault.read_own(records, READER, "treatment")
    assert gather_journal(home.vault, records) == ([], 2)
    home.anchor()
    proofs, pending = gather_journal(home.vault, records)
    assert ([each.line.record for each in proofs], pending) == (records, 0)


def test_a_batch_the_chain_does_not_have_has_no_proof(home: Instance) -> None:
    assert batch_proofs(home.engine)(identifier("nothing")) is None


def test_a_stream_gets_the_same_file_as_the_pieces_make(home: Instance) -> None:
    home.deposit(PATIENT, RESOURCES[:2])
    home.anchor()
    records = home.gathered(PATIENT)
    made = list(pieces(home.about(PATIENT), records, [], batch_proofs(home.engine)))
    stream = io.BytesIO()
    write_export(stream, home.about(PATIENT), records, [], batch_proofs(home.engine))
    assert stream.getvalue() == b"".join(made)
