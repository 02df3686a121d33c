"""The checkpoint log for strangers and witnesses: checkpoint, key, tiles and proofs (C2SP).

Everything here is text or bytes as C2SP describes them (`ledger/checkpoint.py` names the versions),
so that tools written by others can read it. Nobody posts: witnesses pull.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from yilian.gateway import errors
from yilian.gateway.door import door
from yilian.gateway.http import asking
from yilian.gateway.http.operation import Answer, Parameter, operation
from yilian.gateway.http.tables import PROOF_SECONDS
from yilian.node.log import LOG_CONTRADICTED, LOG_NOT_SERVED, TILE_UNKNOWN, CheckpointLog

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
HASH_PATTERN = "^[0-9a-f]{64}$"

_NOTE = Answer(status=200, description="The signed note.", content={"text/plain": str})
_PROOF = Answer(status=200, description="A tlog-proof.", content={"text/plain": str})
_TILE = Answer(status=200, description="The tile.", content={BYTES: bytes})
_KEY = Answer(status=200, description="A vkey.", content={"text/plain": str})
_UNSERVED = (LOG_NOT_SERVED, LOG_CONTRADICTED)

Handler = Callable[[Request], Awaitable[Response]]


def routes(log: CheckpointLog) -> tuple[BaseRoute, ...]:
    """Make the routes below `/v1/log` of a node whose log this is."""
    made = []
    for each in (_checkpoint(log), _key(log), _proof(log), _height(log), _tile(log)):
        path = each.operation.path.replace("{name}", "{name:path}")  # type: ignore[attr-defined]
        made.append(Route(path, each, methods=["GET"]))
    return tuple(made)


def _checkpoint(log: CheckpointLog) -> Handler:
    @operation(
        "GET",
        "/v1/log/checkpoint",
        tag="log",
        summary="Read a checkpoint of the chain's log, signed by this node.",
        answers=(_NOTE,),
        problems=_UNSERVED,
    )
    async def read_checkpoint(request: Request) -> Response:
        """Give the newest checkpoint, signing it if it is new."""
        asking.query(request)
        note = await to_thread.run_sync(log.checkpoint)
        return Response(note, 200, {"Cache-Control": "no-cache"}, TEXT)

    return read_checkpoint


def _key(log: CheckpointLog) -> Handler:
    @operation(
        "GET",
        "/v1/log/key",
        tag="log",
        summary="Read the key of this node's log as a vkey; compare it by another way.",
        answers=(_KEY,),
    )
    async def read_key(request: Request) -> Response:
        """Give the log's key."""
        asking.query(request)
        return Response(log.key.encode() + "\n", 200, None, TEXT)

    return read_key


def _proof(log: CheckpointLog) -> Handler:
    @operation(
        "GET",
        "/v1/log/proof",
        tag="log",
        summary="Prove that the block that closes a transaction's receipt is in the log.",
        parameters=(
            Parameter(
                name="transaction",
                where="query",
                schema={"type": "string", "pattern": HASH_PATTERN},
                description="A transaction's hash.",
                required=True,
            ),
        ),
        answers=(_PROOF,),
        problems=(
            errors.NOT_FOUND,
            errors.NOT_YET,
            errors.ENGINE_STOPPED,
            errors.HEIGHT_NOT_KEPT,
            *_UNSERVED,
        ),
    )
    async def read_proof(request: Request) -> Response:
        """Give a proof of inclusion; waits for the block."""
        given = asking.query(request, "transaction").get("transaction", "")
        at = door(request)
        height = await to_thread.run_sync(_closing, request, given, limiter=at.proofs)
        return await _proved(log, request, height)

    return read_proof


def _height(log: CheckpointLog) -> Handler:
    @operation(
        "GET",
        "/v1/log/proof/{height}",
        tag="log",
        summary="Prove that a block is in the log.",
        parameters=(
            Parameter(
                name="height",
                where="path",
                schema={"type": "string", "pattern": "^[1-9][0-9]{0,14}$"},
                description="A height.",
                required=True,
            ),
        ),
        answers=(_PROOF,),
        problems=(errors.NOT_YET, errors.ENGINE_STOPPED, *_UNSERVED),
    )
    async def read_height(request: Request) -> Response:
        """Give a proof of inclusion."""
        asking.query(request)
        height = asking.whole(request.path_params["height"], "height", 1)
        if height > door(request).engine.height:
            raise errors.NOT_YET()
        return await _proved(log, request, height)

    return read_height


async def _proved(log: CheckpointLog, request: Request, height: int) -> Response:
    limiter = door(request).proofs
    proof = await to_thread.run_sync(log.proof, height, PROOF_SECONDS, limiter=limiter)
    return Response(proof, 200, None, TEXT)


def _closing(request: Request, given: str) -> int:
    """The height whose header closes a transaction's receipt, once it is there."""
    if len(given) != 64 or not set(given) <= set("0123456789abcdef"):
        raise errors.BAD_PARAMETER(name="transaction")
    at = door(request)
    name = bytes.fromhex(given)
    if at.engine.receipt(name, PROOF_SECONDS) is None:
        raise errors.NOT_YET() if at.submissions.pending(name) is not None else errors.NOT_FOUND()
    place = at.engine.store.where(name)
    if place is None:
        raise errors.NOT_FOUND()
    return place[0] + 1


def _tile(log: CheckpointLog) -> Handler:
    @operation(
        "GET",
        "/v1/log/tile/{name}",
        tag="log",
        summary="Read a tile of the log's hashes, or a bundle of its entries.",
        parameters=(
            Parameter(
                name="name",
                where="path",
                schema={"type": "string", "minLength": 5, "maxLength": 40},
                description="As tlog-tiles names it: `0/x001/067`, `entries/000.p/12`.",
                required=True,
            ),
        ),
        answers=(_TILE,),
        problems=(TILE_UNKNOWN,),
    )
    async def read_tile(request: Request) -> Response:
        """Give a tile."""
        asking.query(request)
        path = "tile/" + request.path_params["name"]
        data = await to_thread.run_sync(log.tile, path, limiter=door(request).proofs)
        return Response(data, 200, {"Cache-Control": "public, max-age=31536000, immutable"}, BYTES)

    return read_tile
