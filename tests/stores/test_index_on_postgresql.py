"""Indexes on a real PostgreSQL: outages, crashes, several gateways, odd values."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.chain import VALIDATOR_SEED, Cast, Chain, engine
from tests.stores.postgresql import PostgreSQL
from tests.unit.gateway.content.builders import PATIENT, contents, generated, identifier
from tests.unit.gateway.content.instance import Instance
from tests.unit.gateway.content.test_stores import OTHER, erase, found, item
from tests.unit.gateway.index.test_chain_index import dump, settle, story
from yilian.gateway.content.database import PostgreSQL as ContentTables
from yilian.gateway.content.index import ContentIndex
from yilian.gateway.content.stores import ContentStores
from yilian.gateway.index import Advance, ChainIndex, IndexMismatch, tables
from yilian.ledger.errors import Refusal
from yilian.node.embedded import Embedded

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Embedded, Cast]]:
    made, cast = engine(tmp_path / "chain")
    yield made, cast
    made.close()


@pytest.fixture
def where(request: pytest.FixtureRequest, postgresql: PostgreSQL) -> str:
    """A schema of its own for each test."""
    return postgresql.url("t_" + sha256(request.node.nodeid.encode()).hexdigest()[:12])


def refused(doing: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        doing()
    return caught.value.code.name


def as_a_file(tmp_path: Path, chain: Embedded) -> dict[str, Any]:
    """What the same chain gives in a SQLite file."""
    url = f"sqlite:///{tmp_path / 'same.db'}"
    with ChainIndex(url, chain) as index:
        settle(chain, index)
    return dump(url)


def test_it_is_row_by_row_what_the_file_is(
    tmp_path: Path, where: str, running: tuple[Embedded, Cast]
) -> None:
    chain, cast = running
    with ChainIndex(where, chain) as index:
        story(chain, cast)
        settle(chain, index)
        assert dump(where) == as_a_file(tmp_path, chain)
        index.rebuild()
    assert dump(where) == as_a_file(tmp_path, chain)


def test_the_chain_goes_on_without_the_server_and_the_index_catches_up(
    tmp_path: Path, where: str, postgresql: PostgreSQL, running: tuple[Embedded, Cast]
) -> None:
    chain, cast = running
    with ChainIndex(where, chain) as index:
        assert index.wait(chain.height, 10)
        postgresql.stop("immediate")
        try:
            story(chain, cast)
            assert refused(index.read.newest) == "index_unavailable"
            assert not index.wait(chain.height, 0.5)
            assert index.fault is not None
            assert refused(lambda: ChainIndex(where, chain)) == "index_unavailable"
        finally:
            postgresql.start()
        assert index.wait(chain.height, 30)
        settle(chain, index)
        assert len(index.read.records(tables.GRANTS, {}, None, 200)) == 20
    assert dump(where) == as_a_file(tmp_path, chain)


def test_a_crash_of_the_server_loses_no_row_for_good(
    tmp_path: Path, where: str, postgresql: PostgreSQL, running: tuple[Embedded, Cast]
) -> None:
    """Commits do not wait for its disk: what a crash takes is read from the chain again."""
    chain, cast = running
    with ChainIndex(where, chain) as index:
        for number in range(3):
            body = Chain.enrol_person(f"crashed {number}", None)
            outcome = chain.submit(cast.sign(cast.hospital, body)).result()
            assert index.wait(outcome.height, 10)
            postgresql.stop("immediate")
            postgresql.start()
        outcome = chain.submit(cast.sign(cast.hospital, Chain.enrol_person("last", None))).result()
        assert index.wait(outcome.height, 30)
        settle(chain, index)
        assert dump(where) == as_a_file(tmp_path, chain)


def test_several_gateways_of_a_member_fill_one_index(
    tmp_path: Path, where: str, running: tuple[Embedded, Cast]
) -> None:
    """Every block is written once, each gateway sees all of them, and any of them may stop."""
    chain, cast = running
    told: list[list[Advance]] = [[], [], []]
    opened = [ChainIndex(where, chain, shared=True) for _ in told]
    for index, moves in zip(opened, told, strict=True):
        index.listen(moves.append)
    start = chain.height
    story(chain, cast)
    opened[0].close()
    outcome = chain.submit(cast.sign(cast.hospital, Chain.enrol_person("more", None))).result()
    for index in opened[1:]:
        assert index.wait(outcome.height, 20)
        settle(chain, index)
        assert index.fault is None
    assert dump(where) == as_a_file(tmp_path, chain)
    for moves in told[1:]:
        assert sum(sum(each.codes.values()) for each in moves) == 56
        assert [each.height for each in moves] == sorted({each.height for each in moves})
        assert moves[0].height > start or len(moves) > 1
    for index in opened[1:]:
        index.close()


def test_a_gateway_may_find_the_index_ahead_of_its_own_node(
    tmp_path: Path, where: str, running: tuple[Embedded, Cast]
) -> None:
    """Where several share it: what is there is that history, or the gateway does not start."""
    chain, cast = running
    body = Chain.enrol_person("early", None)
    chain.submit(cast.sign(cast.hospital, body)).result()
    # Quiet, so that a copy does not begin with a block of its own.
    as_a_file(tmp_path, chain)
    chain.close()
    shutil.copytree(tmp_path / "chain", tmp_path / "late")
    shutil.copytree(tmp_path / "chain", tmp_path / "fork")
    with Embedded(tmp_path / "chain", VALIDATOR_SEED) as ahead:
        cast.clock = ahead.now
        with ChainIndex(where, ahead, shared=True) as index:
            story(ahead, cast)
            settle(ahead, index)
        before = dump(where)
        height = ahead.height
    with Embedded(tmp_path / "late", VALIDATOR_SEED) as late:
        with ChainIndex(where, late, shared=True) as index:
            assert index.height == late.height < height
            assert len(index.read.records(tables.GRANTS, {}, None, 200)) == 20
        with pytest.raises(IndexMismatch, match="the index is at height"):
            ChainIndex(where, late)
        assert dump(where) == before
    with Embedded(tmp_path / "fork", VALIDATOR_SEED) as fork:
        cast.clock = fork.now
        with ChainIndex(where, fork, shared=True) as index:
            # Another history of the same chain: it goes on by itself, and is then found out.
            outcome = fork.submit(cast.sign(cast.hospital, Chain.enrol_person("x", None))).result()
            assert not index.wait(outcome.height, 1.0)
            assert isinstance(index.fault, IndexMismatch)
        with pytest.raises(IndexMismatch, match="another block"):
            ChainIndex(where, fork, shared=True)
    assert dump(where) == before


def test_who_does_not_share_notices_another_writer(
    where: str, running: tuple[Embedded, Cast]
) -> None:
    chain, cast = running
    with ChainIndex(where, chain) as one, ChainIndex(where, chain) as two:
        for number in range(20):
            body = Chain.enrol_person(f"person {number}", None)
            outcome = chain.submit(cast.sign(cast.hospital, body)).result()
            if not (one.wait(outcome.height, 2) and two.wait(outcome.height, 2)):
                break
        faults = [each.fault for each in (one, two) if each.fault is not None]
        assert [type(each) for each in faults] == [IndexMismatch]
        assert "another program" in str(faults[0])


def test_what_a_database_may_not_hold_is_no_row(where: str, running: tuple[Embedded, Cast]) -> None:
    chain, cast = running
    story(chain, cast)
    with ChainIndex(where, chain) as index:
        assert index.wait(chain.height, 10)
        for value in ("\0", "a\0b", "' OR 1=1", "%s", "医"):
            assert index.read.records(tables.GRANTS, {"person": value}, None, 9) == []


def test_it_is_reached_by_its_socket_and_refuses_a_wrong_password(
    tmp_path: Path, postgresql: PostgreSQL, running: tuple[Embedded, Cast],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    chain, _ = running
    with ChainIndex(postgresql.url("by_socket", socket=True), chain) as index:
        assert index.wait(chain.height, 10)
        assert postgresql.password not in repr(index._sql) + repr(index._server)
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    wrong.chmod(0o600)
    url = postgresql.url("by_socket").replace(str(postgresql.password_file), str(wrong))
    with caplog.at_level(logging.DEBUG):
        assert refused(lambda: ChainIndex(url, chain)) == "index_unavailable"
        short = url.replace(str(wrong), "password")
        assert refused(lambda: ChainIndex(short, chain)) == "index_password_refused"
        with ChainIndex(short, chain, folder=postgresql.folder) as index:
            assert index.wait(chain.height, 10)
    assert "not the password" not in caplog.text
    assert postgresql.password not in caplog.text


# -- what records say ------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Instance]:
    with Instance(tmp_path / "home") as made:
        yield made


def test_content_is_found_and_sealed_and_goes_with_the_records(
    home: Instance, where: str, postgresql: PostgreSQL
) -> None:
    items = [item(0), item(1), item(2), item(3, OTHER)]
    home.vault.deposit(items)
    stores = ContentStores(home.vault, url=where)
    stores.deposited(items)
    assert found(stores, PATIENT) == {each.record for each in items[:3]}
    assert found(stores, OTHER) == {items[3].record}
    rows = everything(stores)
    for each in stores.index.find(PATIENT):
        for code in each.values.codes:
            assert code.code.encode() not in rows
    erase(home, PATIENT, items[0].record)
    stores.settle(PATIENT)
    assert found(stores, PATIENT) == {items[1].record, items[2].record}
    erase(home, PATIENT)
    stores.settle()
    assert stores.keys.persons() == [OTHER]
    assert PATIENT.encode() not in everything(stores)
    assert found(stores, OTHER) == {items[3].record}
    stores.close()


def everything(stores: ContentStores) -> bytes:
    """Every row of the index, as PostgreSQL writes them."""
    assert isinstance(stores._server, ContentTables)
    with stores._server.read() as connection:
        return b"\n".join(
            str(tuple(bytes(each) if isinstance(each, memoryview) else each for each in row))
            .encode()
            for name in ("content_items", "content_tokens")
            for row in connection.execute(sql.text(f"SELECT * FROM {name}"))
        )  # fmt: skip


def test_content_waits_for_the_server_and_a_deposit_does_not(
    home: Instance, where: str, postgresql: PostgreSQL
) -> None:
    stores = ContentStores(home.vault, url=where)
    home.vault.deposit([item(0)])
    stores.deposited([item(0)])
    postgresql.stop("immediate")
    try:
        home.vault.deposit([item(1)])
        stores.deposited([item(1)])
        assert refused(lambda: stores.index.find(PATIENT)) == "index_unavailable"
        assert refused(lambda: stores.forget([item(0).record])) == "index_unavailable"
        assert refused(lambda: ContentStores(home.vault, url=where)) == "index_unavailable"
    finally:
        postgresql.start()
    stores.complete(PATIENT, identifier("reader"))
    assert found(stores, PATIENT) == {item(0).record, item(1).record}
    stores.close()


def test_organisations_of_one_node_do_not_see_each_other(home: Instance, where: str) -> None:
    stores = ContentStores(home.vault, url=where)
    stores.index.add(PATIENT, contents(generated(3))[:4])
    tables_of_another = ContentTables(where, identifier("another"))
    other = ContentIndex(tables_of_another, stores.keys)
    assert len(stores.index.find(PATIENT)) == 4
    assert other.find(PATIENT) == []
    other.add(PATIENT, contents(generated(3))[:1])
    assert len(stores.index.find(PATIENT)) == 4
    tables_of_another.close()
    stores.close()


def test_every_start_takes_out_what_the_vault_has_no_more(home: Instance, where: str) -> None:
    items = [item(0), item(1), item(3, OTHER)]
    home.vault.deposit(items)
    stores = ContentStores(home.vault, url=where)
    stores.deposited(items)
    erase(home, PATIENT)
    stores.close()
    stores = ContentStores(home.vault, url=where)
    assert stores.keys.persons() == [OTHER]
    assert [name for page in stores.index.filed() for name in page] == [items[2].record]
    stores.close()
