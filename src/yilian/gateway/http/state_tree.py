"""Reading the state tree's hashes, so that two nodes can be compared: never what a key holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import errors
from yilian.gateway.door import door
from yilian.gateway.http import asking
from yilian.gateway.http.answers import StateHash, StateLeaf, StatePart
from yilian.gateway.http.chain import MAX_KEY
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation, routes
from yilian.node.difference import DEEPEST, Few, State
from yilian.node.store import BeforeFirst

_T = TypeVar("_T")
_DIGITS = frozenset("0123456789abcdef")

_HEIGHT = Parameter(
    name="height",
    where="query",
    schema={"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    description="The newest height or one of the 100 before it.",
    required=True,
)


@operation(
    "GET",
    "/v1/state/tree",
    tag="chain",
    summary="Read a subtree of the state tree by its hashes, to compare two nodes.",
    parameters=(
        _HEIGHT,
        Parameter(
            name="place",
            where="query",
            schema={"type": "string", "pattern": f"^[0-9a-f]{{0,{DEEPEST}}}$"},
            description="The first hexadecimal digits of its paths; none for the whole tree.",
        ),
    ),
    answers=(Answer(status=200, description="The subtree.", content={JSON: StatePart}),),
    problems=(errors.HEIGHT_NOT_KEPT, errors.NOT_YET),
)
async def read_state_tree(request: Request) -> Response:
    """Give a subtree's parts by their marks, or its leaves by hash and key."""
    asked = asking.query(request, "height", "place")
    height = asking.whole(asked.get("height", ""), "height")
    place = asked.get("place", "")
    if len(place) > DEEPEST or not _DIGITS.issuperset(place):
        raise errors.BAD_PARAMETER(name="place")
    found = await _read(request, height, lambda state: state.node(place))
    if isinstance(found, Few):
        leaves = [StateLeaf(hash=leaf.hex(), key=key.decode("ascii")) for leaf, key in found.leaves]
        return answer(request, StatePart(height=height, place=place, marks=None, leaves=leaves))
    marks = [each.hex() for each in found.marks]
    return answer(request, StatePart(height=height, place=place, marks=marks, leaves=None))


@operation(
    "GET",
    "/v1/state/hash",
    tag="chain",
    summary="Read the hash of what a state key held after a height.",
    parameters=(
        _HEIGHT,
        Parameter(
            name="key",
            where="query",
            schema={"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_KEY},
            description="A state key.",
            required=True,
        ),
    ),
    answers=(Answer(status=200, description="The hash.", content={JSON: StateHash}),),
    problems=(errors.HEIGHT_NOT_KEPT, errors.NOT_YET),
)
async def read_state_hash(request: Request) -> Response:
    """Give the hash of a value under the chain's own hash function."""
    asked = asking.query(request, "height", "key")
    height = asking.whole(asked.get("height", ""), "height")
    key = asked.get("key", "")
    if not (0 < len(key) <= MAX_KEY and all("!" <= each <= "~" for each in key)):
        raise errors.BAD_PARAMETER(name="key")
    found = await _read(request, height, lambda state: state.value_hash(key.encode("ascii")))
    told = None if found is None else found.hex()
    return answer(request, StateHash(height=height, key=key, hash=told))


async def _read(request: Request, height: int, reading: Callable[[State], _T]) -> _T:
    """Read of one state while no height is written."""
    at = door(request)
    engine = at.engine

    def read() -> _T:
        with engine.still():
            if height > engine.height:
                raise errors.NOT_YET()
            try:
                return reading(State(engine.store, height, engine.tree))
            except BeforeFirst:
                raise errors.HEIGHT_NOT_KEPT(height=height) from None

    return await to_thread.run_sync(read, limiter=at.proofs)


ROUTES = routes(read_state_tree, read_state_hash)
