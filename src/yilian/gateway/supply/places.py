"""Where places are on the earth, as far as an organisation was told, and how far apart they are.

A place is a location number, or a `geo:` URI (RFC 5870). Only sites belong here: a number that
stands for a whole company is nowhere in particular, and packs would seem to leap to it and back.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis import identifiers
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.ledger.errors import code
from yilian.vault.database import values

PLACE_UNKNOWN = code(9716, "supply.place_unknown", 404, "gln")

EARTH_KM = 6371.0088
"""The mean radius R1 of the GRS 80 ellipsoid."""
MICRO = 1_000_000
_GEO = re.compile(
    r"geo:(-?[0-9]{1,2}(?:\.[0-9]+)?),(-?[0-9]{1,3}(?:\.[0-9]+)?)(?:,-?[0-9.]+)?(?:;.*)?",
    re.IGNORECASE,
)
_KEYS = ("414", "417")


class Point(NamedTuple):
    """A point of the earth (WGS 84), in millionths of a degree; north and east are positive."""

    latitude: int
    longitude: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a location number is, in millionths of a degree."""

    gln: str
    latitude: int
    longitude: int


_PLACES = table("supply_places", Place, ("gln",))


class Places:
    """The places that one organisation knows: its own sites and its partners'. Safe for threads."""

    def __init__(self, database: SupplyDatabase) -> None:
        self._database = database

    def put(self, place: Place) -> None:
        """Say where a location number is; again replaces it."""
        made = insert(_PLACES).values(**values(place))
        where = {"latitude": place.latitude, "longitude": place.longitude}
        with self._database.write() as connection:
            connection.execute(made.on_conflict_do_update(index_elements=("gln",), set_=where))

    def remove(self, gln: str) -> None:
        """Forget a place; refuses `supply.place_unknown`."""
        with self._database.write() as connection:
            gone = connection.execute(sql.delete(_PLACES).where(_PLACES.c.gln == gln))
        if not gone.rowcount:
            raise PLACE_UNKNOWN(gln=gln)

    def all(self) -> list[Place]:
        """List the places, by location number."""
        return self._database.rows(Place, sql.select(_PLACES).order_by(_PLACES.c.gln))

    def find(self, place: str) -> Point | None:
        """Find where a location number, the URI of one or a `geo:` URI is; None where unknown."""
        if place[:4].lower() == "geo:":
            return read_geo(place)
        found = self._database.one(Place, sql.select(_PLACES).where(_PLACES.c.gln == gln_of(place)))
        return None if found is None else Point(found.latitude, found.longitude)


def gln_of(place: str) -> str:
    """Give the location number in a URI; a room of a site is where the site is."""
    if not place.startswith("http"):
        return place
    try:
        parts = identifiers.parts(place)
    except ValueError:
        return ""
    return parts.value if parts.key in _KEYS else ""


def read_geo(uri: str) -> Point | None:
    """Read a `geo:` URI; None for one that names no point of the earth, or by another system."""
    found = _GEO.fullmatch(uri)
    if found is None or re.search(r";crs=(?!wgs84(?:;|$))", uri, re.IGNORECASE):
        return None
    latitude, longitude = (round(float(each) * MICRO) for each in found.groups())
    if abs(latitude) > 90 * MICRO or abs(longitude) > 180 * MICRO:
        return None
    return Point(latitude, longitude)


def distance(one: Point, two: Point) -> float:
    """Give the great-circle distance in km (haversine, on a sphere: within 0.6 %)."""
    north, south = math.radians(one.latitude / MICRO), math.radians(two.latitude / MICRO)
    across = math.radians((two.longitude - one.longitude) / MICRO)
    chord = (
        math.sin((south - north) / 2) ** 2
        + math.cos(north) * math.cos(south) * math.sin(across / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))
