"""What all routes of an organisation share: who may come in, and how a body is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from yilian.gateway.auth import Caller, authenticate
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import ID_SCHEMA, require_id
from yilian.gateway.http.operation import JSON, Answer, Parameter
from yilian.gateway.organisation import Organisation
from yilian.ledger.errors import MALFORMED

DAY_MS = 86_400_000
STAFF = ("organisation", "agent", "practitioner")
"""Who works here; a practitioner is judged by the policy besides."""
OPERATORS = ("organisation", "agent")
T = TypeVar("T")

ORGANISATION = Parameter(
    name="organisation",
    where="path",
    schema=ID_SCHEMA,
    description="The organisation's id.",
    required=True,
)
SIGNED = Parameter(
    name="Yilian-Request",
    where="header",
    schema={"type": "string"},
    description="The signed request of somebody at home in the organisation.",
    required=True,
)
COMMON = (ORGANISATION, SIGNED)


def path_id(name: str, description: str) -> Parameter:
    """Describe an id in the path."""
    return Parameter(
        name=name, where="path", schema=ID_SCHEMA, description=description, required=True
    )


def answers(type_: Any, description: str) -> list[Answer]:
    """Describe the one answer of a route that succeeds."""
    return [Answer(status=200, description=description, content={JSON: type_})]


async def body(request: Request, type_: type[T]) -> T:
    """Read a JSON body; refuses `malformed`."""
    try:
        return msgspec.json.decode(await request.body(), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None


class Rooms:
    """The organisations that this node works for, and the way in to each."""

    def __init__(self, organisations: Mapping[str, Organisation]) -> None:
        self._organisations = organisations

    def find(self, name: str) -> Organisation:
        """Find an organisation of this node; refuses `not_found`."""
        found = self._organisations.get(require_id(name, "organisation"))
        if found is None:
            raise NOT_FOUND()
        return found

    def hosted(self, name: str) -> Organisation | None:
        """Find an organisation if this node works for it."""
        return self._organisations.get(name)

    def all(self) -> tuple[Organisation, ...]:
        """List the organisations of this node, by id."""
        return tuple(self._organisations[name] for name in sorted(self._organisations))

    async def enter(
        self, request: Request, *kinds: str, limit: int = 1_048_576
    ) -> tuple[Organisation, Caller]:
        """Let somebody of the organisation in, of one of the kinds; refuses all others."""
        caller = await authenticate(request, limit)
        organisation = self.find(request.path_params["organisation"])
        if caller.organisation != organisation.id or caller.subject.kind not in kinds:
            raise FORBIDDEN()
        return organisation, caller
