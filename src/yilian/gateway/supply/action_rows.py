"""Which actions were done, each under its key: the same again is answered, and not done."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import sqlalchemy as sql

from yilian.gateway.supply.action_errors import KEY_REUSED
from yilian.gateway.supply.database import table
from yilian.gateway.supply.orders import ActionName, Done, Order
from yilian.ledger import codec
from yilian.ledger.keys import sha256


@dataclass(frozen=True)
class ActionRow:
    """An action that was done, by its key; `who` asked for it, `digest` is of what was asked."""

    key: str
    digest: bytes
    who: str
    done: bytes


_actions = table("supply_actions", ActionRow, ("key",))


def digest_of(action: ActionName, order: Order) -> bytes:
    """Give the digest of what is asked."""
    return sha256(codec.encode([action, order]))


def find(key: str, connection: sql.Connection) -> Done | None:
    """Find what was done under a key."""
    found = _find(key, connection)
    return None if found is None else msgspec.json.decode(found.done, type=Done)


def before(key: str, digest: bytes, connection: sql.Connection) -> Done | None:
    """Answer an action that was done before; refuses a key that stood for another."""
    found = _find(key, connection)
    if found is None:
        return None
    if found.digest != digest:
        raise KEY_REUSED(key=key)
    return msgspec.structs.replace(msgspec.json.decode(found.done, type=Done), replayed=True)


def keep(done: Done, digest: bytes, who: str, connection: sql.Connection) -> None:
    """Write down what was done."""
    row = ActionRow(done.key, digest, who, codec.encode(done))
    connection.execute(sql.insert(_actions).values(**vars(row)))


def _find(key: str, connection: sql.Connection) -> ActionRow | None:
    row = connection.execute(sql.select(_actions).where(_actions.c.key == key)).first()
    return None if row is None else ActionRow(*row)
