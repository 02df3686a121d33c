"""The chain index: it follows, it waits, it can be rebuilt, and it refuses other chains."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, text, update

from tests.chain import VALIDATOR_SEED, Cast, Chain, engine, name_of
from tests.unit.gateway.index.conftest import Place
from yilian.gateway.index import Advance, ChainIndex, IndexMismatch, database, tables
from yilian.gateway.index import Place as At
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.governance import messages as governance
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.records import messages as records
from yilian.node.embedded import Embedded
from yilian.node.engine import write_genesis


def opened(where: str) -> Engine:
    """Look into an index's database beside the index."""
    if where.startswith("sqlite"):
        return create_engine(where)
    return database.connect(database.read_url(where, "", Path()))


def dump(where: str) -> dict[str, list[tuple[Any, ...]]]:
    """Read every row of every table, in order."""
    sql = opened(where)
    with sql.connect() as connection:
        rows = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables.METADATA.sorted_tables
        }
    sql.dispose()
    return rows


def story(running: Embedded, cast: Cast) -> None:
    """Something of everything: people, grants that end, votes, refusals, sessions, batches."""
    people = [cast.actor(f"person {each}", cast.hospital) for each in range(20)]
    doctor = cast.actor("doctor", cast.hospital)
    now = running.now()
    first = [
        cast.sign(cast.hospital, Chain.enrol_person(f"person {each}", person.signer.key))
        for each, person in enumerate(people)
    ]
    first.append(
        cast.sign(
            cast.hospital,
            identity.EnrolAgent(agent=doctor.id, key=doctor.signer.key),
            records.Anchor(record=name_of("record"), commitment="A" * 43),
            records.AnchorBatch(batch=name_of("batch"), root="A" * 43, size=3),
            records.AnchorDisclosures(batch=name_of("lines"), root="A" * 43, size=4),
        )
    )
    assert {each.result().code for each in running.submit_many(first)} == {0}
    grants = [
        cast.sign(
            person,
            consent.Grant(
                grant=name_of(f"grant {each}"), terms="A" * 43, starts=now, ends=now + 10**9
            ),
        )
        for each, person in enumerate(people)
    ]
    assert {each.result().code for each in running.submit_many(grants)} == {0}
    last = [
        cast.sign(person, consent.Revoke(grant=name_of(f"grant {each}")))
        for each, person in enumerate(people[:10])
    ]
    last += [
        cast.sign(people[11], consent.Revoke(grant=name_of("grant 3"))),
        cast.sign(
            doctor,
            consent.OpenSession(session=name_of("session"), terms="A" * 43, ends=now + 600_000),
            consent.CloseSession(session=name_of("session")),
        ),
        cast.sign(
            cast.hospital,
            governance.Propose(
                proposal=name_of("expulsion"),
                action=governance.RemoveMember(organisation=cast.insurer.id),
            ),
            identity.RevokeSubject(subject=doctor.id),
        ),
    ]
    codes = [each.result().code for each in running.submit_many(last)]
    assert codes == [0] * 10 + [302, 0, 0]
    vote = governance.Vote(proposal=name_of("expulsion"), approve=True)
    assert running.submit(cast.sign(cast.authority, vote)).result().code == 0


def settle(chain: Embedded, index: ChainIndex) -> None:
    """Wait until the chain has closed its last block and is quiet, and the index shows it."""
    while not chain.tip.empty:
        index.wait(chain.height + 1, 0.1)
    assert index.wait(chain.height, 10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Embedded, Cast]]:
    """An engine on a new chain."""
    made, cast = engine(tmp_path / "chain")
    yield made, cast
    made.close()


def test_a_rebuilt_index_is_the_same_row_by_row(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """Filled while the chain grows, filled at once, and filled anew: the same rows."""
    chain, cast = running
    with ChainIndex(place(), chain) as live:
        story(chain, cast)
        settle(chain, live)
        with ChainIndex(place("later"), chain) as later:
            assert later.wait(live.height, 10)
        original = dump(place())
        assert dump(place("later")) == original
        live.rebuild()
        assert live.height == chain.height
        assert dump(place()) == original
    assert {name: len(rows) for name, rows in original.items() if name != "blocks"} == {
        "cursor": 1,
        "transactions": 55,
        "events": 9 + 40 + 2 + 3 + 20 + 10 + 2 + 2 + 4,
        "event_ids": len(original["event_ids"]),
        "subjects": 3 + 20 + 1,
        "keys": 3 + 20 + 1,
        "licences": 0,
        "recoveries": 0,
        "members": 3,
        "proposals": 1,
        "grants": 20,
        "sessions": 1,
        "anchors": 1,
        "batches": 2,
        **dict.fromkeys(("asks", "emergencies", "holds", "erasures", "links"), 0),
        **dict.fromkeys(("encounters", "referrals"), 0),
        **dict.fromkeys(("companies", "products", "credentials", "recalls", "alerts"), 0),
    }


def test_records_as_they_stand(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """Statuses follow the events; filters and pages select."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
        read = index.read.records
        revoked = read(tables.GRANTS, {"status": "revoked"}, None, 200)
        given = read(tables.GRANTS, {"status": "given"}, None, 200)
        assert (len(revoked), len(given)) == (10, 10)
        assert all(each["ended"] is not None for each in revoked)
        assert [each["seq"] for each in given] == sorted(
            (each["seq"] for each in given), reverse=True
        )
        page = read(tables.GRANTS, {"status": "given"}, given[3]["seq"], 2)
        assert page == given[4:6]
        (own,) = read(tables.GRANTS, {"person": name_of("person 7")}, None, 200)
        assert own["id"] == name_of("grant 7")
        (gone,) = read(tables.MEMBERS, {"status": "removed"}, None, 200)
        assert gone["id"] == cast.insurer.id
        (ended,) = read(tables.SUBJECTS, {"kind": "organisation", "status": "revoked"}, None, 9)
        assert ended["id"] == cast.insurer.id
        assert read(tables.PROPOSALS, {}, None, 9)[0]["status"] == "carried"
        assert read(tables.SESSIONS, {}, None, 9)[0]["status"] == "closed"
        assert {each["of"]: each["size"] for each in read(tables.BATCHES, {}, None, 9)} == {
            "records": 3,
            "disclosures": 4,
        }


def test_events_by_place_capability_and_id(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """Every place is the place of its event; filters keep the order."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
        read = index.read
        every = read.events(0, 1000)
        assert [each.seq for each in every] == list(range(1, read.newest() + 1))
        assert [each.at for each in every] == sorted(each.at for each in every)
        for each in every:
            assert read.seq(each.at) == each.seq
            assert read.seq(At(each.at.height, each.at.position, each.at.place + 500)) >= each.seq
        assert read.seq(At(chain.height + 100, 0, 0)) == read.newest()
        assert read.seq(At(1, 0, 0)) == 9
        own = read.events(0, 1000, "consent", name_of("grant 5"))
        assert [each.type for each in own] == ["consent.Granted", "consent.Revoked"]
        assert read.events(own[0].seq, 1000, None, name_of("grant 5")) == own[1:]
        assert read.events(0, 1000, "identity", name_of("grant 5")) == []
        assert every[0].transaction is None
        assert every[-1].transaction is not None
        assert len(read.events(3, 4)) == 4


def test_transactions_are_found_in_their_place(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """A refused one has its code and parameters, an accepted one its events."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
        found = [
            each
            for block in index.read.blocks(None, 200)
            for each in index.read.transactions(block.height)
        ]
        assert len(found) == 55
        for each in found:
            outcome = chain.outcome(bytes.fromhex(each.hash))
            assert outcome is not None
            assert (outcome.height, outcome.index) == (each.height, each.position)
            assert (outcome.code, outcome.parameters) == (each.code, each.parameters)
            assert outcome.time == each.time
            assert len(index.read.events_of(each.height, each.position)) == len(outcome.events)
        assert index.read.transaction(1, 0) is None
        heights = [each.height for each in index.read.blocks(None, 200)]
        # The proof block of the last transactions may come meanwhile.
        assert heights == list(range(heights[0], 0, -1))
        assert heights[0] in (chain.height - 1, chain.height)
        assert [each.height for each in index.read.blocks(3, 1)] == [2]
        assert index.read.blocks(1, 10) == []


def test_waiting(tmp_path: Path, place: Place, running: tuple[Embedded, Cast]) -> None:
    """What is visible is waited for; what is not there yet is told apart after a while."""
    chain, cast = running
    moves: list[Advance] = []
    with ChainIndex(place(), chain) as index:
        index.listen(moves.append)
        assert index.wait(chain.height, 10)
        assert not index.wait(chain.height + 100, 0.01)
        outcome = chain.submit(cast.sign(cast.hospital, Chain.enrol_person("x", None))).result()
        assert index.wait(outcome.height, 10)
        assert moves[-1].height >= outcome.height
        assert sum(each.codes.get(0, 0) for each in moves) == 1
    assert not index.wait(10**6, 10)


def test_it_goes_on_where_it_stood(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """After a restart only what is new is read."""
    chain, cast = running
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
        assert len(index.read.records(tables.GRANTS, {}, None, 200)) == 20


def test_the_index_of_another_chain_is_refused(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """Another genesis, even of the same name, is another chain; `rebuild` replaces it."""
    chain, _ = running
    other, _ = engine(tmp_path / "other", Cast(parameters=Parameters(person_quota=77)))
    with other:
        with ChainIndex(place(), other) as index:
            assert index.wait(other.height, 10)
        before = dump(place())
        with pytest.raises(IndexMismatch, match="another chain"):
            ChainIndex(place(), chain)
        assert dump(place()) == before
        with ChainIndex(place(), chain, rebuild=True) as index:
            assert index.wait(chain.height, 10)


def test_an_index_ahead_of_its_chain_is_refused(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """A chain restored from an old copy is not shown with a future it has not had."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
    write_genesis(tmp_path / "young", cast.genesis)
    with Embedded(tmp_path / "young", VALIDATOR_SEED) as young:
        with pytest.raises(IndexMismatch, match="the index is at height"):
            ChainIndex(place(), young)
        with ChainIndex(place(), young, rebuild=True) as index:
            assert index.wait(young.height, 10)
            assert index.read.records(tables.GRANTS, {}, None, 200) == []


def test_another_history_is_refused(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """The cursor's block must be the chain's block of that height."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
    sql = opened(place())
    with sql.begin() as connection:
        connection.execute(update(tables.CURSOR).values(block="00" * 32))
    sql.dispose()
    with pytest.raises(IndexMismatch, match="another block"):
        ChainIndex(place(), chain)


def test_an_index_of_another_format_is_filled_anew(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """A new release with other tables needs no hand."""
    chain, cast = running
    story(chain, cast)
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
    original = dump(place())
    sql = opened(place())
    with sql.begin() as connection:
        connection.execute(update(tables.CURSOR).values(format=0))
        connection.execute(text("DROP TABLE grants"))
        connection.execute(text("CREATE TABLE grants (old TEXT)"))
    sql.dispose()
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
    again = dump(place())
    assert again["grants"] == original["grants"]


def test_a_database_in_memory_is_refused(running: tuple[Embedded, Cast]) -> None:
    """Its threads would each see another one."""
    for where in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="needs a file"):
            ChainIndex(where, running[0])


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_crash_between_batches_loses_nothing(
    tmp_path: Path, place: Place, running: tuple[Embedded, Cast]
) -> None:
    """A copy of the files at any moment goes on to the same rows: cursor and rows move as one."""
    chain, cast = running
    with ChainIndex(place(), chain) as index:
        assert index.wait(chain.height, 10)
        story(chain, cast)
        for name in ("index.db", "index.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / name.replace("index", "copy"))
        assert index.wait(chain.height, 10)
        settle(chain, index)
    with ChainIndex(place("copy"), chain) as copied:
        assert copied.wait(chain.height, 10)
    assert dump(place("copy")) == dump(place())
