"""`yilian up`: run a node and serve it until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import click

from yilian.cli import values
from yilian.cli.console import DONE, STOPPED, USAGE, Console
from yilian.cli.shape import Command, Option
from yilian.ledger.errors import LawUnknown
from yilian.node.config import ConfigurationError

SCANNED_FIRST = 1_000
"""Up to so many heights all blocks are checked before the node serves; above, while it does."""


def command(console: Console) -> Command:
    """Make the command."""

    def run(folder: Path, host: str | None, port: int | None) -> int:
        from yilian.bootstrap import Node
        from yilian.node.config import NodeFolder
        from yilian.node.store import StoreBusy, StoreDamaged

        try:
            node = Node(NodeFolder(folder))
        except ConfigurationError as error:
            console.note(str(error))
            console.fail({"code": "node_not_configured", "title": str(error)})
            return USAGE
        except StoreBusy:
            text = console.of("node", "busy", folder=str(folder))
            console.note(text)
            console.fail({"code": "busy", "title": text})
            return USAGE
        except StoreDamaged as damaged:
            console.note(console.of("node", "damaged", what=damaged.what, folder=str(folder)))
            console.fail({"code": "store_damaged", "title": damaged.what, "height": damaged.height})
            return STOPPED
        with node:
            return _serve(console, node, host, port)

    of = console.of
    params: list[click.Parameter] = [
        click.Argument(["folder"], metavar="FOLDER", type=values.file(console)),
        Option(console, ["--host"], of("node", "options/host"), metavar="ADDRESS"),
        Option(
            console,
            ["--port"],
            of("node", "options/serve_port"),
            type=values.whole(console, int),
            metavar="NUMBER",
        ),
    ]
    return Command(console, "up", console.words("nouns/up"), run, params)


def _serve(console: Console, node: Any, host: str | None, port: int | None) -> int:
    from yilian.gateway.server import server
    from yilian.node.supervise import ease_collector, structured_logs

    at = host or node.configuration.host
    try:
        listener = socket.create_server(
            (at, node.configuration.port if port is None else port), backlog=512
        )
    except OSError as error:
        taken = node.configuration.port if port is None else port
        text = console.of("node", "port_taken", host=at, port=taken)
        console.note(text)
        console.fail({"code": "port_taken", "title": text, "reason": os.strerror(error.errno or 0)})
        return USAGE
    address = f"http://{at}:{listener.getsockname()[1]}"
    if node.engine.height <= SCANNED_FIRST and node.scan() is not None:
        return _stopped(console, node)
    ease_collector()
    structured_logs()
    app = node.app()
    made = server(app)

    def end(*_: object) -> None:
        made.should_exit = True

    node.engine.when_condemned = lambda: os.kill(os.getpid(), signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Before the server has its own handlers, and again once it has ended and raises what it
        # caught: the stores still have to be closed, so neither time may end the process.
        signal.signal(number, end)
    console.show(
        {"ok": True, "address": address, "height": node.engine.height, "pid": os.getpid()},
        [console.of("node", "serving", address=address, height=node.engine.height)],
    )
    sys.stdout.flush()
    threading.Thread(target=_scan, args=(node,), name="yilian-scan", daemon=True).start()
    made.run([listener])
    app.state.door.close()
    return DONE if node.engine.fault is None else _stopped(console, node)


def _scan(node: Any) -> None:
    """Check all blocks beside the serving; the first bad one ends it (`when_condemned`)."""
    node.scan()


def _stopped(console: Console, node: Any) -> int:
    fault, folder = node.engine.fault, str(node.folder.path)
    if isinstance(fault, LawUnknown):
        text = console.of("node", "law_unknown", version=fault.version, height=fault.height)
        console.note(text)
        console.fail({"code": "law_unknown", "title": text, "height": fault.height})
        return STOPPED
    what = str(fault)
    console.note(console.of("node", "damaged", what=what, folder=folder))
    console.fail({"code": "store_damaged", "title": what})
    return STOPPED
