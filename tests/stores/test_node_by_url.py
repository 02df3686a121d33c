"""A whole node whose indexes are in PostgreSQL and whose payloads are in S3."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.rows.served import FOUNDERS
from tests.stores.postgresql import PostgreSQL
from tests.stores.s3 import S3Server
from yilian.bootstrap import Node, make_node
from yilian.gateway.fhir import sample
from yilian.gateway.index import tables
from yilian.gateway.practice import backups
from yilian.ledger.errors import Refusal
from yilian.node.config import NodeFolder
from yilian.node.rollback import rollback
from yilian.node.store import Store
from yilian.vault.keystore import MASTER_KEY_VARIABLE

pytestmark = pytest.mark.xdist_group("stores")


@pytest.fixture
def folder(
    tmp_path: Path, postgresql: PostgreSQL, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> NodeFolder:
    """A node's folder; the secrets stand in files below it."""
    monkeypatch.delenv(MASTER_KEY_VARIABLE)
    made = NodeFolder(tmp_path / "node")
    told = make_node(made.path, "small", FOUNDERS[:1])
    for name, text in (
        ("db.password", postgresql.password + "\n"),
        ("s3.credentials", s3.credentials.read_text()),
    ):
        (made.path / name).touch(mode=0o600)
        (made.path / name).write_text(text)
    scope = tmp_path.name.replace("-", "_")[-20:]
    database = f"postgresql://yilian@127.0.0.1:{postgresql.port}/postgres?password_file=db.password"
    bucket = f"s3://{s3.bucket()}/v?endpoint={s3.endpoint}&credentials_file=s3.credentials"
    made.write_configuration(
        msgspec.structs.replace(
            told,
            index=f"{database}&schema=i_{scope}",
            content=f"{database}&schema=c_{scope}",
            payloads=bucket,
        )
    )
    return made


def test_it_does_what_a_node_in_a_folder_does(folder: NodeFolder, tmp_path: Path) -> None:
    (bundle,) = sample.bundles(1, 1)
    name = folder.configuration().organisations[0].id
    with Node(folder) as node:
        here = node.organisations[name]
        loaded = here.load(bundle)
        assert node.index is not None
        assert node.index.wait(loaded.outcome.height, 10)
        assert node.index.read.records(tables.BATCHES, {}, None, 9)[0]["id"] == loaded.batch
        assert len(here.content.index.find(loaded.person)) == loaded.size
        assert list(here.vault.integrity()) == []
    assert not folder.index.exists()
    assert not list(folder.path.rglob("*.pack"))
    backups.back_up(folder, tmp_path / "to", tmp_path / "keys", 30)
    assert list((tmp_path / "to" / name).rglob("*.pack"))
    store = Store(folder.chain)
    height = loaded.outcome.height
    while rollback(store).height >= height:
        pass
    store.close()
    with pytest.raises(Refusal) as caught:
        Node(folder)
    assert caught.value.code.name == "index_differs"
    folder.drop_index()
    with Node(folder) as node:
        here = node.organisations[name]
        here.anchor_all()
        assert node.index is not None
        assert node.index.wait(node.engine.height, 10)
        assert node.index.read.records(tables.BATCHES, {}, None, 9)[0]["id"] == loaded.batch
        assert len(here.content.index.find(loaded.person)) == loaded.size
    assert not folder.stale_index.exists()


def test_it_says_which_server_is_away(
    folder: NodeFolder, postgresql: PostgreSQL, s3: S3Server
) -> None:
    s3.stop()
    try:
        with pytest.raises(Refusal) as caught:
            Node(folder)
        assert caught.value.code.name == "payload_store_unavailable"
    finally:
        s3.start()
    postgresql.stop()
    try:
        with pytest.raises(Refusal) as caught:
            Node(folder)
        assert caught.value.code.name == "index_unavailable"
    finally:
        postgresql.start()
    with Node(folder) as node:
        assert node.index is not None
        assert node.index.wait(node.engine.height, 10)
