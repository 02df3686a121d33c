"""The browse trees: which names occur, and the events of one name. EPCIS 2.0, section 12.4."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis.browse import Tree
from yilian.gateway.epcis.errors import PAGE_TOKEN, QUERY_PARAMETER
from yilian.gateway.epcis.presentation import spelt
from yilian.gateway.epcis.vocabulary import WORDS
from yilian.gateway.http.epcis import listing, paging, parameters
from yilian.gateway.http.epcis.answering import Served, answer, epc_format, serve
from yilian.gateway.http.epcis.events import QUESTIONS
from yilian.gateway.http.epcis.refusals import RESOURCE_UNKNOWN
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter
from yilian.ledger.errors import Refusal

EVENT_TYPES = (
    "AggregationEvent",
    "AssociationEvent",
    "ObjectEvent",
    "TransactionEvent",
    "TransformationEvent",
)


class Branch(NamedTuple):
    """A tree: how a name in a path is called, and the parameter that asks for its events."""

    name: str
    asks: str
    always: frozenset[str] = frozenset()
    """Names that exist though no event has them."""
    identifiers: bool = False


BRANCHES: dict[Tree, Branch] = {
    "eventTypes": Branch("eventType", "eventType", frozenset(EVENT_TYPES)),
    "epcs": Branch("epc", "MATCH_anyEPC", identifiers=True),
    "bizSteps": Branch("bizStep", "EQ_bizStep", WORDS["bizStep"]),
    "bizLocations": Branch("bizLocation", "EQ_bizLocation", identifiers=True),
    "readPoints": Branch("readPoint", "EQ_readPoint", identifiers=True),
    "dispositions": Branch("disposition", "EQ_disposition", WORDS["disposition"]),
}
assert BRANCHES.keys() == set(get_args(Tree))


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers; those of longer paths first."""
    made = (_events, _one, _names)
    return tuple(make(find, tree) for make in made for tree in BRANCHES)


def path_name(branch: Branch) -> Parameter:
    """Describe a name in the path."""
    return Parameter(
        name=branch.name,
        where="path",
        schema={"type": "string"},
        description="A name of this tree, percent-encoded.",
        required=True,
    )


def _names(find: Find, tree: Tree) -> Served:
    branch = BRANCHES[tree]

    @serve(
        find,
        "GET",
        f"/{tree}",
        summary=f"List the {tree} that occur in events",
        parameters=(*paging.PARAMETERS, *listing.FORMATS[:1]),
        content={JSON: dict[str, Any]},
        problems=(PAGE_TOKEN,),
    )
    async def names(request: Request, visit: Visit) -> Response:
        asked = paging.read(request, visit)
        place = None if asked.place is None else str(asked.place)
        found = await to_thread.run_sync(
            visit.room.repository.browse, tree, place, asked.limit, visit.viewer
        )
        members = found.names
        if branch.identifiers:
            form = epc_format(request)
            members = [spelt(each, form, visit.room.prefix_length) for each in members]
        return answer(
            request,
            listing.collection(members),
            headers=paging.following(request, visit, found.next),
        )

    return names


def _one(find: Find, tree: Tree) -> Served:
    branch = BRANCHES[tree]

    @serve(
        find,
        "GET",
        f"/{tree}/{{{branch.name}}}",
        summary=f"List what stands below a name of {tree}",
        parameters=(path_name(branch),),
        content={JSON: dict[str, Any]},
        problems=(RESOURCE_UNKNOWN,),
    )
    async def one(request: Request, visit: Visit) -> Response:
        await require_known(request, visit, tree)
        return answer(request, listing.collection(["events"]))

    return one


def _events(find: Find, tree: Tree) -> Served:
    branch = BRANCHES[tree]

    @serve(
        find,
        "GET",
        f"/{tree}/{{{branch.name}}}/events",
        summary=f"Ask for the events of a name of {tree}",
        parameters=(path_name(branch), *paging.PARAMETERS, *listing.FORMATS),
        content=listing.DOCUMENT,
        problems=(RESOURCE_UNKNOWN, *QUESTIONS),
    )
    async def events(request: Request, visit: Visit) -> Response:
        await require_known(request, visit, tree)
        fixed = {branch.asks: [request.path_params[branch.name]]}
        return await listing.ask(request, visit, parameters.read(request, fixed))

    return events


async def require_known(request: Request, visit: Visit, tree: Tree) -> None:
    """Refuse a name of which the caller sees no event (`epcis.resource_unknown`).

    Types of events, and steps and dispositions of the CBV, are known always.
    """
    branch = BRANCHES[tree]
    name = request.path_params[branch.name]
    if name in branch.always:
        return
    try:
        page = await to_thread.run_sync(
            lambda: visit.room.repository.query(
                {branch.asks: [name]}, page=None, limit=1, viewer=visit.viewer
            )
        )
    except Refusal as refusal:
        # A name that could not stand in any event is as unknown as one that does not.
        if refusal.code is QUERY_PARAMETER:
            raise RESOURCE_UNKNOWN() from None
        raise
    if not page.events:
        raise RESOURCE_UNKNOWN()
