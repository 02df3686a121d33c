"""An S3 bucket as this project uses it: few verbs, and every answer is an outcome or a refusal.

    s3://bucket/prefix?endpoint=https://s3.example&region=eu-central-1

Without `endpoint` it is Amazon's own. `style=path` or `style=virtual` says where the bucket's name
stands in addresses. Credentials are looked up where Amazon's tools look (environment, shared file,
role of the machine), or stand in `credentials_file`, an INI file of mode 0600 in the form of
`~/.aws/credentials`, under `profile`. They are never in the URL.

Verbs are those of the Amazon S3 API reference (2006-03-01). What is sent carries `Content-MD5`, so
that a server which received something else refuses it; what comes back is checked by its readers.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from yilian.vault.payload_errors import (
    BUCKET_MISSING,
    CREDENTIALS_REFUSED,
    KEEPS_VERSIONS,
    LOCKS_OBJECTS,
    STORE_REFUSED,
    STORE_UNAVAILABLE,
    URL_REFUSED,
)

CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 3
CONNECTIONS = 24
_PARAMETERS = {"endpoint", "region", "style", "credentials_file", "profile"}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*")
_PASSING = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "Throttling"}
_ABSENT = {"NoSuchKey", "404", "NotFound"}
_UNKNOWN_HERE = {
    "NotImplemented",
    "MethodNotAllowed",
    "ObjectLockConfigurationNotFoundError",
    "NoSuchObjectLockConfiguration",
    "VersioningNotConfigured",
}


class Location(NamedTuple):
    """Where a bucket is and how it is spoken to; credentials stand elsewhere."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str
    style: str
    credentials_file: Path | None
    profile: str


def read_url(url: str, base: Path) -> Location:
    """Take an `s3:` URL apart; relative paths in it begin at `base`.

    Refuses `payload_url_refused`, naming the part.
    """
    try:
        parsed = urlsplit(url)
        names = parse_qsl(parsed.query, strict_parsing=True) if parsed.query else []
    except ValueError:
        raise URL_REFUSED(part="url") from None
    asked = dict(names)
    if parsed.scheme != "s3" or parsed.fragment:
        raise URL_REFUSED(part="scheme")
    if "@" in parsed.netloc:
        raise URL_REFUSED(part="password")
    if len(asked) != len(names) or not asked.keys() <= _PARAMETERS or not all(asked.values()):
        raise URL_REFUSED(part="query")
    if not _BUCKET.fullmatch(parsed.netloc):
        raise URL_REFUSED(part="bucket")
    prefix = unquote(parsed.path).strip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise URL_REFUSED(part="prefix")
    style = asked.get("style", "auto")
    if style not in ("auto", "path", "virtual"):
        raise URL_REFUSED(part="style")
    endpoint = asked.get("endpoint")
    if endpoint is not None and not _is_endpoint(endpoint):
        raise URL_REFUSED(part="endpoint")
    file = asked.get("credentials_file")
    return Location(
        bucket=parsed.netloc,
        prefix=prefix,
        endpoint=endpoint,
        region=asked.get("region", "us-east-1"),
        style=style,
        credentials_file=None if file is None else base / file,
        profile=asked.get("profile", "default"),
    )


def _is_endpoint(text: str) -> bool:
    try:
        parsed = urlsplit(text)
        return (
            parsed.scheme in ("http", "https")
            and parsed.hostname is not None
            and "@" not in parsed.netloc
            and not parsed.query
            and (parsed.port is None or parsed.port > 0)
        )
    except ValueError:
        return False


def credentials(location: Location) -> Mapping[str, str]:
    """Read the credentials that a file holds; none where the standard places are to be asked.

    Refuses `payload_credentials_refused` for a file that is absent, that others may read, or that
    lacks them.
    """
    path = location.credentials_file
    if path is None:
        return {}
    try:
        if path.stat().st_mode & 0o077:
            raise CREDENTIALS_REFUSED(reason="readable_by_others")
        # A value may hold any character: nothing in it is taken for a reference.
        parser = configparser.RawConfigParser()
        parser.read_string(path.read_text("utf-8"))
        section = parser[location.profile]
        given = {
            "aws_access_key_id": section["aws_access_key_id"],
            "aws_secret_access_key": section["aws_secret_access_key"],
        }
    except (OSError, UnicodeDecodeError):
        raise CREDENTIALS_REFUSED(reason="unreadable") from None
    except (configparser.Error, KeyError):
        raise CREDENTIALS_REFUSED(reason="incomplete") from None
    if "aws_session_token" in section:
        given["aws_session_token"] = section["aws_session_token"]
    return given


class Bucket:
    """One bucket. Safe for threads."""

    def __init__(self, location: Location) -> None:
        """Nothing is asked yet. Refuses as `credentials`, and where the client is not installed."""
        try:
            import botocore.config
            import botocore.exceptions
            import botocore.handlers
            import botocore.session
        except ModuleNotFoundError:
            raise URL_REFUSED(part="client") from None
        self._errors = botocore.exceptions
        self.name = location.bucket
        given = credentials(location)
        with self._answered():
            self._client: Any = botocore.session.Session().create_client(
                "s3",
                region_name=location.region,
                endpoint_url=location.endpoint,
                config=botocore.config.Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    max_pool_connections=CONNECTIONS,
                    s3={"addressing_style": location.style},
                    # Trailing checksums are Amazon's own; servers of others know Content-MD5.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
                **given,
            )
        # A line that breaks inside of a "100 Continue" would keep the client reading for ever.
        self._client.meta.events.unregister("before-call.s3", botocore.handlers.add_expect_header)

    def __repr__(self) -> str:
        return f"<Bucket {self.name}>"

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def require_erasable(self) -> None:
        """Refuse a bucket that keeps what is deleted or replaced.

        Refuses `payload_bucket_keeps_versions` where versioning is on or was once (older versions
        stay then), `payload_bucket_locks_objects`, and as every verb does.
        """
        with self._answered(*_UNKNOWN_HERE):
            versioning = self._client.get_bucket_versioning(Bucket=self.name)
            if versioning.get("Status"):
                raise KEEPS_VERSIONS()
        with self._answered(*_UNKNOWN_HERE):
            found = self._client.get_object_lock_configuration(Bucket=self.name)
            if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled":
                raise LOCKS_OBJECTS()

    def put(self, key: str, pieces: Sequence[bytes], *, absent: bool = False) -> None:
        """Store an object, whole and durable on return, or not at all.

        `absent`: nothing is stored where there is one already, nor by a server that does not know
        this condition.
        """
        digest = hashlib.md5(usedforsecurity=False)
        for piece in pieces:
            digest.update(piece)
        more = {"IfNoneMatch": "*"} if absent else {}
        fine = ("PreconditionFailed", "412", "NotImplemented") if absent else ()
        with self._answered(*fine):
            answer = self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=_Joined(pieces),
                ContentLength=sum(map(len, pieces)),
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                **more,
            )
            if not answer.get("ETag"):
                # The end of the answer is missing, and who knows what else.
                raise STORE_UNAVAILABLE()

    def get(self, key: str, start: int = 0, length: int | None = None) -> tuple[bytes, int] | None:
        """Read a part of an object: its bytes, as many as there are, and the whole one's size.

        None where there is no such object, or nothing in it from `start` on.
        """
        more = {} if length is None else {"Range": f"bytes={start}-{start + length - 1}"}
        answer: dict[str, Any] = {}
        with self._answered(*_ABSENT, "InvalidRange", "416"):
            answer = self._client.get_object(Bucket=self.name, Key=key, **more)
        if not answer:
            return None
        with self._answered(), answer["Body"] as body:
            # Never more than was asked for, whatever the server sends.
            data = body.read() if length is None else body.read(length)
        told = str(answer.get("ContentRange", "")).rpartition("/")[2]
        return data, int(told) if told.isdigit() else len(data)

    def delete(self, key: str) -> None:
        """Remove an object durably; an absent one is fine."""
        with self._answered(*_ABSENT):
            self._client.delete_object(Bucket=self.name, Key=key)

    def list(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        """List the objects whose keys begin with `prefix`: key, size, entity tag."""
        token: dict[str, str] = {}
        while True:
            with self._answered():
                page = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, **token)
            for each in page.get("Contents", ()):
                yield str(each["Key"]), int(each["Size"]), str(each.get("ETag", "")).strip('"')
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    @contextmanager
    def _answered(self, *fine: str) -> Iterator[None]:
        """Turn what goes wrong into a refusal; the error codes in `fine` are answers."""
        errors = self._errors
        try:
            yield
        except errors.ClientError as error:
            answer = error.response
            told = str(answer.get("Error", {}).get("Code", ""))
            status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if told in fine:
                return
            if told == "NoSuchBucket":
                raise BUCKET_MISSING() from None
            if status >= 500 or status == 429 or told in _PASSING:
                raise STORE_UNAVAILABLE() from None
            # A server's text may hold anything; its code is one short word.
            raise STORE_REFUSED(reason=re.sub(r"[^A-Za-z0-9]", "", told)[:64]) from None
        except (errors.NoCredentialsError, errors.PartialCredentialsError):
            raise STORE_REFUSED(reason="NoCredentials") from None
        except (errors.ParamValidationError, errors.InvalidRegionError):
            raise STORE_REFUSED(reason="NotSent") from None
        except (errors.BotoCoreError, OSError) as error:
            raise STORE_UNAVAILABLE() from error


class _Joined(io.RawIOBase):
    """Reads pieces one after the other, again if need be: what is sent is never copied whole."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._size = sum(map(len, pieces))
        self._piece = self._within = self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = left = max(0, min(self._size, origin + offset))
        self._piece = 0
        while self._piece < len(self._pieces) and left >= len(self._pieces[self._piece]):
            left -= len(self._pieces[self._piece])
            self._piece += 1
        self._within = left
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        done = 0
        while done < len(view) and self._piece < len(self._pieces):
            piece = self._pieces[self._piece]
            some = min(len(view) - done, len(piece) - self._within)
            view[done : done + some] = memoryview(piece)[self._within : self._within + some]
            done, self._within = done + some, self._within + some
            if self._within == len(piece):
                self._piece, self._within = self._piece + 1, 0
        self._at += done
        return done
