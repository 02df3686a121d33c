"""The key of a link at rest opens with every share, in its place, and with nothing less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.rows.consenting import Actor
from tests.rows.served import Served
from tests.unit.gateway.links.sharing import Kept, house, share
from yilian.gateway.links import epoch, shares
from yilian.ledger.errors import Refusal
from yilian.vault.sealer import Sealer

MARK = b"mark"


def opens(key: Sealer | None, sealed: bytes) -> bool:
    if key is None:
        return False
    try:
        return key.open(sealed, MARK) == MARK
    except Refusal:
        return False


def test_every_share_in_its_place_and_nothing_less(
    served: Served, patient: Actor, kept: Kept
) -> None:
    link = share(served, patient, {"categories": ["laboratory", "problem"]})
    vault, found = house(served).vault, house(served).store.records(link.id)
    assert len(found) == 2
    store, catalogue = vault.keystore, vault.catalogue
    key = shares.put_together(store, catalogue, found)
    assert key is not None
    sealed = key.seal(MARK, MARK)
    assert opens(shares.put_together(store, catalogue, found), sealed)
    first, second = found
    tampered = replace(first, share=first.share[:-1] + bytes([first.share[-1] ^ 1]))
    for changed in (
        [],
        [first],
        [second],
        [second, first],
        [first, first],
        [tampered, second],
        [replace(first, place=1), second],
        [replace(first, link="A" * 22), second],
        [replace(first, record=second.record), second],
        [first, replace(second, record="A" * 22)],
    ):
        assert not opens(shares.put_together(store, catalogue, changed), sealed), changed


def test_an_epoch_is_one_until_its_file_is_gone(tmp_path: Path) -> None:
    one = epoch.current(tmp_path)
    assert epoch.current(tmp_path) == one
    (tmp_path / epoch.FILE).unlink()
    assert epoch.current(tmp_path) != one
    (tmp_path / epoch.FILE).write_bytes(b"no id")
    with pytest.raises(Refusal):
        epoch.current(tmp_path)
