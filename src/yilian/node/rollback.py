"""Taking the newest height back, for an operator whose upgrade went wrong."""

from __future__ import annotations

from yilian.ledger.genesis import read
from yilian.ledger.keys import Suites
from yilian.node.engine import load_tree
from yilian.node.store import Store, StoreDamaged, Tip

_MILLI = 1_000_000


class CannotRollBack(Exception):
    """There is no height to take back, or its undo record is gone."""


def rollback(store: Store) -> Tip:
    """Undo the newest height: state, tree, block, results. Gives the new tip.

    What its transactions did is gone; their senders may hand them in again while they have not
    expired. Raises CannotRollBack for the first block, StoreDamaged where the result would not
    have the root that the chain states.
    """
    document, tip = store.genesis(), store.tip()
    if document is None or tip is None:
        raise StoreDamaged("the folder holds no chain")
    undo, newest = store.undo(tip.height), store.block(tip.height)
    before = store.block(tip.height - 1)
    if tip.height < 2 or undo is None or newest is None or before is None:
        raise CannotRollBack(tip.height)
    tree = load_tree(store, Suites(read(document).profile))
    changes = dict(undo)
    view = tree.stage(changes)
    header = newest.header
    if view.root != header.app_hash:
        raise StoreDamaged(f"undoing height {tip.height} does not give its app_hash", tip.height)
    restored = Tip(
        height=tip.height - 1,
        time=before.header.time // _MILLI,
        app_hash=header.app_hash,
        results_hash=header.last_results_hash,
        block_hash=header.last_block_id.hash,
        parts_total=header.last_block_id.parts.total,
        parts_hash=header.last_block_id.parts.hash,
        empty=not before.txs and header.app_hash == before.header.app_hash,
    )
    store.remove_height(tip.height, changes, view.tiles, restored)
    return restored
