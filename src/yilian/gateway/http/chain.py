"""Reading the chain itself: status, genesis, trust, blocks and state proofs."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian import __version__
from yilian.gateway import errors
from yilian.gateway.door import door
from yilian.gateway.http import asking
from yilian.gateway.http.answers import (
    BlockDetail,
    BlockLine,
    BlockPage,
    LightBlock,
    NodeStatus,
    TransactionLine,
    Turn,
    TurnPage,
)
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation, routes
from yilian.gateway.http.tables import PROOF_SECONDS
from yilian.ledger import block_json
from yilian.ledger.genesis import Genesis

MAX_KEY = 256
TURNS_AT_ONCE = 20
_INDEX_SECONDS = 2.0


@operation(
    "GET",
    "/v1/status",
    tag="chain",
    summary="See where the node stands.",
    answers=(Answer(status=200, description="The status.", content={JSON: NodeStatus}),),
)
async def read_status(request: Request) -> Response:
    """Tell where the node stands."""
    asking.query(request)
    at = door(request)
    tip = at.engine.tip
    return answer(
        request,
        NodeStatus(
            chain=at.chain,
            engine=at.engine.kind,
            height=tip.height,
            time=tip.time,
            app_hash=tip.app_hash.hex(),
            pending=at.engine.pending(),
            index_height=at.index.height,
            version=__version__,
        ),
    )


@operation(
    "GET",
    "/v1/genesis",
    tag="chain",
    summary="Read the genesis document, byte for byte.",
    answers=(Answer(status=200, description="The genesis document.", content={JSON: Genesis}),),
)
async def read_genesis(request: Request) -> Response:
    """Give the genesis document."""
    asking.query(request)
    return answer(request, door(request).engine.genesis)


@operation(
    "GET",
    "/v1/trust",
    tag="chain",
    summary="Read this node's trust file; compare it with one that came another way.",
    answers=(Answer(status=200, description="The trust file.", content={JSON: dict[str, Any]}),),
)
def read_trust(request: Request) -> Response:
    """Give the trust file."""
    asking.query(request)
    return answer(request, door(request).engine.trust())


@operation(
    "GET",
    "/v1/blocks",
    tag="chain",
    summary="List blocks, newest first.",
    parameters=(
        Parameter(
            name="before",
            where="query",
            schema={"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
            description="Only blocks below this height.",
        ),
        Parameter(
            name="limit",
            where="query",
            schema=asking.LIMIT_SCHEMA,
            description="How many at most.",
        ),
    ),
    answers=(Answer(status=200, description="A page of blocks.", content={JSON: BlockPage}),),
)
def list_blocks(request: Request) -> Response:
    """List blocks."""
    asked = asking.query(request, "before", "limit")
    before = None if "before" not in asked else asking.whole(asked["before"], "before")
    limit = asking.limit(asked)
    found = door(request).index.read.blocks(before, limit)
    lines = [
        BlockLine(
            height=each.height,
            time=each.time,
            hash=each.hash,
            transactions=each.transactions,
            events=each.events,
        )
        for each in found
    ]
    more = len(lines) == limit and lines[-1].height > 1
    page = BlockPage(blocks=lines, next=lines[-1].height if more else None)
    headers = {}
    if more:
        headers["Link"] = f'</v1/blocks?before={page.next}&limit={limit}>; rel="next"'
    return answer(request, page, headers=headers)


@operation(
    "GET",
    "/v1/blocks/{height}",
    tag="chain",
    summary="Read a block with its header and commit.",
    parameters=(
        Parameter(
            name="height",
            where="path",
            schema={"type": "string", "pattern": "^(latest|0|[1-9][0-9]{0,15})$"},
            description="A height, or `latest`.",
            required=True,
        ),
    ),
    answers=(Answer(status=200, description="The block.", content={JSON: BlockDetail}),),
    problems=(errors.NOT_FOUND, errors.NOT_YET, errors.HEIGHT_NOT_KEPT),
)
def read_block(request: Request) -> Response:
    """Give a block."""
    asking.query(request)
    at = door(request)
    text = request.path_params["height"]
    newest = at.engine.sealed_height
    height = newest if text == "latest" else asking.whole(text, "height")
    if newest < height <= at.engine.height:
        raise errors.NOT_YET()
    if not 1 <= height <= newest:
        raise errors.NOT_FOUND()
    if height < at.engine.store.base():
        raise errors.HEIGHT_NOT_KEPT(height=height)
    block, commit = at.engine.store.block(height), at.engine.store.commit(height)
    if block is None or commit is None:
        raise errors.NOT_FOUND()
    if not at.index.wait(height, _INDEX_SECONDS):
        raise errors.NOT_YET()
    lines = [
        TransactionLine(hash=each.hash, code=each.code, types=each.types)
        for each in at.index.read.transactions(height)
    ]
    return answer(
        request,
        BlockDetail(
            height=height,
            time=block.header.time // 1_000_000,
            hash=block.header.hash().hex(),
            transactions=lines,
            header=block_json.header_to_json(block.header),
            commit=block_json.commit_to_json(commit),
        ),
    )


@operation(
    "GET",
    "/v1/blocks/{height}/light",
    tag="chain",
    summary="Read a block's header, commit and validators, as a light client wants them.",
    parameters=(
        Parameter(
            name="height",
            where="path",
            schema={"type": "string", "pattern": "^(latest|0|[1-9][0-9]{0,15})$"},
            description="A height, or `latest`.",
            required=True,
        ),
    ),
    answers=(Answer(status=200, description="The light block.", content={JSON: LightBlock}),),
    problems=(errors.NOT_FOUND, errors.NOT_YET),
)
def read_light_block(request: Request) -> Response:
    """Give what a CometBFT light client needs of a height, in the form of CometBFT's RPC."""
    asking.query(request)
    engine = door(request).engine
    newest = engine.sealed_height
    text = request.path_params["height"]
    height = newest if text == "latest" else asking.whole(text, "height")
    if newest < height <= engine.height:
        raise errors.NOT_YET()
    found = engine.history.signed(height) if 1 <= height <= newest else None
    if found is None:
        raise errors.NOT_FOUND()
    header, commit, validators = found
    return answer(
        request,
        LightBlock(
            header=block_json.header_to_json(header),
            commit=block_json.commit_to_json(commit),
            validators=block_json.validators_to_json(validators),
        ),
    )


@operation(
    "GET",
    "/v1/history",
    tag="chain",
    summary="Read the blocks after which other validators sign, oldest first.",
    parameters=(
        Parameter(
            name="after",
            where="query",
            schema={"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
            description="Only blocks above this height.",
        ),
    ),
    answers=(Answer(status=200, description="A page of them.", content={JSON: TurnPage}),),
)
def read_history(request: Request) -> Response:
    """Give what leads from the first validators to those of the newest block."""
    after = asking.whole(asking.query(request, "after").get("after", "0"), "after")
    engine = door(request).engine
    found = engine.history.turns(engine.sealed_height + 1, after)
    page = [Turn(**each.to_json()) for each in found[:TURNS_AT_ONCE]]
    more = len(found) > len(page)
    following = found[len(page) - 1].header.height if more else None
    return answer(request, TurnPage(turns=page, next=following))


@operation(
    "GET",
    "/v1/state",
    tag="chain",
    summary="Prove what a state key holds, or that it holds nothing.",
    parameters=(
        Parameter(
            name="key",
            where="query",
            schema={"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_KEY},
            description="A state key, such as `consent/grant/<id>`.",
            required=True,
        ),
        Parameter(
            name="height",
            where="query",
            schema={"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
            description="One of the last 100 heights; the newest by default.",
        ),
    ),
    answers=(Answer(status=200, description="The state proof.", content={JSON: dict[str, Any]}),),
    problems=(errors.HEIGHT_NOT_KEPT, errors.NOT_YET, errors.ENGINE_STOPPED),
)
async def read_state(request: Request) -> Response:
    """Give a state proof."""
    asked = asking.query(request, "key", "height")
    key = asked.get("key", "")
    if not (0 < len(key) <= MAX_KEY and all("!" <= each <= "~" for each in key)):
        raise errors.BAD_PARAMETER(name="key")
    height = None if "height" not in asked else asking.whole(asked["height"], "height", 1)
    at = door(request)
    if height is not None and height > at.engine.height:
        raise errors.NOT_YET()
    try:
        proof = await to_thread.run_sync(
            lambda: at.engine.state_proof(key.encode("ascii"), height, PROOF_SECONDS),
            limiter=at.proofs,
        )
    except KeyError:
        raise errors.HEIGHT_NOT_KEPT(height=height or 0) from None
    return answer(request, proof)


ROUTES = routes(
    read_status,
    read_genesis,
    read_trust,
    list_blocks,
    read_block,
    read_light_block,
    read_history,
    read_state,
)
