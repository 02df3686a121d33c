from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.vault.builders import CLINIC, HOSPITAL, open_vault
from yilian.vault.keystore import MASTER_KEY_VARIABLE, write_master_key
from yilian.vault.vault import Vault


@pytest.fixture(autouse=True)
def master_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("outside") / "master.key"
    write_master_key(path)
    monkeypatch.setenv(MASTER_KEY_VARIABLE, str(path))
    return path


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Vault]:
    with open_vault(tmp_path, HOSPITAL) as vault:
        yield vault


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Vault]:
    with open_vault(tmp_path, CLINIC) as vault:
        yield vault
