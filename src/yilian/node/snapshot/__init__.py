"""Snapshots: the state of one height in pieces that prove themselves, and a store made from them.

A new member begins from one instead of running every block again. Snapshots carry all of state and
nothing else: spent nonces, timers and validators are state too. Format 1:

- *chunk*: the entries of one subtree of the state tree (`ledger/tree.py`) in path order, each as
  length of key (1 byte), length of value (4 bytes, big endian), key, value;
- *metadata*: `yilian-snapshot/1` LF, then the subtrees in path order, each as depth (1 byte), kind
  (0 empty, 1 a lone leaf, 2 more) and, unless empty, root (32 bytes). The subtrees cover all paths
  once and are the largest that fit into `LARGEST` bytes, so content alone decides where they part.

The roots in the metadata hash up to the app hash, and the entries of a chunk to one of the roots.
Nothing else is trusted: whoever has the app hash of a height from a signed header can tell a true
chunk from a false one before it is written. Where the state is the same, so is every byte.
"""

from __future__ import annotations

from yilian.node.abci.messages import Snapshot
from yilian.node.snapshot.form import FORMAT
from yilian.node.snapshot.kept import NotAtHeight, Snapshots, listed
from yilian.node.snapshot.restore import Restore, SnapshotRefused, Verdict, abandon

__all__ = [
    "FORMAT",
    "NotAtHeight",
    "Restore",
    "Snapshot",
    "SnapshotRefused",
    "Snapshots",
    "Verdict",
    "abandon",
    "listed",
]
