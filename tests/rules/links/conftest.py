"""A served node, and a person with three records and a key of their own."""

from tests.unit.gateway.links.conftest import kept as kept
from tests.unit.gateway.links.conftest import patient as patient
from tests.unit.gateway.links.conftest import served as served
