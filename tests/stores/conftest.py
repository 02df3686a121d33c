from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.postgresql import postgresql
from tests.stores.s3 import s3
from yilian.vault.keystore import MASTER_KEY_VARIABLE, write_master_key

__all__ = ["postgresql", "s3"]


@pytest.fixture(autouse=True)
def master_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("outside") / "master.key"
    write_master_key(path)
    monkeypatch.setenv(MASTER_KEY_VARIABLE, str(path))
    return path
