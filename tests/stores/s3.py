"""An S3 server of our own for tests: versitygw (Apache-2.0) over a scratch folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.stores.postgresql import free_port

MISSING = "the S3 server of the tests is not installed: tools/services.sh brings it"
SERVER = Path(__file__).resolve().parents[2] / ".venv" / "services" / "versitygw"


def binary() -> str:
    """Find the server's program, or skip with the command that brings it."""
    pytest.importorskip("botocore", reason='the client is missing: pip install -e ".[s3]"')
    found = str(SERVER) if SERVER.exists() else shutil.which("versitygw")
    if found is None:
        pytest.skip(MISSING)
    return found


class S3Server:
    """One server with one account. What it stores are files, so that tests can look at them."""

    def __init__(self, folder: Path) -> None:
        self._program = binary()
        self.folder = folder
        self.port = free_port()
        self.key, self.secret = "yilian-test", secrets.token_hex(12)
        self.credentials = folder / "credentials"
        self.credentials.touch(mode=0o600)
        self.credentials.write_text(
            f"[default]\naws_access_key_id = {self.key}\naws_secret_access_key = {self.secret}\n"
        )
        for name in ("buckets", "versions"):
            (folder / name).mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            *(self._program, "--port", f"127.0.0.1:{self.port}", "--quiet", "posix"),
            *("--versioning-dir", str(self.folder / "versions"), str(self.folder / "buckets")),
        ]
        secret = {"ROOT_ACCESS_KEY": self.key, "ROOT_SECRET_KEY": self.secret}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **secret}, stdout=log, stderr=log
            )
        for _ in range(200):
            try:
                urllib.request.urlopen(self.endpoint, timeout=5).close()
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text()[-500:])

    def stop(self) -> None:
        """Kill it, as an outage does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        """A client of its own for tests, beside the one that is tested."""
        import botocore.session

        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def bucket(self, **more: Any) -> str:
        """Make a bucket; gives its name."""
        name = "b" + secrets.token_hex(6)
        self.client().create_bucket(Bucket=name, **more)
        return name

    def url(self, bucket: str, prefix: str = "", endpoint: str | None = None) -> str:
        """Give the URL of a bucket; the credentials stand in their file."""
        return (
            f"s3://{bucket}/{prefix}?endpoint={endpoint or self.endpoint}&style=path"
            f"&credentials_file={self.credentials}"
        )

    def objects(self, bucket: str) -> dict[str, Path]:
        """List the files of a bucket's objects by key."""
        root = self.folder / "buckets" / bucket
        found = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path for path in sorted(found)}

    def __enter__(self) -> S3Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@contextmanager
def running() -> Iterator[S3Server]:
    """Run a server in a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="yilian-s3-") as folder, S3Server(Path(folder)) as made:
        yield made


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A server for all tests of a run."""
    with running() as server:
        yield server


BACKENDS = ("folder", pytest.param("s3", marks=pytest.mark.xdist_group("s3")))
"""What the tests of payloads run against."""
