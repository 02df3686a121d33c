"""The application: one gateway in front of one node.

    app = build(engine, index)
    server(app, "127.0.0.1", 8420).run()        # gateway/server.py
    app.state.door.close()

The engine and the index belong to the caller, who closes them after the server has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from yilian.gateway import problems
from yilian.gateway.border import Border
from yilian.gateway.door import Door
from yilian.gateway.http import ALL
from yilian.gateway.index import ChainIndex
from yilian.gateway.pages import Documents
from yilian.node.engine import Engine


def build(engine: Engine, index: ChainIndex, *, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Make the application of a node; `routes` are served beside the gateway's own.

    A route whose handler is marked with `http.operation.operation` is described in
    `/openapi.json` and `/docs`, and counted under its address.
    """
    documents = Documents()
    every = (*ALL, *routes)
    documents.describe(every)
    app = Starlette(
        routes=[*every, *documents.routes()],
        middleware=[Middleware(Border)],
        exception_handlers=problems.HANDLERS,
    )
    app.router.redirect_slashes = False
    app.state.door = Door(engine, index)
    return app
