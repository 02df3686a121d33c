"""A vault whose payloads are in a bucket of a real S3 server: outages, wrong bytes, erasure."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.broken_line import BrokenLine
from tests.stores.s3 import S3Server
from tests.unit.vault.builders import HOSPITAL, NOW, PATIENT, identifier, item
from tests.unit.vault.test_large_records import CONTENT, RECORD, add
from yilian.ledger.errors import Refusal
from yilian.vault.backup import restore
from yilian.vault.bucket import Bucket, read_url
from yilian.vault.payload_stores import OWNER
from yilian.vault.payloads_s3 import S3Store
from yilian.vault.vault import Item, Vault

pytestmark = pytest.mark.xdist_group("s3")
READER = identifier("reader")


def opened(folder: Path, url: str | None) -> Vault:
    return Vault.open(folder, HOSPITAL, clock=lambda: NOW, payloads_url=url)


def refused(doing: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        doing()
    return caught.value.code.name


def items(*numbers: int) -> list[Item]:
    return [item(number, retention="none") for number in numbers]


def erase(vault: Vault, *records: str) -> None:
    plan = vault.plan_erasure(PATIENT, list(records) or None)
    vault.erasure.prepare(plan)
    vault.erase(plan)


def contents(vault: Vault, *numbers: int) -> None:
    """Require that records read as they were deposited."""
    read = vault.read_own([identifier(each) for each in numbers], READER, "treatment")
    assert read == {identifier(each): item(each).content for each in numbers}


def packs(s3: S3Server, bucket: str) -> list[Path]:
    return [path for key, path in s3.objects(bucket).items() if key.endswith(".pack")]


def test_records_and_large_objects_come_back_and_erasure_leaves_no_object(
    s3: S3Server, tmp_path: Path
) -> None:
    bucket = s3.bucket()
    url = s3.url(bucket, "ward/vaults")
    with opened(tmp_path / "v", url) as vault:
        vault.deposit(items(1, 2, 3))
        stored = add(vault)
        assert not list((tmp_path / "v").rglob("*.pack"))
        assert all(key.startswith(f"ward/vaults/{HOSPITAL}/") for key in s3.objects(bucket))
        contents(vault, 1, 2, 3)
        assert b"".join(vault.large.open(stored.manifest)) == CONTENT
        assert list(vault.integrity()) == []
    with opened(tmp_path / "v", url) as vault:
        contents(vault, 1, 2, 3)
        at_rest = vault.catalogue.records([identifier(1), identifier(2)])
        kept = {row.record: vault._payloads.get(row.stored) for row in at_rest}
        erase(vault, identifier(1))
        everything = b"".join(path.read_bytes() for path in packs(s3, bucket))
        assert kept[identifier(1)] not in everything
        assert kept[identifier(2)] in everything
        contents(vault, 2, 3)
        erase(vault)
        assert packs(s3, bucket) == []
        assert vault.records_of(PATIENT) == []
        assert refused(lambda: list(vault.large.open(stored.manifest))) == "large_object_unknown"
    assert set(s3.objects(bucket)) == {f"ward/vaults/{HOSPITAL}/owner"}


def test_without_the_server_nothing_is_acknowledged(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    url = s3.url(bucket)
    with opened(tmp_path / "v", url) as vault:
        vault.deposit(items(1))
        s3.stop()
        try:
            assert refused(lambda: vault.deposit(items(2))) == "payload_store_unavailable"
            assert vault.records_of(PATIENT) == [identifier(1)]
            assert refused(lambda: contents(vault, 1)) == "payload_store_unavailable"
            told = {each.reason for each in vault.integrity()}
            assert told == {"payload_store_unavailable"}
            assert refused(lambda: opened(tmp_path / "w", url)) == "payload_store_unavailable"
        finally:
            s3.start()
        contents(vault, 1)
        vault.deposit(items(2))
        contents(vault, 1, 2)
        assert list(vault.integrity()) == []


def test_an_erasure_waits_for_the_server_and_is_then_finished(s3: S3Server, tmp_path: Path) -> None:
    """Unreadable at once, for its key is gone; gone from the bucket when the server is back."""
    bucket = s3.bucket()
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        vault.deposit(items(1))
        plan = vault.plan_erasure(PATIENT)
        vault.erasure.prepare(plan)
        s3.stop()
        try:
            assert refused(lambda: vault.erase(plan)) == "payload_store_unavailable"
            assert vault.certificates() == []
            assert refused(lambda: contents(vault, 1)) == "vault_record_erased"
        finally:
            s3.start()
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        assert packs(s3, bucket) == []
        assert len(vault.certificates()) == 1


def test_an_outage_is_no_damage_of_a_large_object(s3: S3Server, tmp_path: Path) -> None:
    with opened(tmp_path / "v", s3.url(s3.bucket())) as vault:
        stored = add(vault)
        s3.stop()
        try:
            for doing in (
                lambda: vault.large.check(stored.manifest),
                lambda: list(vault.large.open(stored.manifest)),
            ):
                assert refused(doing) == "payload_store_unavailable"
        finally:
            s3.start()
        assert vault.large.check(stored.manifest) == []


@pytest.mark.parametrize("change", ["flipped", "shorter", "gone", "swapped"])
def test_wrong_bytes_from_the_server_are_refused(s3: S3Server, tmp_path: Path, change: str) -> None:
    bucket = s3.bucket()
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        vault.deposit(items(1))
        vault.deposit(items(2))
        [row] = vault.catalogue.records([identifier(1)])
        sealed = vault._payloads.get(row.stored)
        [path] = [each for each in packs(s3, bucket) if sealed in each.read_bytes()]
        [other] = [each for each in packs(s3, bucket) if each != path]
        data = path.read_bytes()
        changed = {
            "flipped": data[:-1] + bytes([data[-1] ^ 1]),
            "shorter": data[:-1],
            "gone": b"",
            "swapped": other.read_bytes(),
        }[change]
        if change == "gone":
            path.unlink()
        else:
            path.write_bytes(changed)
        assert refused(lambda: contents(vault, 1)) == "payload_damaged"
        contents(vault, 2)
        damaged = [(each.id, each.reason) for each in vault.integrity()]
        assert damaged == [(identifier(1), "payload_damaged")]
        # The damaged neighbour stands in no erasure's way.
        erase(vault)
        assert packs(s3, bucket) == []


@pytest.mark.parametrize("broken", [("sent", 60_000), ("answered", 20), ("answered", 0)])
def test_a_line_that_breaks_in_the_middle_leaves_nothing_acknowledged(
    s3: S3Server, tmp_path: Path, broken: tuple[str, int]
) -> None:
    """Half a request is no object; a lost answer means that the object is taken back."""
    bucket = s3.bucket()
    big = [item(number, content=random.Random(number).randbytes(100_000)) for number in (1, 2)]
    with BrokenLine(s3.port) as line:
        url = s3.url(bucket, endpoint=f"http://127.0.0.1:{line.port}")
        with opened(tmp_path / "v", url) as vault:
            vault.deposit(items(3))
            # Connections that stand are used again: the limits hold for new ones.
            vault._stores._bucket.close()  # type: ignore[union-attr]
            setattr(line, *broken)
            assert refused(lambda: vault.deposit(big)) == "payload_store_unavailable"
            assert vault.records_of(PATIENT) == [identifier(3)]
            assert len(packs(s3, bucket)) == 1
            line.sent = line.answered = None
            vault.deposit(big)
            read = vault.read_own([each.record for each in big], READER, "treatment")
            assert read == {each.record: each.content for each in big}


def test_a_bucket_that_keeps_versions_is_refused(s3: S3Server, tmp_path: Path) -> None:
    kept = s3.bucket()
    client = s3.client()
    with opened(tmp_path / "v", s3.url(kept)) as vault:
        vault.deposit(items(1, 2))
        for number, status in ((1, "Enabled"), (2, "Suspended")):
            client.put_bucket_versioning(Bucket=kept, VersioningConfiguration={"Status": status})
            plan = vault.plan_erasure(PATIENT, [identifier(number)])
            vault.erasure.prepare(plan)
            assert refused(lambda plan=plan: vault.erase(plan)) == "payload_bucket_keeps_versions"
            assert vault.certificates() == []
    assert refused(lambda: opened(tmp_path / "v", s3.url(kept))) == "payload_bucket_keeps_versions"


def test_a_bucket_that_locks_objects_is_refused(s3: S3Server, tmp_path: Path) -> None:
    locked = s3.bucket(ObjectLockEnabledForBucket=True)
    name = refused(lambda: opened(tmp_path / "v", s3.url(locked)))
    assert name in ("payload_bucket_locks_objects", "payload_bucket_keeps_versions")
    assert s3.objects(locked) == {}


def test_what_the_server_refuses_says_why(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    assert refused(lambda: opened(tmp_path / "v", s3.url("absent-bucket"))) == (
        "payload_bucket_missing"
    )
    wrong = tmp_path / "wrong"
    wrong.write_text(f"[default]\naws_access_key_id = {s3.key}\naws_secret_access_key = wrong\n")
    wrong.chmod(0o600)
    url = s3.url(bucket).replace(str(s3.credentials), str(wrong))
    with pytest.raises(Refusal) as caught:
        opened(tmp_path / "v", url)
    assert caught.value.code.name == "payload_store_refused"
    assert caught.value.parameters == {"reason": "SignatureDoesNotMatch"}


def test_a_vault_is_never_opened_on_other_payloads_than_its_own(
    s3: S3Server, tmp_path: Path
) -> None:
    bucket = s3.bucket()
    url = s3.url(bucket)
    with opened(tmp_path / "one", url) as vault:
        vault.deposit(items(1))
    before = {key: path.read_bytes() for key, path in s3.objects(bucket).items()}
    with opened(tmp_path / "two", None) as vault:
        vault.deposit(items(2))
    assert refused(lambda: opened(tmp_path / "two", s3.url(s3.bucket()))) == "payloads_elsewhere"
    assert refused(lambda: opened(tmp_path / "one", None)) == "payloads_elsewhere"
    assert refused(lambda: opened(tmp_path / "three", url)) == "payload_store_of_other"
    other = s3.url(bucket, "elsewhere")
    with opened(tmp_path / "four", other) as vault:
        vault.deposit(items(4))
    assert refused(lambda: opened(tmp_path / "four", url)) == "payload_store_of_other"
    after = {key: path.read_bytes() for key, path in s3.objects(bucket).items()}
    assert {key: after[key] for key in before} == before
    with opened(tmp_path / "one", url) as vault:
        contents(vault, 1)


def test_packs_of_a_folder_serve_in_a_bucket(s3: S3Server, tmp_path: Path) -> None:
    """Moving a vault to S3 is copying its packs: they are the same bytes under the same names."""
    bucket, client = s3.bucket(), s3.client()
    with opened(tmp_path / "v", None) as vault:
        vault.deposit(items(1, 2))
        stored = add(vault)
    for path in (tmp_path / "v").rglob("*.pack"):
        key = f"{HOSPITAL}/{path.relative_to(tmp_path / 'v')}"
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
        path.unlink()
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        contents(vault, 1, 2)
        assert b"".join(vault.large.open(stored.manifest)) == CONTENT


def test_a_backup_has_the_payloads_and_a_restore_puts_them_back(
    s3: S3Server, tmp_path: Path, master_key: Path
) -> None:
    bucket = s3.bucket()
    url = s3.url(bucket)
    with opened(tmp_path / "v", url) as vault:
        vault.deposit(items(1, 2))
        add(vault)
        vault.backup(tmp_path / "plain", tmp_path / "expiring")
        plan = vault.plan_erasure(PATIENT, [identifier(1)])
        vault.erasure.prepare(plan)
        marks = {mark: ("destroyed", None) for part in plan.parts for mark in part.marks}
        vault.erase(plan)
        vault.deposit(items(3))
    assert len(list((tmp_path / "plain" / "payloads").rglob("*.pack"))) == 2

    def again() -> None:
        restore(
            tmp_path / "plain",
            tmp_path / "expiring",
            tmp_path / "restored",
            marks,
            organisation=HOSPITAL,
            clock=lambda: NOW,
            payloads_url=url,
        )

    # The vault that was lost may not be: only a person can say so.
    assert refused(again) == "payload_store_of_other"
    s3.client().delete_object(Bucket=bucket, Key=f"{HOSPITAL}/owner")
    again()
    assert (tmp_path / "restored" / OWNER).exists()
    with opened(tmp_path / "restored", url) as vault:
        contents(vault, 2)
        assert sorted(vault.records_of(PATIENT)) == sorted([identifier(2), RECORD])
        manifest = vault.read_own([RECORD], READER, "treatment")[RECORD]
        assert b"".join(vault.large.open(manifest)) == CONTENT
        assert list(vault.integrity()) == []
    assert refused(lambda: opened(tmp_path / "v", url)) == "payload_store_of_other"


def test_a_listing_that_names_paths_outside_is_not_followed(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        vault.deposit(items(1))
        client = s3.client()
        for name in ("zz/strange.pack", "00/x.pack.bak", "00/../up.pack", "00/misplaced.pack"):
            client.put_object(Bucket=bucket, Key=f"{HOSPITAL}/payloads/packs/{name}", Body=b"x")
        vault.backup(tmp_path / "plain", tmp_path / "expiring")
    assert len(list((tmp_path / "plain").rglob("*.pack*"))) == 1
    with opened(tmp_path / "v", s3.url(bucket)) as vault:
        contents(vault, 1)


def test_many_small_and_few_large_payloads_are_found_again_without_the_index(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads are read through windows; a payload larger than one is stepped over."""
    monkeypatch.setattr("yilian.vault.payloads_s3.WINDOW", 1_000)
    bucket = Bucket(read_url(s3.url(s3.bucket()), Path()))
    draw = random.Random(3)
    sizes = [0, 1, 40, 959, 960, 961, 5_000, *(draw.randrange(3_000) for _ in range(60))]
    kept = [draw.randbytes(size) for size in sizes]
    first = S3Store(bucket, "p", tmp_path / "one")
    names = first.put_many(kept)
    first.close()
    second = S3Store(bucket, "p", tmp_path / "two")
    assert [second.get(name) for name in names] == kept
    second.delete_many(names[::2])
    assert list(second.addresses()) == sorted(set(names) - set(names[::2]))
    second.close()
    third = S3Store(bucket, "p", tmp_path / "three")
    assert list(third.addresses()) == sorted(set(names) - set(names[::2]))
    third.close()


def test_nothing_secret_is_logged_or_shown(
    s3: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), opened(tmp_path / "v", s3.url(s3.bucket())) as vault:
        vault.deposit(items(1))
        s3.stop()
        try:
            with pytest.raises(Refusal) as caught:
                vault.deposit(items(2))
        finally:
            s3.start()
        shown = repr(vault) + repr(vault._stores._bucket) + repr(caught.value.parameters)
    assert s3.secret not in caplog.text + shown
