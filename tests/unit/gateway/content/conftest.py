from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.gateway.content.builders import HOSPITALS
from yilian.gateway.content.index import ContentIndex
from yilian.gateway.content.keys import ContentKeys
from yilian.vault.database import Database
from yilian.vault.keystore import Keystore, write_master_key


class Desk(NamedTuple):
    """An organisation's database, key store, content keys and index in one folder."""

    folder: Path
    database: Database
    keystore: Keystore
    keys: ContentKeys
    index: ContentIndex

    def again(self) -> ContentIndex:
        """Open the index anew, as after a restart."""
        return ContentIndex(self.database, ContentKeys(self.folder / "content", self.keystore))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    write_master_key(tmp_path / "outside" / "master.key")
    folder = tmp_path / "vault"
    folder.mkdir()
    keystore = Keystore.open(folder / "keys", HOSPITALS[0], tmp_path / "outside" / "master.key")
    database = Database(folder / "catalogue.sqlite", HOSPITALS[0])
    keys = ContentKeys(folder / "content", keystore)
    yield Desk(folder, database, keystore, keys, ContentIndex(database, keys))
    database.close()
