"""Backing up the vaults of a node that is down, and restoring them so that erasures hold.

    <to>/<organisation>/           one backup each (`vault/backup.py`); opens nothing by itself
    <erasure to>/<organisation>/   its erasure keys, on another medium, with an end

The chain is backed up apart (`yilian node export`): a restore asks the node's own chain what was
erased since, and erases it again before the vault can be opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yilian.gateway.practice.erasures import marks_of
from yilian.ledger.state import Reader
from yilian.node.config import NodeFolder
from yilian.vault import backup
from yilian.vault.erasure import Replayed
from yilian.vault.vault import Vault


def back_up(folder: NodeFolder, to: Path, erasure_to: Path, days: int) -> dict[str, backup.Made]:
    """Back up every vault of a node; the erasure keys expire after `days`.

    Refuses `vault_in_use` while the node runs, and as `vault/backup.py` does.
    """
    made = {}
    told = folder.configuration()
    for each in told.organisations:
        with Vault.open(
            folder.vault(each.id), each.id, payloads_url=told.payloads, base=folder.path
        ) as vault:
            made[each.id] = vault.backup(to / each.id, erasure_to / each.id, days)
    return made


def restore(
    folder: NodeFolder, chain: Reader, source: Path, erasure_source: Path, names: Sequence[str]
) -> dict[str, Replayed]:
    """Restore vaults of a node, and erase in each what its chain says was erased.

    `names`: which organisations; none means all. A vault's folder must be absent or empty, and its
    master key in its place. Refuses as `vault/backup.py` does.
    """
    done = {}
    told = folder.configuration()
    for each in told.organisations:
        if not names or each.id in names:
            done[each.id] = backup.restore(
                source / each.id,
                erasure_source / each.id,
                folder.vault(each.id),
                marks_of(chain, each.id),
                organisation=each.id,
                payloads_url=told.payloads,
                base=folder.path,
            )
    return done
