"""Which life of the database a link was made in: a restored backup must not bring links back.

The name of the epoch stands in a file beside the database, and no backup has that file. After a
restore there is none, a new epoch begins, and what the backup says of links counts no more: a link
that was opened or taken back since would otherwise open again.
"""

from __future__ import annotations

import threading
from pathlib import Path

from yilian.ledger import codec
from yilian.vault import durable
from yilian.vault.envelope import new_id

FILE = "health-links.epoch"
_lock = threading.Lock()
_decoder = codec.decoder(codec.Id)


def current(folder: Path) -> str:
    """Give the epoch of a vault's folder; the first call begins one, durably.

    Refuses `malformed` for a file that holds anything else.
    """
    path = folder / FILE
    with _lock:
        if not path.exists():
            durable.replace({path: codec.encode(new_id())})
        found = codec.decode_with(_decoder, path.read_bytes())
    assert isinstance(found, str)
    return found
