"""State: an ordered key-value map, read through an overlay that a transaction can drop.

Keys are ASCII paths (`identity/key/<id>`); values are canonical JSON. A reader supplies committed
state; `State` collects the changes of one block, and of the transaction at hand apart from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import InvariantBroken

T = TypeVar("T", bound=msgspec.Struct)

Changes = dict[bytes, bytes | None]
"""What a block writes: a value, or None where a key is removed."""


class Reader(Protocol):
    """Committed state, as the node keeps it."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Give the keys that start with `prefix` and sort after `after`, in order, with values."""


class State:
    """Committed state plus the changes of the block at hand."""

    __slots__ = ("_before", "_block", "_get", "_reader", "_transaction", "roles_changed")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._get = reader.get
        self._before: Changes = {}
        self._block: Changes = {}
        self._transaction: Changes = {}
        self.roles_changed = False
        """True once the block changed who may act (`changes_roles`)."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key as the transaction at hand sees it."""
        if key in self._transaction:
            return self._transaction[key]
        if key in self._block:
            return self._block[key]
        if key in self._before:
            return self._before[key]
        value = self._before[key] = self._get(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key within the transaction at hand."""
        self._transaction[key] = value

    def remove(self, key: bytes) -> None:
        """Remove a key within the transaction at hand."""
        self._transaction[key] = None

    def keep(self) -> None:
        """Make the changes of the transaction at hand part of the block."""
        if not self.roles_changed:
            self.roles_changed = changes_roles(self._transaction)
        self._block.update(self._transaction)
        self._transaction = {}

    def drop(self) -> None:
        """Forget the changes of the transaction at hand."""
        self._transaction = {}

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """List keys below a prefix in order, the block's own changes included."""
        overlay: Changes = {}
        for layer in (self._block, self._transaction):
            overlay.update((k, v) for k, v in layer.items() if k.startswith(prefix) and k > after)
        fresh = iter(sorted(overlay))
        pending = next(fresh, None)
        for key, value in self._reader.scan(prefix, after):
            while pending is not None and pending < key:
                added = overlay[pending]
                if added is not None:
                    yield pending, added
                pending = next(fresh, None)
            if pending == key:
                changed = overlay[key]
                pending = next(fresh, None)
                if changed is not None:
                    yield key, changed
            else:
                yield key, value
        while pending is not None:
            added = overlay[pending]
            if added is not None:
                yield pending, added
            pending = next(fresh, None)

    def changes(self) -> Changes:
        """Give what the block changed so far."""
        return self._block

    def before(self) -> Changes:
        """Give what the keys that the block changed held before it."""
        return {
            key: self._before[key] if key in self._before else self._get(key) for key in self._block
        }


_ROLES = (b"consent/custodian/", b"governance/", b"identity/")
_NO_ROLES = (b"governance/tick/", b"governance/usage/")


def changes_roles(changes: Changes) -> bool:
    """Tell whether changes touch who may act for whom, at whose expense and under which rules."""
    return any(key.startswith(_ROLES) and not key.startswith(_NO_ROLES) for key in changes)


class Table(Generic[T]):
    """Typed access to the records below one prefix; the record's id ends the key."""

    def __init__(self, prefix: str, record: type[T]) -> None:
        self.prefix = prefix.encode("ascii")
        self.record = record
        reader = codec.decoder(record)

        @lru_cache(maxsize=20_000)
        def read(value: bytes) -> T:
            return reader.decode(value)  # type: ignore[no-any-return]

        self._read = read

    def key(self, name: str) -> bytes:
        """Write the state key of the record called `name`."""
        return self.prefix + name.encode("ascii")

    def get(self, state: State, name: str) -> T | None:
        """Read a record, or None where there is none."""
        value = state.get(self.prefix + name.encode("ascii"))
        return None if value is None else self._read(value)

    def require(self, state: State, name: str) -> T:
        """Read a record that must be there; its absence stops the node."""
        record = self.get(state, name)
        if record is None:
            raise InvariantBroken(f"missing {self.prefix.decode()}{name}")
        return record

    def has(self, state: State, name: str) -> bool:
        """Tell whether a record exists."""
        return state.get(self.prefix + name.encode("ascii")) is not None

    def put(self, state: State, name: str, record: T) -> None:
        """Write a record."""
        state.put(self.prefix + name.encode("ascii"), codec.encode(record))

    def remove(self, state: State, name: str) -> None:
        """Remove a record."""
        state.remove(self.prefix + name.encode("ascii"))

    def scan(self, reader: Reader) -> Iterator[tuple[str, T]]:
        """List all records with their ids, in the order of the ids."""
        for key, value in reader.scan(self.prefix):
            yield key[len(self.prefix) :].decode("ascii"), self._read(value)

    def decode(self, value: bytes) -> T:
        """Read a stored value."""
        return self._read(value)
