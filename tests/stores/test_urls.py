"""URLs of stores: what is taken, what is refused, and that no secret may stand in them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.index import database
from yilian.ledger.errors import Refusal
from yilian.node.config import Configuration, ConfigurationError, NodeFolder
from yilian.vault import bucket
from yilian.vault.bucket import Location

SECRET = "hush-hush"
WHOLE = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"


def read(url: str) -> None:
    """Take a URL of either kind apart."""
    if url.startswith("s3"):
        bucket.read_url(url, Path("/srv"))
    else:
        database.read_url(url, "s", Path("/srv"))


def part_of(url: str) -> str:
    """Which part of a URL is refused."""
    with pytest.raises(Refusal) as caught:
        read(url)
    assert caught.value.code.name in ("index_url_refused", "payload_url_refused")
    assert SECRET not in str(caught.value.parameters) + str(caught.value)
    return str(caught.value.parameters["part"])


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://u:hush-hush@h/d", "password"),
        ("postgresql://u@h/d?password=hush-hush", "query"),
        ("postgresql://u@h", "database"),
        ("postgresql://u@h/d?sslmode=prefer", "sslmode"),
        ("postgresql://u@h/d?port=0", "port"),
        ("postgresql://u@h/d?port=99999", "port"),
        ("postgresql://u@h:x/d", "url"),
        ("postgresql+asyncpg://u@h/d", "scheme"),
        ("postgresql://u@h/d?schema=" + "x" * 64, "schema"),
        ('postgresql://u@h/d?schema=a"b', "schema"),
        ("postgresql://u@h/d?host=a&host=b", "host"),
        ("s3://key:hush-hush@bucket/p", "password"),
        ("s3://bucket/p?secret=hush-hush", "query"),
        ("s3://bucket/p?region=a&region=b", "query"),
        ("s3://b", "bucket"),
        ("s3://UPPER", "bucket"),
        ("s3://bucket/a/../b", "prefix"),
        ("s3://bucket/a b", "prefix"),
        ("s3://bucket?style=odd", "style"),
        ("s3://bucket?endpoint=ftp://h", "endpoint"),
        ("s3://bucket?endpoint=https://u:hush-hush@h", "endpoint"),
        ("s3://bucket#x", "scheme"),
    ],
)
def test_a_wrong_url_is_refused_by_part(url: str, part: str) -> None:
    assert part_of(url) == part


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for scheme in ("postgresql://", "s3://"):
        with contextlib.suppress(Refusal):
            read(scheme + text)


def test_a_database_url_is_taken_apart() -> None:
    found = database.read_url(
        "postgresql://reader@db.example/yilian?password_file=secret/pw&sslrootcert=ca.pem",
        "schema",
        Path("/srv/ward"),
    )
    assert found == database.Server(
        host="db.example",
        port=5432,
        database="yilian",
        user="reader",
        schema="schema",
        sslmode="verify-full",
        sslrootcert="/srv/ward/ca.pem",
        password_file=Path("/srv/ward/secret/pw"),
    )
    here = database.read_url("postgresql:///d?host=/run/postgresql&user=u", "s", Path())
    assert (here.host, here.user, here.sslmode) == ("/run/postgresql", "u", "disable")


def test_a_bucket_url_is_taken_apart() -> None:
    found = bucket.read_url(
        "s3://bucket/a/b/?endpoint=https://s3.example:9000&region=cn-north-1&style=path"
        "&credentials_file=s3.ini&profile=ward",
        Path("/srv"),
    )
    assert found == Location(
        bucket="bucket",
        prefix="a/b",
        endpoint="https://s3.example:9000",
        region="cn-north-1",
        style="path",
        credentials_file=Path("/srv/s3.ini"),
        profile="ward",
    )


def test_a_password_is_found_where_libpq_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    server = database.read_url("postgresql://u@h:1/d", "s", tmp_path)
    assert database.password(server) is None
    passwords = tmp_path / ".pgpass"
    passwords.write_text("# h:1:d:u:no\nh:2:d:u:no\nh:1:*:u:a\\:b\\\\c\n*:*:*:*:late\n")
    passwords.chmod(0o600)
    assert database.password(server) == "a:b\\c"
    assert database.password(server._replace(user="x")) == "late"
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    assert database.password(server) == "from the environment"
    named = tmp_path / "pw"
    named.write_text(SECRET + "\n")
    named.chmod(0o600)
    assert database.password(server._replace(password_file=named)) == SECRET
    named.chmod(0o640)
    for path in (named, tmp_path / "absent"):
        with pytest.raises(Refusal) as caught:
            database.password(server._replace(password_file=path))
        assert caught.value.code.name == "index_password_refused"


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (WHOLE, 0o644, "readable_by_others"),
        ("[default]\naws_access_key_id = a\n", 0o600, "incomplete"),
        ("[other]\naws_access_key_id = a\naws_secret_access_key = b\n", 0o600, "incomplete"),
        ("no section", 0o600, "incomplete"),
        (None, 0o600, "unreadable"),
    ],
)  # fmt: skip
def test_a_credentials_file_must_be_whole_and_ones_own(
    tmp_path: Path, text: str | None, mode: int, reason: str
) -> None:
    path = tmp_path / "s3.ini"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(Refusal) as caught:
        bucket.credentials(bucket.read_url("s3://bucket?credentials_file=s3.ini", tmp_path))
    assert caught.value.parameters == {"reason": reason}


def test_credentials_of_a_profile_are_read_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "s3.ini"
    path.write_text(
        "[ward]\naws_access_key_id = a\naws_secret_access_key = %(b)s/+=\naws_session_token = t\n"
    )
    path.chmod(0o600)
    location = bucket.read_url("s3://bucket?credentials_file=s3.ini&profile=ward", tmp_path)
    assert bucket.credentials(location) == {
        "aws_access_key_id": "a",
        "aws_secret_access_key": "%(b)s/+=",
        "aws_session_token": "t",
    }


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("index", "postgresql://u:hush-hush@h/d"),
        ("content", "postgresql://u:hush-hush@h/d"),
        ("payloads", "s3://key:hush-hush@bucket"),
        ("payloads", "s3://key@bucket"),
        ("index", "mysql://u@h/hush-hush"),
        ("payloads", "https://hush-hush"),
    ],
)
def test_a_node_is_not_configured_with_such_a_url(tmp_path: Path, name: str, url: str) -> None:
    folder = NodeFolder(tmp_path)
    told = Configuration(chain="test", organisations=[])
    folder.write_configuration(msgspec.structs.replace(told, **{name: url}))
    with pytest.raises(ConfigurationError) as caught:
        folder.configuration()
    assert name in str(caught.value)
    assert SECRET not in str(caught.value)
