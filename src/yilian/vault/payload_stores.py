"""Where a vault's payloads stand: in its own folder, or in S3 by URL; opened and copied here.

A vault has two stores (`PARTS`). It must never be opened on others than those it wrote to: records
would look lost, and `sweep` would take another vault's slices for rubbish. So a vault on S3 keeps
an id in `payloads.owner` and in the bucket, and neither place is opened where the other was used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from yilian.vault import durable
from yilian.vault.bucket import Bucket, read_url
from yilian.vault.envelope import new_id
from yilian.vault.payload_errors import ELSEWHERE, OF_OTHER
from yilian.vault.payloads import FolderStore, PackStore, place
from yilian.vault.payloads_s3 import S3Store, packs

PARTS = ("payloads", "large")
OWNER = "payloads.owner"
_PACKS = "packs/??/*.pack"


class PayloadStores:
    """The payload stores of one vault, in its folder or in a bucket."""

    def __init__(
        self, folder: Path, organisation: str, url: str | None = None, base: Path = Path()
    ) -> None:
        """`url`: see `bucket.py`; relative paths in it begin at `base`.

        Refuses `payload_url_refused`, `payload_credentials_refused`.
        """
        self._folder = folder
        self._owner = folder / OWNER
        self._bucket: Bucket | None = None
        self._prefix = organisation
        if url is not None:
            location = read_url(url, base)
            self._bucket = Bucket(location)
            self._prefix = "/".join(filter(None, (location.prefix, organisation)))

    @property
    def remote(self) -> bool:
        """Tell whether the payloads are in a bucket."""
        return self._bucket is not None

    def close(self) -> None:
        """Close all connections."""
        if self._bucket is not None:
            self._bucket.close()

    def claim(self) -> None:
        """Make sure that this is where the vault's payloads are; before any store is opened.

        Refuses `payloads_elsewhere` where the vault used the other kind of store,
        `payload_store_of_other` where another vault's payloads are, a bucket that keeps what is
        removed (`Bucket.require_erasable`), and as a bucket does.
        """
        if self._bucket is None:
            if self._owner.exists():
                raise ELSEWHERE(store="s3")
            return
        if any(self._local(part) for part in PARTS):
            raise ELSEWHERE(store="folder")
        self._bucket.require_erasable()
        self._own(self._bucket)

    def open(self, part: str) -> PackStore:
        """Open one of the stores (`PARTS`); refuses as a bucket does."""
        if self._bucket is None:
            return FolderStore(self._folder / part)
        return S3Store(self._bucket, f"{self._prefix}/{part}", self._folder / part)

    def copy_out(self, target: Path) -> None:
        """Copy all packs below a folder, as a vault in a folder has them; durable on return."""
        if self._bucket is None:
            raise TypeError("a folder is copied as it is")
        for part in PARTS:
            for each in packs(self._bucket, f"{self._prefix}/{part}/packs/"):
                found = self._bucket.get(each.key)
                if found is not None:
                    path = target / part / "packs" / place(each.pack)
                    durable.make_folder(path.parent)
                    durable.replace({path: found[0]})

    def bring_back(self, source: Path) -> None:
        """Make the bucket hold the packs below a folder and no others; again is fine.

        The bucket must be free of another vault, as for `claim`. Refuses as that does.
        """
        if self._bucket is None:
            raise TypeError("a folder is copied as it is")
        bucket = self._bucket
        bucket.require_erasable()
        self._own(bucket)
        for part in PARTS:
            prefix = f"{self._prefix}/{part}/packs/"
            there = {each.pack: each for each in packs(bucket, prefix)}
            wanted = {path.stem: path for path in (source / part).glob(_PACKS)}
            for name in sorted(there.keys() - wanted.keys()):
                bucket.delete(there[name].key)
            for name, path in sorted(wanted.items()):
                data = path.read_bytes()
                digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
                if name not in there or there[name].tag != digest:
                    bucket.put(prefix + place(name), [data])

    def _local(self, part: str) -> bool:
        return any(True for _ in (self._folder / part).glob(_PACKS))

    def _own(self, bucket: Bucket) -> None:
        """Put this vault's id in the bucket, or find it there; refuses `payload_store_of_other`."""
        key = f"{self._prefix}/owner"
        found = bucket.get(key)
        if self._owner.exists():
            name = self._owner.read_text("ascii").strip()
        elif found is not None:
            raise OF_OTHER()
        else:
            name = new_id()
            durable.make_folder(self._folder)
            durable.replace({self._owner: name.encode() + b"\n"})
        if found is None:
            bucket.put(key, [name.encode()], absent=True)
            found = bucket.get(key)
        if found is None:
            bucket.put(key, [name.encode()])
        elif found[0] != name.encode():
            raise OF_OTHER()
