"""Reading one kind of record: a single one from committed state, lists from the chain index."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from anyio import to_thread
from sqlalchemy import Table as IndexTable
from sqlalchemy import Text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway import errors
from yilian.gateway.door import Door, door
from yilian.gateway.http import asking
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation, routes
from yilian.ledger.state import Table

PROOF_SECONDS = 5.0
MAX_VALUE = 64


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of record: its capability, its plural noun, its state and its index table.

    `names` is the pattern of its ids; without an index table there is no list.
    """

    capability: str
    plural: str
    table: Any
    listed: IndexTable | None = None
    names: str = asking.ID_PATTERN

    @property
    def path(self) -> str:
        """Give the address of the list."""
        return f"/v1/{self.capability}/{self.plural}"

    @property
    def filters(self) -> tuple[str, ...]:
        """Name the columns that a list may be filtered by: ids, kinds and statuses."""
        if self.listed is None:
            return ()
        return tuple(
            str(each.name)
            for each in self.listed.columns
            if isinstance(each.type, Text) and each.name != "id"
        )


def record_type(kind: Kind) -> Any:
    """Give the type of the answer for one record."""
    record = kind.table.record
    return msgspec.defstruct(
        f"{kind.capability}.{record.__name__}.Current",
        [("id", str), ("value", record), ("height", int), ("proof", dict[str, Any] | None, None)],
        kw_only=True,
        omit_defaults=True,
        namespace={"__doc__": "A record as of a height, on demand with its state proof."},
    )


def line_type(kind: Kind) -> Any:
    """Give the type of a record in a list: the columns of the index table."""
    assert kind.listed is not None
    fields: list[Any] = []
    for column in kind.listed.columns:
        if column.name != "seq":
            base: Any = str if isinstance(column.type, Text) else int
            fields.append((str(column.name), base | None if column.nullable else base))
    name = f"{kind.capability}.{kind.table.record.__name__}"
    line = msgspec.defstruct(f"{name}.Line", fields, kw_only=True)
    return msgspec.defstruct(
        f"{name}.Page",
        [("items", list[line]), ("next", str | None, None)],  # type: ignore[valid-type]
        kw_only=True,
        omit_defaults=True,
        namespace={"__doc__": "A page, newest first; `next` is the cursor of the following one."},
    )


def table_routes(*kinds: Kind) -> tuple[BaseRoute, ...]:
    """Make the routes of some kinds of record."""
    handlers = [_reader(kind) for kind in kinds]
    handlers += [_lister(kind, kind.listed) for kind in kinds if kind.listed is not None]
    return routes(*handlers)


def _reader(kind: Kind) -> Any:
    noun = kind.table.record.__name__.lower()

    @operation(
        "GET",
        kind.path + "/{id}",
        tag=kind.capability,
        summary=f"Read a {noun} from committed state, on demand with a proof.",
        parameters=(
            Parameter(
                name="id",
                where="path",
                schema={"type": "string", "pattern": kind.names},
                description=f"The {noun}'s id.",
                required=True,
            ),
            Parameter(
                name="proof",
                where="query",
                schema={"type": "boolean", "default": False},
                description="Whether to add a state proof of this very record.",
            ),
        ),
        answers=(
            Answer(status=200, description=f"The {noun}.", content={JSON: record_type(kind)}),
        ),
        problems=(errors.NOT_FOUND, errors.NOT_YET),
    )
    async def read(request: Request) -> Response:
        name = request.path_params["id"]
        if kind.names == asking.ID_PATTERN:
            asking.require_id(name)
        asked = asking.query(request, "proof").get("proof", "false")
        if asked not in ("true", "false"):
            raise errors.BAD_PARAMETER(name="proof")
        if not name.isascii():
            raise errors.NOT_FOUND()
        at = door(request)
        if asked == "true":
            return answer(request, await prove(at, kind.table, name))
        return answer(request, await to_thread.run_sync(_current, at, kind.table, name))

    return read


def _current(at: Door, table: Table[Any], name: str) -> dict[str, Any]:
    """Read a record and the height as of which it is the current one."""
    while True:
        height = at.engine.height
        record = table.get(at.engine.state(), name)
        if at.engine.height == height:
            break
    if record is None:
        raise errors.NOT_FOUND()
    return {"id": name, "value": record, "height": height}


async def prove(at: Door, table: Table[Any], name: str) -> dict[str, Any]:
    """Read a record out of its state proof; few proofs are made at once."""
    proof = await to_thread.run_sync(
        lambda: at.engine.state_proof(table.key(name), wait=PROOF_SECONDS), limiter=at.proofs
    )
    if proof["value"] is None:
        raise errors.NOT_FOUND()
    return {
        "id": name,
        "value": msgspec.Raw(proof["value"].encode()),
        "height": int(proof["header"]["height"]) - 1,
        "proof": proof,
    }


def _lister(kind: Kind, listed: IndexTable) -> Any:
    @operation(
        "GET",
        kind.path,
        tag=kind.capability,
        summary=f"List {kind.plural}, newest first.",
        parameters=_list_parameters(kind.filters),
        answers=(
            Answer(
                status=200, description=f"A page of {kind.plural}.", content={JSON: line_type(kind)}
            ),
        ),
    )
    def read_list(request: Request) -> Response:
        asked = asking.query(request, *kind.filters, "limit", "cursor")
        wanted = {name: asked[name] for name in kind.filters if name in asked}
        for name, value in wanted.items():
            if not 1 <= len(value) <= MAX_VALUE:
                raise errors.BAD_PARAMETER(name=name)
        scope = kind.path + "?" + urlencode(sorted(wanted.items()))
        before = asking.read_cursor(asked.get("cursor"), scope)
        limit = asking.limit(asked)
        rows = door(request).index.read.records(listed, wanted, before, limit + 1)
        page: dict[str, Any] = {"items": rows[:limit]}
        headers = {}
        if len(rows) > limit:
            page["next"] = asking.cursor(rows[limit - 1]["seq"], scope)
            link = urlencode([*sorted(wanted.items()), ("limit", limit), ("cursor", page["next"])])
            headers["Link"] = f'<{kind.path}?{link}>; rel="next"'
        for row in page["items"]:
            del row["seq"]
        return answer(request, page, headers=headers)

    return read_list


def _list_parameters(filters: tuple[str, ...]) -> tuple[Parameter, ...]:
    value = {"type": "string", "minLength": 1, "maxLength": MAX_VALUE}
    return (
        *(
            Parameter(
                name=name,
                where="query",
                schema=value,
                description=f"Only those whose {name} is this.",
            )
            for name in filters
        ),
        Parameter(
            name="limit",
            where="query",
            schema=asking.LIMIT_SCHEMA,
            description="How many at most.",
        ),
        Parameter(
            name="cursor",
            where="query",
            schema=asking.CURSOR_SCHEMA,
            description="`next` of the page before.",
        ),
    )
