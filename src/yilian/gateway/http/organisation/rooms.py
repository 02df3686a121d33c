"""What all routes of an organisation share: who may come in, and how a body is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller, authenticate
from yilian.gateway.content.check import Verify
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import ID_SCHEMA, require_id
from yilian.gateway.http.operation import JSON, Answer, Parameter
from yilian.gateway.organisation import Organisation
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.messages import Power
from yilian.ledger.modules.consent.state import custodian
from yilian.ledger.modules.identity.state import SUBJECTS

DAY_MS = 86_400_000
STAFF = ("organisation", "agent", "practitioner")
"""Who works here; a practitioner is judged by the policy besides."""
OPERATORS = ("organisation", "agent")
Powers = Power | tuple[Power, ...] | None
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

    def __init__(
        self, organisations: Mapping[str, Organisation], verify: Verify | None = None
    ) -> None:
        self._organisations = organisations
        self._verify = verify

    @property
    def verify(self) -> Verify:
        """Give the offline verifier, which shares no code with what is verified."""
        if self._verify is None:
            raise RuntimeError("no verifier was handed in")
        return self._verify

    def find(self, name: str) -> Organisation:
        """Find an organisation of this node; refuses `not_found`."""
        found = self._organisations.get(require_id(name, "organisation"))
        if found is None:
            raise NOT_FOUND()
        return found

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

    async def enter_for(
        self,
        request: Request,
        person: str,
        *kinds: str,
        power: Powers = None,
        limit: int = 1_048_576,
    ) -> tuple[Organisation, Caller]:
        """Let in the person themself, a custodian with `power`, or staff of one of the kinds.

        Refuses all others, and everybody alike for one who is no person of this organisation.
        """
        require_id(person, "person")
        caller = await authenticate(request, limit)
        organisation = self.find(request.path_params["organisation"])
        require_for(organisation, caller, person, *kinds, power=power)
        return organisation, caller


def require_for(
    organisation: Organisation, caller: Caller, person: str, *kinds: str, power: Powers = None
) -> None:
    """Refuse all but the person, a custodian with `power`, and staff of one of the kinds.

    For routes whose body names the person: `Rooms.enter` comes first. Several powers: any will do.
    """
    state, now = organisation.engine.state(), organisation.engine.now()
    subject = SUBJECTS.get(state, person)
    at_home = subject is not None and (subject.kind, subject.organisation) == (
        "person",
        organisation.id,
    )
    if not at_home or caller.organisation != organisation.id:
        raise FORBIDDEN()
    if caller.sender == person or caller.subject.kind in kinds:
        return
    acting = custodian(state, person, caller.sender)
    powers = () if power is None else (power,) if isinstance(power, str) else power
    if acting is None or not any(acting.may(each, now) for each in powers):
        raise FORBIDDEN()
    noting(on_behalf_of=person)
