"""Where a payload store's packs stand in tests: in a folder, or in a bucket of a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.s3 import BACKENDS, S3Server, s3
from yilian.vault.bucket import Bucket, read_url
from yilian.vault.payloads import FolderStore, PackStore
from yilian.vault.payloads_s3 import S3Store

__all__ = ["Place", "place", "s3"]


class Place:
    """Opens stores by name, and shows the files that hold their packs."""

    def __init__(self, folder: Path, server: S3Server | None) -> None:
        self.folder = folder
        self.server = server
        self.bucket = server.bucket() if server is not None else ""

    def open(self, name: str = "p") -> PackStore:
        """Open a store, or open it again."""
        if self.server is None:
            return FolderStore(self.folder / name)
        bucket = Bucket(read_url(self.server.url(self.bucket), Path()))
        return S3Store(bucket, name, self.folder / name)

    def packs(self, name: str = "p") -> list[Path]:
        """List the files of a store's packs; both kinds keep a pack in one file."""
        return sorted((self.root(name) / "packs").glob("*/*.pack"))

    def root(self, name: str = "p") -> Path:
        """Give the folder below which the packs stand."""
        if self.server is None:
            return self.folder / name
        return self.server.folder / "buckets" / self.bucket / name


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Both kinds of store."""
    server = request.getfixturevalue("s3") if request.param == "s3" else None
    return Place(tmp_path, server)
