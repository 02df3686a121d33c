"""The place in the row of batches: it moves when it is told, and stays where it is otherwise."""

from __future__ import annotations

from pathlib import Path

from tests.unit.vault.builders import HOSPITAL, identifier
from yilian.vault.records import Item
from yilian.vault.vault import Vault

WANG, LI = identifier("wang"), identifier("li")


def item(name: str, patient: str = WANG, replaces: str | None = None) -> Item:
    return Item(
        record=identifier(name),
        patient=patient,
        category="laboratory",
        sensitivity="normal",
        period="2026-03",
        media_type="text/plain",
        content=name.encode(),
        replaces=replaces,
    )


def test_every_batch_is_pending_once_and_in_order(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "vault", HOSPITAL) as vault:
        assert vault.announcing.pending() == []
        made = [vault.deposit([item("first")]).batch, vault.deposit([item("second")]).batch]
        vault.read_own([identifier("first")], WANG, "treat")
        vault.journal_batch()
        made.append(vault.deposit([item("third")]).batch)
        first, second, third = vault.announcing.pending()
        assert [each.batch for each in (first, second, third)] == made
        assert vault.announcing.pending(limit=1) == [first]
        vault.announcing.done(first.position)
        vault.announcing.done(first.position)
        assert vault.announcing.pending() == [second, third]
    with Vault.open(tmp_path / "vault", HOSPITAL) as vault:
        assert vault.announcing.pending() == [second, third]
        vault.announcing.done(third.position)
        assert vault.announcing.pending() == []


def test_a_batch_tells_whose_records_it_has(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "vault", HOSPITAL) as vault:
        vault.deposit([item("first")])
        batch = vault.deposit(
            [item("second"), item("third", LI), item("fourth", replaces=identifier("first"))]
        )
        found = vault.announcing.records(batch.batch)
        assert {who: [each.record for each in new] for who, new in found.items()} == {
            WANG: [identifier("second"), identifier("fourth")],
            LI: [identifier("third")],
        }
        assert found[WANG][1].replaces == identifier("first")
        assert vault.announcing.records(identifier("none")) == {}
