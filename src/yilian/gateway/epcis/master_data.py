"""What is known of places and other identifiers apart from events, for the queries that ask.

EPCIS 2.0, section 6.5: an identifier has attributes, and a place may be inside another.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis.identifiers import canonical
from yilian.gateway.supply.database import METADATA

_attributes = sql.Table(
    "epcis_attributes",
    METADATA,
    sql.Column("id", sql.Text, primary_key=True),
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
    sqlite_with_rowid=False,
)
sql.Index("epcis_attributes_named", _attributes.c.name, _attributes.c.value)
_places = sql.Table(
    "epcis_places",
    METADATA,
    sql.Column("id", sql.Text, primary_key=True),
    sql.Column("parent", sql.Text, nullable=False),
)
sql.Index("epcis_places_inside", _places.c.parent)


def describe(
    connection: sql.Connection,
    identifier: str,
    attributes: Mapping[str, str],
    parent: str | None = None,
) -> None:
    """Keep what an identifier's attributes are, and which place it is inside; replaces all.

    Raises ValueError as `identifiers.canonical` does.
    """
    known = canonical(identifier)
    connection.execute(sql.delete(_attributes).where(_attributes.c.id == known))
    connection.execute(sql.delete(_places).where(_places.c.id == known))
    if attributes:
        rows = [{"id": known, "name": name, "value": attributes[name]} for name in attributes]
        connection.execute(insert(_attributes), rows)
    if parent is not None:
        connection.execute(insert(_places).values(id=known, parent=canonical(parent)))
