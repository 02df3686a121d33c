from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stores.postgresql import BACKENDS, PostgreSQL, postgresql
from tests.unit.gateway.content.builders import HOSPITALS
from yilian.gateway.content.database import PostgreSQL as ContentTables
from yilian.gateway.content.database import Tables
from yilian.gateway.content.index import ContentIndex
from yilian.gateway.content.keys import ContentKeys
from yilian.vault.database import Database
from yilian.vault.keystore import Keystore, write_master_key

__all__ = ["desk", "postgresql"]


class Desk(NamedTuple):
    """An organisation's database, key store, content keys and index in one folder."""

    folder: Path
    database: Tables
    keystore: Keystore
    keys: ContentKeys
    index: ContentIndex

    def again(self) -> ContentIndex:
        """Open the index anew, as after a restart."""
        return ContentIndex(self.database, ContentKeys(self.folder / "content", self.keystore))


@pytest.fixture(params=BACKENDS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """The index in the vault's own database, and in a real PostgreSQL."""
    write_master_key(tmp_path / "outside" / "master.key")
    folder = tmp_path / "vault"
    folder.mkdir()
    keystore = Keystore.open(folder / "keys", HOSPITALS[0], tmp_path / "outside" / "master.key")
    database: Database | ContentTables
    if request.param == "sqlite":
        database = Database(folder / "catalogue.sqlite", HOSPITALS[0])
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        scope = sha256(str(tmp_path).encode()).hexdigest()[:12]
        database = ContentTables(server.url(f"desk_{scope}"), HOSPITALS[0])
    keys = ContentKeys(folder / "content", keystore)
    yield Desk(folder, database, keystore, keys, ContentIndex(database, keys))
    database.close()
